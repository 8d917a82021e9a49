"""Requests that must have their effect once."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.models import IdempotentRequest


def claim_request(
    session: Session, sender: bytes, key: str, fingerprint: bytes, now: datetime
) -> int | None:
    """Note that a request is being worked on; None when this key of this sender is known."""
    found: int | None = session.execute(
        text("""
            INSERT INTO idempotent_requests (sender, key, fingerprint, claimed_at)
            VALUES (:sender, :key, :fingerprint, :now)
            ON CONFLICT (sender, key) DO NOTHING RETURNING id
        """),
        {"sender": sender, "key": key, "fingerprint": fingerprint, "now": now},
    ).scalar_one_or_none()
    return found


def find_request(session: Session, sender: bytes, key: str) -> IdempotentRequest | None:
    """The request that this sender sent under this key, locked."""
    return (
        session.query(IdempotentRequest)
        .filter_by(sender=sender, key=key)
        .with_for_update()
        .one_or_none()
    )


def note_effect(session: Session, request_id: int, claimed_at: datetime) -> bool:
    """Note, in the transaction of the effect, that it is there; False when the claim was lost."""
    changed = session.execute(
        text("""
            UPDATE idempotent_requests SET carried_out = true
            WHERE id = :id AND claimed_at = :claimed_at AND NOT carried_out RETURNING id
        """),
        {"id": request_id, "claimed_at": claimed_at},
    )
    return changed.scalar_one_or_none() is not None


def keep_answer(
    session: Session, request_id: int, status: int, media_type: str | None, body: bytes
) -> None:
    """Keep how a request was answered, for whoever sends it again."""
    session.execute(
        text("""
            UPDATE idempotent_requests SET status = :status, media_type = :media_type, body = :body
            WHERE id = :id AND carried_out
        """),
        {"id": request_id, "status": status, "media_type": media_type, "body": body},
    )


def forget_request(session: Session, request_id: int, claimed_at: datetime) -> None:
    """Forget a request that had no effect: it may be sent again."""
    session.execute(
        text("""
            DELETE FROM idempotent_requests
            WHERE id = :id AND claimed_at = :claimed_at AND NOT carried_out
        """),
        {"id": request_id, "claimed_at": claimed_at},
    )


def forget_requests_before(session: Session, before: datetime) -> int:
    """Forget what nobody sends again any more; returns how many."""
    gone = session.execute(
        text("DELETE FROM idempotent_requests WHERE created_at < :before RETURNING 1"),
        {"before": before},
    )
    return len(gone.all())
