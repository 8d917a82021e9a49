"""Provider notifications: stored raw in a commit of their own, then applied."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.calls import AnsweredBy, CallEvent, EventKind
from campaigns.lifecycle import Disposition
from campaigns.store.call_status import LockedAttempt, locked_attempt


def store_event(
    session: Session, attempt_id: int, event: CallEvent, raw: str, source: str
) -> tuple[int, datetime] | None:
    """Store an event as it came; its id and the database's time, None when nothing is left to do.

    That is when it was stored before, and when it is of a kind that changes nothing: such an
    event is kept and is applied by being kept.
    """
    found = session.execute(
        text("""
            INSERT INTO call_events (attempt_id, source, kind, dedupe_key, event, raw,
                                     applied_at, verdict)
            VALUES (:attempt, :source, :kind, :key, CAST(:event AS jsonb), :raw,
                    CASE WHEN :settled THEN now() END, CASE WHEN :settled THEN 'noted' END)
            ON CONFLICT (attempt_id, dedupe_key) DO NOTHING
            RETURNING id, clock_timestamp()
        """),
        {
            "attempt": attempt_id,
            "source": source,
            "kind": event.kind.value,
            "key": event.dedupe_key[:300],
            "event": json.dumps(_to_json(event)),
            "raw": raw,
            "settled": event.kind is EventKind.OTHER,
        },
    ).one_or_none()
    return None if found is None or event.kind is EventKind.OTHER else (found[0], found[1])


def lock_unapplied_event(
    session: Session, event_id: int, *, gate_closed: bool = False
) -> tuple[CallEvent, LockedAttempt] | None:
    """An event with its attempt, both locked; None when it was applied already.

    One query, since every notification passes here. None also when its attempt is cancelled,
    unless the gate is closed: who applies such an event stops an account.
    """
    columns = ", ".join(f"a.{name}" for name in LockedAttempt.__slots__)
    row = session.execute(
        text(f"""
            SELECT e.event, {columns} FROM call_events e JOIN attempts a ON a.id = e.attempt_id
            WHERE e.id = :id AND e.applied_at IS NULL AND (:gate_closed OR a.status <> 'cancelled')
            FOR NO KEY UPDATE OF e, a
        """),
        {"id": event_id, "gate_closed": gate_closed},
    ).one_or_none()
    return None if row is None else (_from_json(row[0]), locked_attempt(row[1:]))


def is_of_cancelled_attempt(session: Session, event_id: int) -> bool:
    """Whether the event tells of a call that was believed never to have been made."""
    return bool(
        session.execute(
            text("""
                SELECT a.status = 'cancelled'
                FROM call_events e JOIN attempts a ON a.id = e.attempt_id WHERE e.id = :id
            """),
            {"id": event_id},
        ).scalar_one_or_none()
    )


def leftover_events(session: Session, before: datetime, limit: int = 500) -> list[int]:
    """Events stored before `before` that nobody has applied, oldest first."""
    rows = session.execute(
        text("""
            SELECT id FROM call_events WHERE applied_at IS NULL AND received_at < :before
            ORDER BY id LIMIT :limit
        """),
        {"before": before, "limit": limit},
    )
    return [row[0] for row in rows]


def end_was_notified(session: Session, attempt_id: int) -> bool:
    """Whether the provider's own notification of a call's end has reached us."""
    return bool(
        session.execute(
            text("""
                SELECT EXISTS (SELECT FROM call_events WHERE attempt_id = :id
                               AND kind = 'ended' AND source <> 'look-up')
            """),
            {"id": attempt_id},
        ).scalar()
    )


def mark_applied(session: Session, event_id: int, verdict: str, now: datetime) -> None:
    """The event was considered; `verdict` says what came of it."""
    session.execute(
        text("UPDATE call_events SET applied_at = :now, verdict = :verdict WHERE id = :id"),
        {"id": event_id, "now": now, "verdict": verdict},
    )


def _to_json(event: CallEvent) -> dict[str, Any]:
    values = asdict(event)
    if event.occurred_at is not None:
        values["occurred_at"] = event.occurred_at.isoformat()
    return values


def _from_json(values: dict[str, Any]) -> CallEvent:
    occurred = values.get("occurred_at")
    disposition, by = values.get("disposition"), values.get("answered_by")
    return CallEvent(
        kind=EventKind(values["kind"]),
        dedupe_key=values["dedupe_key"],
        provider_call_id=values.get("provider_call_id"),
        disposition=Disposition(disposition) if disposition else None,
        answered_by=AnsweredBy(by) if by else None,
        end_reason=values.get("end_reason"),
        occurred_at=datetime.fromisoformat(occurred) if occurred else None,
        duration_seconds=values.get("duration_seconds"),
    )
