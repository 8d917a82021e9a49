"""How far this installation has come, and databases that went back in time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# So many attempts no lost stretch of time can have had: their tokens are never given out again.
LOST_IDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reached:
    """What the database says of itself.

    `identity` is the cluster, its timeline and the database as they are; `known` as they were
    when the database was marked last; None before the first mark.
    """

    identity: str
    known: str | None
    mark: int
    marked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Restoration:
    """A database that went back in time, and has forgotten what was done since `lost_since`."""

    id: int
    why: str
    lost_since: datetime
    noted_at: datetime
    was_enabled: bool


def reached(session: Session) -> Reached:
    """How far the database says it has come."""
    row = session.execute(
        text("""
            SELECT s.system_identifier || '/' || c.timeline_id || '/' || d.oid,
                   i.identity, i.mark, i.marked_at
            FROM installation i, pg_control_system() s, pg_control_checkpoint() c, pg_database d
            WHERE d.datname = current_database()
        """)
    ).one()
    return Reached(row[0], row[1], row[2], row[3])


def mark_of(session: Session) -> int:
    """How often the installation was marked."""
    return int(session.execute(text("SELECT mark FROM installation")).scalar_one())


def advance_mark(session: Session, identity: str, beyond: int) -> int:
    """Mark the database as this one, now, further than ever before and than `beyond`."""
    return int(
        session.execute(
            text("""
                UPDATE installation SET identity = :identity, marked_at = clock_timestamp(),
                    mark = greatest(mark, :beyond) + 1
                RETURNING mark
            """),
            {"identity": identity, "beyond": beyond},
        ).scalar_one()
    )


def open_restoration(session: Session) -> Restoration | None:
    """The restoration that was not reconciled yet."""
    row = session.execute(
        text("""
            SELECT id, why, lost_since, noted_at, was_enabled FROM restorations
            WHERE reconciled_at IS NULL
        """)
    ).one_or_none()
    return None if row is None else Restoration(*row)


def insert_restoration(
    session: Session, why: str, lost_since: datetime | None, switched_off: str
) -> Restoration:
    """Note that the database went back; without an instant, everything may have been forgotten.

    `switched_off` is the kill switch's reason when only the restoring has switched it off.
    """
    row = session.execute(
        text("""
            INSERT INTO restorations (why, lost_since, noted_at, was_enabled)
            SELECT :why,
                   coalesce(CAST(:since AS timestamptz), (SELECT marked_at FROM installation),
                            (SELECT min(created_at) FROM campaigns), clock_timestamp()),
                   clock_timestamp(),
                   (SELECT enabled OR reason IS NOT DISTINCT FROM :switched_off
                    FROM dialing_switch)
            RETURNING id, why, lost_since, noted_at, was_enabled
        """),
        {"why": why, "since": lost_since, "switched_off": switched_off},
    ).one()
    return Restoration(*row)


def latest_attempt_id(session: Session) -> int:
    """The latest id that was given out to an attempt."""
    return int(
        session.execute(
            text("""
                SELECT coalesce(pg_sequence_last_value(
                    CAST(pg_get_serial_sequence('attempts', 'id') AS regclass)), 0)
            """)
        ).scalar_one()
    )


def skip_lost_attempt_ids(session: Session) -> None:
    """Give out no attempt id again whose token is in a call that was forgotten."""
    session.execute(
        text("""
            SELECT setval(pg_get_serial_sequence('attempts', 'id'),
                          nextval(pg_get_serial_sequence('attempts', 'id')) + :many)
        """),
        {"many": LOST_IDS},
    )


def close_restoration(session: Session, restoration_id: int, report: Mapping[str, Any]) -> None:
    """Note that the database knows again what it had forgotten."""
    session.execute(
        text("""
            UPDATE restorations SET reconciled_at = clock_timestamp(),
                report = CAST(:report AS jsonb)
            WHERE id = :id
        """),
        {"id": restoration_id, "report": json.dumps(report)},
    )


def cancel_everything_queued(session: Session, reason: str, now: datetime) -> Sequence[Any]:
    """Cancel what was queued when the backup was made; returns what outcomes need."""
    return session.execute(
        text("""
            UPDATE attempts SET status = 'cancelled', spent = false, ended_at = :now,
                cancel_reason = :reason
            WHERE status = 'queued'
            RETURNING id, recipient_id, account_id, campaign_id, cancel_reason
        """),
        {"reason": reason, "now": now},
    ).all()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recipient whom a forgotten call may have been for.

    `attempt_id` is their live attempt, if any; `callers` are the caller ids of their campaign.
    """

    recipient_id: int
    attempt_id: int | None
    callers: frozenset[int]


def known_calls(session: Session, account_id: int, ids: Sequence[str]) -> set[str]:
    """Which of the provider's calls stand in the books."""
    rows = session.execute(
        text("""
            SELECT provider_call_id FROM attempts
            WHERE account_id = :account AND provider_call_id = ANY (:ids)
        """),
        {"account": account_id, "ids": list(ids)},
    )
    return {row[0] for row in rows}


def called_without_an_id(
    session: Session, account_id: int, numbers: Sequence[str], since: datetime
) -> set[str]:
    """Which of the numbers were called since then by attempts whose call id nobody ever told."""
    rows = session.execute(
        text("""
            SELECT DISTINCT number FROM attempts
            WHERE account_id = :account AND number = ANY (:numbers) AND claimed_at > :since
              AND provider_call_id IS NULL AND status <> 'cancelled'
        """),
        {"account": account_id, "numbers": list(numbers), "since": since},
    )
    return {row[0] for row in rows}


def caller_ids_of(session: Session, account_id: int) -> dict[str, int]:
    """The account's caller ids, by number."""
    rows = session.execute(
        text("SELECT number, id FROM caller_ids WHERE account_id = :id"), {"id": account_id}
    )
    return {row[0]: row[1] for row in rows}


def candidates(
    session: Session, account_id: int, numbers: Sequence[str]
) -> dict[str, list[Candidate]]:
    """By number, who of the account's campaigns has it and is not through. Reads everybody once."""
    rows = session.execute(
        text("""
            SELECT n.number, r.id, a.id,
                   ARRAY[c.caller_id_id] || ARRAY(SELECT m.caller_id_id FROM campaign_caller_ids m
                                                  WHERE m.campaign_id = c.id)
            FROM recipients r JOIN campaigns c ON c.id = r.campaign_id
            CROSS JOIN LATERAL unnest(r.numbers) AS n (number)
            LEFT JOIN attempts a ON a.recipient_id = r.id
                AND a.status IN ('dialing', 'ringing', 'in_progress')
            WHERE c.account_id = :account AND r.status IN ('pending', 'in_flight', 'review')
              AND n.number = ANY (:numbers)
            ORDER BY r.id
        """),
        {"account": account_id, "numbers": list(numbers)},
    )
    found: dict[str, list[Candidate]] = {}
    for number, recipient_id, attempt_id, callers in rows:
        found.setdefault(number, []).append(Candidate(recipient_id, attempt_id, frozenset(callers)))
    return found


def insert_forgotten_call(session: Session, values: Mapping[str, Any]) -> int:
    """Book a call that was made and forgotten, as it ended; returns the attempt's id."""
    return int(
        session.execute(
            text("""
                INSERT INTO attempts (recipient_id, campaign_id, account_id, caller_id_id, n, stage,
                    number, status, slot_at, not_after, open_until, rule_version, claimed_at,
                    claimed_by, accepted_at, provider_call_id, answered_at, ended_at, disposition,
                    answered_by, end_reason)
                SELECT r.id, r.campaign_id, :account, :caller,
                    1 + (SELECT count(*) FROM attempts a WHERE a.recipient_id = r.id), r.stage,
                    :number, 'ended', :at, :at, :at, 'restored', :at, 'reconcile', :at, :call_id,
                    CASE WHEN :answered THEN CAST(:at AS timestamptz) END, :now, :disposition,
                    :answered_by, :end_reason
                FROM recipients r WHERE r.id = :recipient
                RETURNING id
            """),
            dict(values),
        ).scalar_one()
    )


def put_to_review(session: Session, recipient_ids: Sequence[int], reason: str) -> int:
    """Nobody of these is called before a person has decided; those who are blocked stay it."""
    return len(
        session.execute(
            text("""
                UPDATE recipients SET status = 'review', reason = :reason, next_attempt_at = NULL,
                    updated_at = now()
                WHERE id = ANY (:ids) AND status IN ('pending', 'completed', 'exhausted')
                RETURNING id
            """),
            {"ids": list(recipient_ids), "reason": reason},
        ).all()
    )


def doubtful_recipients(session: Session) -> int:
    """How many attempts nobody can tell the end of yet."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM attempts
                WHERE status IN ('dialing', 'ringing', 'in_progress')
            """)
        ).scalar_one()
    )
