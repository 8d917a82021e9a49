"""Endpoints and deliveries: claimed for a while by whoever sends, and recorded what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.models import WebhookEndpoint


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours to send until its lease ends. `tries` counts this one."""

    id: int
    tries: int
    endpoint_id: int | None
    key: UUID
    type: str
    at: datetime
    data: dict[str, Any]
    url: str | None
    secret: bytes | None = field(repr=False)
    old_secret: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try, for the record. `due_at` is the next one; None: there is none."""

    status_code: int | None
    error: str | None
    duration_ms: int
    response: str | None
    due_at: datetime | None = None


# --- endpoints --------------------------------------------------------------------------------


def list_endpoints(session: Session) -> list[WebhookEndpoint]:
    """Every endpoint that was not removed, oldest first."""
    return list(
        session.scalars(
            select(WebhookEndpoint)
            .where(WebhookEndpoint.status != "removed")
            .order_by(WebhookEndpoint.id)
        )
    )


def find_endpoint(
    session: Session, endpoint_id: int, *, lock: bool = False
) -> WebhookEndpoint | None:
    """The endpoint, unless it was removed; locked so that events may still name it."""
    mode = {"key_share": True} if lock else None
    row = session.get(WebhookEndpoint, endpoint_id, with_for_update=mode, populate_existing=True)
    return None if row is None or row.status == "removed" else row


def note_endpoint_success(session: Session, endpoint_id: int) -> None:
    """It has accepted something: whatever failed before is forgiven."""
    session.execute(
        text("""
            UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, rest_until = NULL,
                succeeded_at = clock_timestamp()
            WHERE id = :id AND (failures > 0 OR succeeded_at IS NULL
                OR succeeded_at < clock_timestamp() - interval '10 seconds')
        """),
        {"id": endpoint_id},
    )


def note_endpoint_failure(
    session: Session, endpoint_id: int, *, rest: float, longest: float, asked: float
) -> datetime:
    """One more failure in a row; returns since when it fails.

    It rests `rest` seconds for each, at most `longest`, and no less than it `asked` for.
    """
    since: datetime = session.execute(
        text("""
            UPDATE webhook_endpoints SET failures = failures + 1,
                failing_since = coalesce(failing_since, clock_timestamp()),
                rest_until = clock_timestamp()
                    + make_interval(
                        secs => greatest(:asked, least(:longest, :rest * (failures + 1))))
            WHERE id = :id RETURNING failing_since
        """),
        {"id": endpoint_id, "rest": rest, "longest": longest, "asked": asked},
    ).scalar_one()
    return since


def disable_endpoint(session: Session, endpoint_id: int, sentence: str) -> bool:
    """Send it nothing more; False when it was not active."""
    changed = session.execute(
        text("""
            UPDATE webhook_endpoints SET status = 'disabled', status_reason = :why
            WHERE id = :id AND status = 'active' RETURNING true
        """),
        {"id": endpoint_id, "why": sentence},
    )
    return bool(changed.scalar_one_or_none())


# --- claiming ---------------------------------------------------------------------------------

_DUE = "d.status IN ('waiting', 'sending') AND d.due_at <= clock_timestamp()"


def claim_webhooks(
    session: Session, *, lease: float, most: int, per_endpoint: int
) -> list[ClaimedDelivery]:
    """Take up to `most` due deliveries for `lease` seconds, in turns, a few per endpoint.

    What an endpoint has in flight counts, whoever sends it; one that is failing gets one at a
    time. Two statements: the counts must be those behind the endpoints' locks.
    """
    ready = session.execute(
        text(f"""
            SELECT e.id FROM webhook_endpoints e
            WHERE e.status = 'active'
              AND (e.rest_until IS NULL OR e.rest_until <= clock_timestamp())
              AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND {_DUE})
            FOR NO KEY UPDATE OF e SKIP LOCKED
        """)
    ).scalars()
    return _claim(
        session,
        f"""
            SELECT due.id FROM unnest(CAST(:endpoints AS bigint[])) AS ready (id)
            JOIN webhook_endpoints e ON e.id = ready.id
            CROSS JOIN LATERAL (
                SELECT count(*) AS flying FROM webhook_deliveries f
                WHERE f.endpoint_id = e.id AND f.status = 'sending'
                  AND f.due_at > clock_timestamp()
            ) now
            CROSS JOIN LATERAL (
                SELECT turn.id, turn.due_at, row_number() OVER (ORDER BY turn.due_at) AS place
                FROM (
                    SELECT d.id, d.due_at FROM webhook_deliveries d
                    WHERE d.endpoint_id = e.id AND {_DUE}
                    ORDER BY d.due_at
                    LIMIT greatest(0, CASE WHEN e.failures = 0 THEN :each ELSE 1 END - now.flying)
                    FOR UPDATE SKIP LOCKED
                ) turn
            ) due
            ORDER BY due.place, due.due_at LIMIT :most
        """,
        {"endpoints": list(ready), "each": per_endpoint, "most": most, "lease": lease},
    )


def claim_mails(session: Session, *, lease: float, most: int) -> list[ClaimedDelivery]:
    """Take due mails for `lease` seconds."""
    return _claim(
        session,
        f"""
            SELECT d.id FROM webhook_deliveries d
            WHERE d.endpoint_id IS NULL AND {_DUE}
            ORDER BY d.due_at LIMIT :most FOR UPDATE SKIP LOCKED
        """,
        {"most": most, "lease": lease},
    )


def claim_delivery(session: Session, delivery_id: int, *, lease: float) -> ClaimedDelivery | None:
    """Take this very delivery, due or not; None when somebody else is sending it, or has."""
    found = _claim(
        session,
        """
            SELECT d.id FROM webhook_deliveries d
            WHERE d.id = :id AND d.status = 'waiting' FOR UPDATE SKIP LOCKED
        """,
        {"id": delivery_id, "lease": lease},
    )
    return found[0] if found else None


def _claim(session: Session, which: str, values: dict[str, Any]) -> list[ClaimedDelivery]:
    rows = session.execute(
        text(f"""
            WITH mine AS MATERIALIZED ({which}), taken AS (
                UPDATE webhook_deliveries d
                SET status = 'sending', tries = least(d.tries + 1, 32000),
                    tried_at = clock_timestamp(),
                    due_at = clock_timestamp() + make_interval(secs => :lease)
                FROM mine WHERE d.id = mine.id
                RETURNING d.id, d.tries, d.endpoint_id, d.event_id
            )
            SELECT t.id, t.tries, t.endpoint_id, v.key, v.type, v.at, v.data, e.url, e.secret,
                   CASE WHEN e.old_secret_until > clock_timestamp() THEN e.old_secret END
            FROM taken t
            JOIN outgoing_events v ON v.id = t.event_id
            LEFT JOIN webhook_endpoints e ON e.id = t.endpoint_id
            ORDER BY t.id
        """),
        values,
    )
    return [ClaimedDelivery(*row) for row in rows]


# --- recording --------------------------------------------------------------------------------


def record_delivered(session: Session, one: ClaimedDelivery, tried: Tried) -> None:
    """It was accepted. That counts whoever else took it since, when our lease had ended."""
    _record(session, one, tried, "delivered", "status <> 'delivered'")


def record_failed(session: Session, one: ClaimedDelivery, tried: Tried) -> None:
    """It was not; it waits for its next try, or is given up. Only while it is still ours."""
    status = "given_up" if tried.due_at is None else "waiting"
    _record(session, one, tried, status, "status = 'sending' AND tries = :tries")


def _record(
    session: Session, one: ClaimedDelivery, tried: Tried, status: str, unless_changed: str
) -> None:
    session.execute(
        text(f"""
            UPDATE webhook_deliveries
            SET status = :status, status_code = :code, error = :error, duration_ms = :ms,
                response = :response, due_at = coalesce(:due_at, due_at),
                finished_at = CASE WHEN :over THEN clock_timestamp() END
            WHERE id = :id AND {unless_changed}
        """),
        {
            "id": one.id,
            "tries": one.tries,
            "status": status,
            "over": status != "waiting",
            "code": tried.status_code,
            "error": tried.error,
            "ms": tried.duration_ms,
            "response": tried.response,
            "due_at": tried.due_at,
        },
    )
