"""The log of deliveries: tests, what was sent, sending again, and forgetting."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery with what is known of its last try."""

    id: int
    endpoint_id: int | None
    key: UUID
    type: str
    at: datetime
    kind: str
    status: str
    tries: int
    due_at: datetime
    tried_at: datetime | None
    finished_at: datetime | None
    status_code: int | None
    error: str | None
    duration_ms: int | None
    response: str | None
    data: dict[str, Any]


def insert_test_event(session: Session, endpoint_id: int, data: str) -> int:
    """An event for one endpoint alone, whatever it asked for; returns its delivery."""
    return int(
        session.execute(
            text("""
                WITH event AS (
                    INSERT INTO outgoing_events (type, data)
                    VALUES ('webhook.test', CAST(:data AS jsonb)) RETURNING id
                )
                INSERT INTO webhook_deliveries (event_id, endpoint_id, kind, due_at)
                SELECT id, :endpoint, 'webhook', clock_timestamp() FROM event RETURNING id
            """),
            {"endpoint": endpoint_id, "data": data},
        ).scalar_one()
    )


_SHOWN = """
    SELECT d.id, d.endpoint_id, v.key, v.type, v.at, d.kind, d.status, d.tries, d.due_at,
           d.tried_at, d.finished_at, d.status_code, d.error, d.duration_ms, d.response, v.data
    FROM webhook_deliveries d JOIN outgoing_events v ON v.id = d.event_id
"""


def list_deliveries(
    session: Session,
    endpoint_id: int,
    *,
    status: str | None,
    before: int | None,
    limit: int,
) -> list[DeliveryRow]:
    """An endpoint's deliveries, newest first, those before the id `before`."""
    rows = session.execute(
        text(f"""
            {_SHOWN} WHERE d.endpoint_id = :endpoint
              {"AND d.status = :status" if status else ""}
              AND d.id < coalesce(:before, 9223372036854775807)
            ORDER BY d.id DESC LIMIT :limit
        """),
        {"endpoint": endpoint_id, "status": status, "before": before, "limit": limit},
    )
    return [DeliveryRow(*row) for row in rows]


def find_delivery(session: Session, delivery_id: int) -> DeliveryRow | None:
    """One delivery."""
    row = session.execute(text(f"{_SHOWN} WHERE d.id = :id"), {"id": delivery_id}).one_or_none()
    return None if row is None else DeliveryRow(*row)


def replay_delivery(session: Session, delivery_id: int) -> bool:
    """Send it once more, from the first try on, unless it is being sent this moment."""
    found = session.execute(
        text("""
            UPDATE webhook_deliveries
            SET status = 'waiting', due_at = clock_timestamp(), tries = 0, finished_at = NULL
            WHERE id = :id AND NOT (status = 'sending' AND due_at > clock_timestamp())
            RETURNING true
        """),
        {"id": delivery_id},
    )
    return bool(found.scalar_one_or_none())


def replay_failed(session: Session, endpoint_id: int, since: datetime, limit: int) -> int:
    """Send again what failed and was stored since then, up to `limit`; returns how many."""
    rows = session.execute(
        text("""
            UPDATE webhook_deliveries
            SET status = 'waiting', due_at = clock_timestamp(), tries = 0, finished_at = NULL
            WHERE id IN (
                SELECT id FROM webhook_deliveries
                WHERE endpoint_id = :endpoint AND status IN ('given_up', 'waiting')
                  AND created_at >= :since AND (status = 'given_up' OR tries > 0)
                ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
            )
            RETURNING 1
        """),
        {"endpoint": endpoint_id, "since": since, "limit": limit},
    )
    return len(rows.all())


def forget_deliveries(session: Session, before: datetime, limit: int = 5000) -> int:
    """Drop deliveries stored before then, but for those on their way to an active endpoint."""
    rows = session.execute(
        text("""
            DELETE FROM webhook_deliveries WHERE id IN (
                SELECT d.id FROM webhook_deliveries d
                LEFT JOIN webhook_endpoints e ON e.id = d.endpoint_id
                WHERE d.created_at < :before
                  AND (d.status IN ('delivered', 'given_up') OR e.status <> 'active')
                ORDER BY d.created_at LIMIT :limit
            )
            RETURNING 1
        """),
        {"before": before, "limit": limit},
    )
    return len(rows.all())


def forget_events(session: Session, before: datetime, limit: int = 5000) -> int:
    """Drop events of before then that no delivery names any more."""
    rows = session.execute(
        text("""
            DELETE FROM outgoing_events WHERE id IN (
                SELECT v.id FROM outgoing_events v
                WHERE v.at < :before AND NOT EXISTS (
                    SELECT 1 FROM webhook_deliveries d WHERE d.event_id = v.id)
                ORDER BY v.at LIMIT :limit
            )
            RETURNING 1
        """),
        {"before": before, "limit": limit},
    )
    return len(rows.all())


def forget_removed_endpoints(session: Session) -> None:
    """Drop removed endpoints that no delivery names any more."""
    session.execute(
        text("""
            DELETE FROM webhook_endpoints e WHERE e.status = 'removed' AND NOT EXISTS (
                SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id)
        """)
    )
