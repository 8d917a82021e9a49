"""API keys, found by their hashes."""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.models import ApiKey


def find_key(session: Session, sha256: str) -> ApiKey | None:
    """The key with this hash, revoked or not."""
    return session.scalars(select(ApiKey).where(ApiKey.key_sha256 == sha256)).one_or_none()


def lock_key(session: Session, key_id: int) -> ApiKey | None:
    """The key, whose row stays locked until the transaction ends."""
    return session.get(ApiKey, key_id, with_for_update=True, populate_existing=True)


def list_keys(session: Session) -> list[ApiKey]:
    """Every key, newest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id.desc())))


def note_use(session: Session, key_id: int, now: datetime) -> None:
    """When a key was last used; a row that somebody else is writing is left to them."""
    session.execute(
        text("""
            UPDATE api_keys SET last_used_at = :now
            WHERE id = (SELECT id FROM api_keys WHERE id = :id FOR UPDATE SKIP LOCKED)
        """),
        {"id": key_id, "now": now},
    )
