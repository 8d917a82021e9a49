"""How far the call of an attempt has got: written under its lock, and only ever forward."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.lifecycle import AttemptStatus, Disposition


@dataclass(frozen=True, slots=True)
class LockedAttempt:
    """One attempt, locked, as outcomes need it."""

    id: int
    recipient_id: int
    campaign_id: int
    account_id: int
    number: str
    status: AttemptStatus
    disposition: Disposition | None
    provisional: bool
    provider_call_id: str | None
    claimed_at: datetime | None
    accepted_at: datetime | None
    in_doubt_at: datetime | None
    recall_requested_at: datetime | None
    recall_reason: str | None
    ringing_at: datetime | None
    answered_at: datetime | None
    answered_by: str | None
    cancel_reason: str | None
    incident: str | None


_LOCKED_COLUMNS = ", ".join(LockedAttempt.__slots__)


def lock_attempt(session: Session, attempt_id: int) -> LockedAttempt | None:
    """The attempt, locked until this transaction ends; None when there is none.

    The lock lets rows that refer to the attempt be inserted meanwhile: two keys pressed at once
    would otherwise wait for each other, each with its response stored.
    """
    row = session.execute(
        text(f"SELECT {_LOCKED_COLUMNS} FROM attempts WHERE id = :id FOR NO KEY UPDATE"),
        {"id": attempt_id},
    ).one_or_none()
    return None if row is None else locked_attempt(row)


def locked_attempt(values: Sequence[Any]) -> LockedAttempt:
    """A locked attempt from the values of its columns, in the order of its fields."""
    named = dict(zip(LockedAttempt.__slots__, values, strict=True))
    named["status"] = AttemptStatus(named["status"])
    if named["disposition"] is not None:
        named["disposition"] = Disposition(named["disposition"])
    return LockedAttempt(**named)


def account_and_status(session: Session, attempt_id: int) -> tuple[int, AttemptStatus] | None:
    """An attempt's account and its status, without locking it; a cancelled one stays so."""
    row = session.execute(
        text("SELECT account_id, status FROM attempts WHERE id = :id"), {"id": attempt_id}
    ).one_or_none()
    return None if row is None else (row[0], AttemptStatus(row[1]))


def note_accepted(session: Session, attempt_id: int, call_id: str | None, now: datetime) -> None:
    """The provider has the call. An id that is already known is kept: the first one counts."""
    session.execute(
        text("""
            UPDATE attempts
            SET accepted_at = coalesce(accepted_at, :now),
                provider_call_id = coalesce(provider_call_id, :call_id)
            WHERE id = :id
        """),
        {"id": attempt_id, "call_id": call_id, "now": now},
    )


def call_id_is_taken(session: Session, account_id: int, call_id: str, attempt_id: int) -> bool:
    """Whether another attempt of the account already goes by this provider call id."""
    return bool(
        session.execute(
            text("""
                SELECT EXISTS (SELECT 1 FROM attempts
                    WHERE account_id = :account AND provider_call_id = :call_id AND id <> :id)
            """),
            {"account": account_id, "call_id": call_id, "id": attempt_id},
        ).scalar_one()
    )


def is_heard_of(session: Session, attempt_id: int) -> bool:
    """Whether anything ever came about the attempt, or its document was fetched."""
    return bool(
        session.execute(
            text("""
                SELECT EXISTS (SELECT 1 FROM call_events WHERE attempt_id = :id)
                    OR EXISTS (SELECT 1 FROM attempts WHERE id = :id AND served_at > 'epoch')
            """),
            {"id": attempt_id},
        ).scalar_one()
    )


def note_in_doubt(session: Session, attempt_id: int, reason: str, now: datetime) -> None:
    """Nobody can say whether the call exists; it keeps its recipient, its number and its slot.

    It is due for a look-up at once, unless this very doubt was noted before.
    """
    session.execute(
        text("""
            UPDATE attempts
            SET in_doubt_at = coalesce(in_doubt_at, :now), doubt_reason = :reason,
                looked_up_at = CASE WHEN doubt_reason = :reason THEN looked_up_at END
            WHERE id = :id AND status IN ('dialing', 'ringing', 'in_progress')
        """),
        {"id": attempt_id, "reason": reason[:500], "now": now},
    )


def move_forward(session: Session, attempt_id: int, status: AttemptStatus, now: datetime) -> None:
    """To ringing or in progress, stamping when; the caller has checked the rank under the lock."""
    session.execute(
        text("""
            UPDATE attempts
            SET status = :status, accepted_at = coalesce(accepted_at, :now),
                ringing_at = CASE WHEN :status = 'ringing'
                                  THEN coalesce(ringing_at, :now) ELSE ringing_at END,
                answered_at = CASE WHEN :status = 'in_progress'
                                   THEN coalesce(answered_at, :now) ELSE answered_at END
            WHERE id = :id
        """),
        {"id": attempt_id, "status": status.value, "now": now},
    )


def end_attempt(
    session: Session,
    attempt_id: int,
    disposition: Disposition,
    now: datetime,
    *,
    end_reason: str | None,
    spent: bool,
    provisional: bool = False,
) -> None:
    """End an attempt, or put a carrier's word in the place of a provisional `unknown`."""
    session.execute(
        text("""
            UPDATE attempts
            SET status = 'ended', disposition = :disposition, ended_at = coalesce(ended_at, :now),
                end_reason = coalesce(:end_reason, end_reason), spent = :spent,
                provisional = :provisional,
                answered_at = CASE WHEN :answered THEN coalesce(answered_at, :now)
                                   ELSE answered_at END
            WHERE id = :id
        """),
        {
            "id": attempt_id,
            "disposition": disposition.value,
            "now": now,
            "end_reason": end_reason,
            "spent": spent,
            "provisional": provisional,
            "answered": disposition.value.startswith("answered"),
        },
    )


def add_facts(
    session: Session,
    attempt_id: int,
    *,
    answered_by: str | None = None,
    ringing_at: datetime | None = None,
    answered_at: datetime | None = None,
    disposition: Disposition | None = None,
) -> None:
    """Add what a late event knows to an attempt, without moving its status."""
    session.execute(
        text("""
            UPDATE attempts
            SET answered_by = coalesce(:answered_by, answered_by),
                ringing_at = coalesce(ringing_at, :ringing_at),
                answered_at = coalesce(answered_at, :answered_at),
                disposition = CASE WHEN status = 'ended'
                                   THEN coalesce(:disposition, disposition) END
            WHERE id = :id
        """),
        {
            "id": attempt_id,
            "answered_by": answered_by,
            "ringing_at": ringing_at,
            "answered_at": answered_at,
            "disposition": disposition.value if disposition else None,
        },
    )


def count_after_all(session: Session, attempt_id: int, recipient_id: int) -> None:
    """An attempt that ended uncounted counts against its recipient, whoever was called since."""
    session.execute(
        text("SELECT 1 FROM recipients WHERE id = :id FOR NO KEY UPDATE"), {"id": recipient_id}
    )
    session.execute(text("UPDATE attempts SET spent = true WHERE id = :id"), {"id": attempt_id})
    session.execute(
        text("""
            UPDATE recipients r SET attempts_spent = (
                SELECT count(*) FROM attempts a
                WHERE a.recipient_id = r.id AND a.spent AND a.claimed_at IS NOT NULL
                  AND a.claimed_at > coalesce(r.counted_from, '-infinity'))
            WHERE id = :id
        """),
        {"id": recipient_id},
    )


def note_incident(session: Session, attempt_id: int, sentence: str, now: datetime) -> None:
    """A call exists where none should: remember it and ask for it to be cancelled."""
    session.execute(
        text("""
            UPDATE attempts
            SET incident = coalesce(incident, :sentence),
                recall_requested_at = coalesce(recall_requested_at, :now),
                recall_reason = coalesce(recall_reason, 'incident')
            WHERE id = :id
        """),
        {"id": attempt_id, "sentence": sentence, "now": now},
    )


@dataclass(frozen=True, slots=True)
class PastCall:
    """One counted attempt of a recipient. `about_this`: made about what they are called for now."""

    number: str
    disposition: Disposition | None
    claimed_at: datetime
    about_this: bool


def past_calls_of(session: Session, recipient_id: int) -> list[PastCall]:
    """Every attempt that counts against a recipient, first one first: dialled, not just queued."""
    rows = session.execute(
        text("""
            SELECT a.number, a.disposition, a.claimed_at,
                   a.claimed_at > coalesce(r.counted_from, '-infinity')
            FROM attempts a JOIN recipients r ON r.id = a.recipient_id
            WHERE a.recipient_id = :id AND a.spent AND a.claimed_at IS NOT NULL
            ORDER BY a.n, a.id
        """),
        {"id": recipient_id},
    )
    return [PastCall(r[0], Disposition(r[1]) if r[1] else None, r[2], r[3]) for r in rows]


def is_latest_attempt(session: Session, attempt_id: int, recipient_id: int) -> bool:
    """Whether nobody was dialled for this recipient since."""
    return not session.execute(
        text("""
            SELECT EXISTS (SELECT 1 FROM attempts
                WHERE recipient_id = :recipient AND id > :id AND status <> 'cancelled')
        """),
        {"recipient": recipient_id, "id": attempt_id},
    ).scalar_one()
