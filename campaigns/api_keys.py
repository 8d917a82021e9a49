"""Keys for the REST API. A key is shown once, when it is made; only its hash is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput, NotFound, Unauthorized
from campaigns.models import ApiKey
from campaigns.store import api_keys as rows

PREFIX = "odk_"
SHOWN = 12  # characters by which people tell their keys apart; far too few to guess the rest
# Writing down every single use would be a write per request.
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `token` is the secret itself and cannot be shown again."""

    row: ApiKey
    token: str


def create_key(session: Session, name: str) -> CreatedKey:
    """Make a key of 256 random bits. Raises `InvalidInput` for a name that is empty or too long."""
    plain = name.strip()
    if not plain or len(plain) > 100:
        raise InvalidInput("A key needs a name of at most 100 characters, to tell it apart.")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(name=plain, prefix=token[:SHOWN], key_sha256=_digest(token))
    session.add(row)
    session.flush()
    session.refresh(row)
    return CreatedKey(row, token)


def list_keys(session: Session) -> list[ApiKey]:
    """Every key there ever was, newest first."""
    return rows.list_keys(session)


def revoke_key(session: Session, key_id: int, now: datetime) -> ApiKey:
    """Let a key open nothing any more; doing it twice keeps the first time. Raises `NotFound`."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFound(f"There is no API key {key_id}.")
    row.revoked_at = row.revoked_at or now
    session.flush()
    return row


def authenticate(session: Session, authorization: str | None, now: datetime) -> ApiKey:
    """The key in an `Authorization: Bearer odk_...` header; raises `Unauthorized`.

    The key is looked up by its hash, so how long that takes tells nothing about the key.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(PREFIX) or len(token) > 200:
        raise Unauthorized("Send an API key as “Authorization: Bearer odk_...”.")
    row = rows.find_key(session, _digest(token.strip()))
    if row is None or row.revoked_at is not None:
        raise Unauthorized("This API key is not valid, or it was revoked.")
    if row.last_used_at is None or row.last_used_at < now - USE_NOTED_EVERY:
        rows.note_use(session, row.id, now)
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
