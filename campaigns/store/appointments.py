"""Appointments that are held at another time, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Move:
    """A recipient's appointment at its new time, with the key that tells such recipients apart."""

    recipient_id: int
    appointment_at: datetime
    dedupe_key: str


def lock_recipients(session: Session, ids: Sequence[int]) -> None:
    """Keep any tick from taking these recipients; whom one has taken already is waited for."""
    session.execute(
        text("""
            SELECT count(*) FROM (
                SELECT id FROM recipients WHERE id = ANY (:ids) ORDER BY id FOR NO KEY UPDATE
            ) locked
        """),
        {"ids": list(ids)},
    )


def move(session: Session, moves: Sequence[Move], now: datetime) -> list[int]:
    """Give recipients their appointments' new times; returns those who are not on the phone.

    Their reminders begin anew. Whoever opted out, was taken out by a person, or would be the same
    as somebody else in the campaign then, stays as they are; so do people for review.
    """
    rows = session.execute(
        text("""
            UPDATE recipients r SET
                appointment_at = m.appointment_at, appointment_set_at = :now,
                counted_from = :now, dedupe_key = m.dedupe_key, appointment_cancelled_at = NULL,
                updated_at = :now
            FROM unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[]),
                        CAST(:keys AS text[])) AS m (id, appointment_at, dedupe_key)
            WHERE r.id = m.id AND r.appointment_at IS DISTINCT FROM m.appointment_at
              AND (r.status IN ('pending', 'in_flight', 'completed', 'exhausted', 'expired')
                   OR (r.status = 'removed' AND r.appointment_cancelled_at IS NOT NULL))
              AND NOT EXISTS (SELECT 1 FROM recipients o WHERE o.campaign_id = r.campaign_id
                                AND o.dedupe_key = m.dedupe_key AND o.id <> r.id)
            RETURNING r.id, r.status
        """),
        {
            "ids": [one.recipient_id for one in moves],
            "ats": [one.appointment_at for one in moves],
            "keys": [one.dedupe_key for one in moves],
            "now": now,
        },
    )
    return [row[0] for row in rows if row[1] != "in_flight"]


def moved_among(session: Session, ids: Sequence[int], now: datetime) -> list[int]:
    """Those of these recipients whose appointments were moved at `now`."""
    rows = session.execute(
        text("SELECT id FROM recipients WHERE id = ANY (:ids) AND appointment_set_at = :now"),
        {"ids": list(ids), "now": now},
    )
    return [row[0] for row in rows]


def cancel(session: Session, ids: Sequence[int], reason: str, now: datetime) -> list[int]:
    """Nobody is called about these appointments any more; returns whose were not cancelled before.

    Who waits is taken out. Who is being called is taken out when that is over; what was settled
    stays as it was.
    """
    rows = session.execute(
        text("""
            UPDATE recipients SET
                appointment_cancelled_at = :now, updated_at = :now,
                status = CASE WHEN status IN ('pending', 'review') THEN 'removed' ELSE status END,
                reason = CASE WHEN status IN ('pending', 'review') THEN :reason ELSE reason END,
                next_attempt_at = NULL
            WHERE id = ANY (:ids) AND appointment_at IS NOT NULL
              AND appointment_cancelled_at IS NULL AND status <> 'removed'
            RETURNING id
        """),
        {"ids": list(ids), "reason": reason, "now": now},
    )
    return sorted(row[0] for row in rows)
