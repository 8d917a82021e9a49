"""What a call-flow document needs to know about an attempt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Conversation:
    """One attempt with what is said in it and to whom."""

    status: str
    account_id: int
    provider: str
    provider_call_id: str | None
    recall_requested: bool
    opted_out: bool
    number: str
    zone: str | None
    address: dict[str, Any] | None
    appointment_at: datetime | None
    fields: dict[str, Any]
    definition: dict[str, Any]
    retry_policy: dict[str, Any]
    message_left: bool  # a machine answered an earlier call about the same thing
    audio: dict[str, tuple[int, str]]  # by content: the id and the media type


def conversation_of(session: Session, attempt_id: int) -> Conversation | None:
    """The attempt's conversation, in one query."""
    row = session.execute(
        text("""
            SELECT a.status, a.account_id, k.provider, a.provider_call_id,
                   a.recall_requested_at IS NOT NULL,
                   opted_out(r.numbers, a.campaign_id, statement_timestamp()),
                   a.number, r.zone, r.address, r.appointment_at, r.fields, f.definition,
                   c.retry_policy,
                   EXISTS (SELECT 1 FROM attempts e
                       WHERE e.recipient_id = a.recipient_id AND e.id < a.id
                         AND e.disposition = 'answered_machine'
                         AND e.claimed_at > coalesce(r.counted_from, '-infinity')),
                   coalesce((
                       SELECT jsonb_object_agg(x.sha256, jsonb_build_array(x.id, x.media_type))
                       FROM flow_audio p JOIN audio_files x ON x.id = p.audio_id
                       WHERE p.flow_id = f.id
                   ), '{}')
            FROM attempts a
            JOIN recipients r ON r.id = a.recipient_id
            JOIN campaigns c ON c.id = a.campaign_id
            JOIN flows f ON f.id = c.flow_id
            JOIN accounts k ON k.id = a.account_id
            WHERE a.id = :id
        """),
        {"id": attempt_id},
    ).one_or_none()
    return None if row is None else Conversation(*row)


def note_served(session: Session, attempt_id: int) -> None:
    """Something is said in this call from now on; only the first time is kept."""
    session.execute(
        text("""
            UPDATE attempts SET served_at = clock_timestamp() WHERE id = :id AND served_at IS NULL
        """),
        {"id": attempt_id},
    )


def wait_briefly(session: Session) -> None:
    """Let this transaction wait for no lock longer than somebody on the phone would notice."""
    session.execute(text("SET LOCAL lock_timeout = '250ms'"))


def account_of_attempt(session: Session, attempt_id: int) -> int | None:
    """The account an attempt was placed through."""
    found: int | None = session.execute(
        text("SELECT account_id FROM attempts WHERE id = :id"), {"id": attempt_id}
    ).scalar_one_or_none()
    return found
