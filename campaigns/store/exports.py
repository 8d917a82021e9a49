"""Recipients with what came of them, read in pieces by key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


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
    others = session.execute(
        text("""
            SELECT DISTINCT jsonb_object_keys(fields) FROM recipients
            WHERE campaign_id = :id AND import_id IS NULL ORDER BY 1
        """),
        {"id": campaign_id},
    ).scalars()
    names.update(dict.fromkeys(others))
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
                SELECT p.meaning, p.at
                FROM attempts a JOIN responses p ON p.attempt_id = a.id
                WHERE a.recipient_id = r.id ORDER BY p.at DESC, p.id DESC LIMIT 1
            ) said ON true
            WHERE r.campaign_id = :campaign AND r.id > :after
            ORDER BY r.id LIMIT :limit
        """),
        {"campaign": campaign_id, "after": after, "limit": limit},
    )
    return [ExportRow(*row) for row in rows]
