"""Everything about one telephone number, read by its indexes and in pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A recipient with this number, the campaign it is in and the list it came from."""

    recipient_id: int
    campaign_id: int
    campaign: str
    campaign_kind: str
    campaign_status: str
    rule_set: str
    purpose: str
    voice: str
    subject: str | None
    status: str
    reason: str | None
    numbers: list[str]
    fields: dict[str, Any]
    zone: str | None
    address: dict[str, Any] | None
    appointment_at: datetime | None
    deadline_at: datetime | None
    attempts_spent: int
    next_attempt_at: datetime | None
    created_at: datetime
    updated_at: datetime
    import_id: int | None
    import_file: str | None
    import_sha256: str | None
    import_line: int | None
    imported_at: datetime | None
    imported_by: str | None


def recipients_listed(session: Session, ids: Sequence[int]) -> list[ListedRow]:
    """These recipients with where they came from, oldest first."""
    rows = session.execute(
        text("""
            SELECT r.id, c.id, c.name, c.kind, c.status, c.rule_set, c.purpose, c.voice, c.subject,
                   r.status, r.reason, r.numbers, r.fields, r.zone, r.address, r.appointment_at,
                   r.deadline_at, r.attempts_spent, r.next_attempt_at, r.created_at, r.updated_at,
                   i.id, i.file_name, i.file_sha256, r.import_line, i.created_at,
                   (SELECT l.actor_name FROM audit_log l
                    WHERE l.subject = 'import:' || i.id ORDER BY l.id LIMIT 1)
            FROM recipients r JOIN campaigns c ON c.id = r.campaign_id
            LEFT JOIN imports i ON i.id = r.import_id
            WHERE r.id = ANY (:ids) ORDER BY r.id
        """),
        {"ids": list(ids)},
    )
    return [ListedRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class TriedRow:
    """One attempt to call the number, as its row has it."""

    id: int
    campaign_id: int
    recipient_id: int
    account_id: int
    n: int
    number: str
    caller_id: str
    status: str
    disposition: str | None
    answered_by: str | None
    end_reason: str | None
    cancel_reason: str | None
    spent: bool
    slot_at: datetime
    open_until: datetime
    claimed_at: datetime | None
    claimed_by: str | None
    accepted_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    served_at: datetime | None
    ended_at: datetime | None
    provider_call_id: str | None
    in_doubt_at: datetime | None
    doubt_reason: str | None
    recall_requested_at: datetime | None
    recall_reason: str | None
    incident: str | None
    rule_version: str
    consent_id: int | None
    gate_inputs: dict[str, Any] | None


# Of a call from before it was noted when something was said, nothing is known.
_TRIED_AS = {"caller_id": "f.number", "served_at": "nullif(a.served_at, 'epoch')"}
_TRIED = ", ".join(_TRIED_AS.get(name, f"a.{name}") for name in TriedRow.__slots__)
_LAST_ID = 2**63 - 1


def attempts_to(session: Session, number: str, before: int | None, limit: int) -> list[TriedRow]:
    """Attempts to call a number, newest first, older than `before`.

    All of one number's ids are read by its index and then sorted: read by their order, the whole
    table would be gone through for a number that is rarely called.
    """
    rows = session.execute(
        text(f"""
            WITH mine AS MATERIALIZED (SELECT id FROM attempts WHERE number = :number)
            SELECT {_TRIED} FROM attempts a JOIN caller_ids f ON f.id = a.caller_id_id
            WHERE a.id IN (SELECT id FROM mine WHERE id < :before ORDER BY id DESC LIMIT :limit)
            ORDER BY a.id DESC
        """),
        {"number": number, "before": before or _LAST_ID, "limit": limit},
    )
    return [TriedRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class HeardRow:
    """One notification about an attempt, word for word."""

    attempt_id: int
    id: int
    source: str
    kind: str
    received_at: datetime
    applied_at: datetime | None
    verdict: str | None
    raw: str


def events_verbatim(session: Session, attempt_ids: Sequence[int]) -> list[HeardRow]:
    """What was said about these attempts, in the order in which it arrived."""
    rows = session.execute(
        text("""
            SELECT attempt_id, id, source, kind, received_at, applied_at, verdict, raw
            FROM call_events WHERE attempt_id = ANY (:ids) ORDER BY id
        """),
        {"ids": list(attempt_ids)},
    )
    return [HeardRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class NotedRow:
    """One entry of the audit log."""

    id: int
    at: datetime
    actor_kind: str
    actor_name: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def audit_entries_about(
    session: Session, subjects: Sequence[str], number: str, recorded_at: Sequence[datetime]
) -> list[NotedRow]:
    """Changes to these subjects, and those that recorded the number at one of these instants.

    An opt-out or a consent is recorded with others, at the instant that its own row has.
    """
    rows = session.execute(
        text("""
            SELECT id, at, actor_kind, actor_name, action, subject, before, after FROM audit_log
            WHERE subject = ANY (CAST(:subjects AS text[]))
               OR (at = ANY (CAST(:instants AS timestamptz[]))
                   AND action IN ('opt_out.add', 'consent.add') AND after -> 'numbers' ? :number)
            ORDER BY id
        """),
        {"subjects": list(subjects), "instants": list(recorded_at), "number": number},
    )
    return [NotedRow(*row) for row in rows]
