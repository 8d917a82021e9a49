"""Recipients with what came of them, read in pieces by key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store.tallies import read_tallies


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A recipient with their last call and their last answer."""

    id: int
    status: str
    reason: str | None
    numbers: list[str]
    fields: dict[str, Any]
    attempts_spent: int
    appointment_at: datetime | None
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    disposition: str | None
    answered_by: str | None
    last_attempt_at: datetime | None
    answer: str | None
    answer_at: datetime | None


def variable_names(session: Session, campaign_id: int) -> list[str]:
    """The names of the recipients' own columns: those of the lists, in order, then any others."""
    names: dict[str, None] = {}
    mappings = session.execute(
        text("""
            SELECT mapping FROM imports
            WHERE campaign_id = :id AND mapping IS NOT NULL ORDER BY id
        """),
        {"id": campaign_id},
    ).scalars()
    for mapping in mappings:
        names.update(dict.fromkeys(mapping.get("fields", ())))
        if mapping.get("name_column"):
            names["name"] = None
    others = read_tallies(session, [campaign_id], ["columns"])
    names.update(dict.fromkeys(one.key[0] for one in others))
    return list(names)


def read_recipients(session: Session, campaign_id: int, after: int, limit: int) -> list[ExportRow]:
    """The next recipients by id, each with their last call and last answer."""
    rows = session.execute(
        text("""
            SELECT r.id, r.status, r.reason, r.numbers, r.fields, r.attempts_spent,
                   r.appointment_at, r.next_attempt_at, r.deadline_at, last.disposition,
                   last.answered_by, last.at, said.meaning, said.at
            FROM recipients r
            LEFT JOIN LATERAL (
                SELECT a.disposition, a.answered_by, coalesce(a.claimed_at, a.slot_at) AS at
                FROM attempts a
                WHERE a.recipient_id = r.id AND a.status NOT IN ('queued', 'cancelled')
                ORDER BY a.n DESC LIMIT 1
            ) last ON true
            LEFT JOIN LATERAL (
                SELECT meaning, at FROM last_answers l WHERE l.recipient_id = r.id LIMIT 1
            ) said ON true
            WHERE r.campaign_id = :campaign AND r.id > :after
            ORDER BY r.id LIMIT :limit
        """),
        {"campaign": campaign_id, "after": after, "limit": limit},
    )
    return [ExportRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class AttemptExportRow:
    """One attempt, without what was heard on it."""

    id: int
    recipient: int
    n: int
    number: str
    status: str
    disposition: str | None
    answered_by: str | None
    cancel_reason: str | None
    slot_at: datetime
    claimed_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    spent: bool
    provider_call_id: str | None
    pressed: str | None


def read_attempts(
    session: Session, campaign_id: int, after: tuple[datetime, int] | None, limit: int
) -> list[AttemptExportRow]:
    """The next attempts of a campaign by their slots, each with the keys pressed on it."""
    rows = session.execute(
        text(f"""
            SELECT a.id, a.recipient_id, a.n, a.number, a.status, a.disposition, a.answered_by,
                   a.cancel_reason, a.slot_at, a.claimed_at, a.ringing_at, a.answered_at,
                   a.ended_at, a.end_reason, a.spent, a.provider_call_id, pressed.digits
            FROM attempts a
            LEFT JOIN LATERAL (
                SELECT string_agg(p.digit, ' ' ORDER BY p.at, p.id) AS digits
                FROM responses p WHERE p.attempt_id = a.id
            ) pressed ON true
            WHERE a.campaign_id = :campaign
              {"AND (a.slot_at, a.id) > (:slot_at, :id)" if after is not None else ""}
            ORDER BY a.slot_at, a.id LIMIT :limit
        """),
        {
            "campaign": campaign_id,
            "limit": limit,
            **({"slot_at": after[0], "id": after[1]} if after is not None else {}),
        },
    )
    return [AttemptExportRow(*row) for row in rows]
