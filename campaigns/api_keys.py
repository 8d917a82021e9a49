"""Keys for the REST API. A key is shown once, when it is made; only its hash is kept."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns import auditing
from campaigns.access import SYSTEM, Actor, Role
from campaigns.db import database_now
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
    token: str = field(repr=False)


def create_key(
    session: Session,
    name: str,
    *,
    role: str = Role.OPERATOR,
    expires_at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> CreatedKey:
    """Make a key of 256 random bits, in the audit log under `actor`.

    Raises `InvalidInput` for a bad name, an unknown role, or an end that lies in the past.
    """
    if role not in list(Role):
        raise InvalidInput(f"There is no role {role!r}. Roles: {', '.join(Role)}.")
    plain = name.strip()
    if not plain or len(plain) > 100 or not plain.isprintable():
        raise InvalidInput("A key needs a name of at most 100 characters, to tell it apart.")
    now = database_now(session)
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("The key would have expired already. No key was made.")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        name=plain,
        prefix=token[:SHOWN],
        key_sha256=_digest(token),
        role=str(role),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    auditing.record(session, actor, "key.create", f"key:{row.id}", now, after=_described(row))
    return CreatedKey(row, token)


def list_keys(session: Session) -> list[ApiKey]:
    """Every key there ever was, newest first."""
    return rows.list_keys(session)


def find_key(session: Session, key_id: int) -> ApiKey:
    """The key, revoked or not; raises `NotFound`."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFound(f"There is no API key {key_id}.")
    return row


def revoke_key(session: Session, key_id: int, now: datetime, *, actor: Actor = SYSTEM) -> ApiKey:
    """Let a key open nothing any more; doing it twice keeps the first time. Raises `NotFound`."""
    row = rows.lock_key(session, key_id)
    if row is None:
        raise NotFound(f"There is no API key {key_id}.")
    if row.revoked_at is None:
        before = _described(row)
        row.revoked_at = now
        session.flush()
        subject, after = f"key:{row.id}", _described(row)
        auditing.record(session, actor, "key.revoke", subject, now, before=before, after=after)
    return row


def state_of(row: ApiKey, now: datetime) -> str:
    """What a key is good for now: `active`, `expired` or `revoked`."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


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
    if row.expires_at is not None and row.expires_at <= now:
        raise Unauthorized("This API key has expired. Make a new one.")
    if row.last_used_at is None or row.last_used_at < now - USE_NOTED_EVERY:
        rows.note_use(session, row.id, now)
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _described(row: ApiKey) -> dict[str, Any]:
    ends = {name: getattr(row, name) for name in ("expires_at", "revoked_at")}
    return {"name": row.name, "prefix": row.prefix, "role": row.role} | {
        name: at.isoformat() if at is not None else None for name, at in ends.items()
    }
