"""Who may come in, who is in, and what they changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of

_ROLE = one_of("role", "viewer", "operator", "admin")


class User(Row):
    """A person with a password. `login` is kept in lower case; only the password's hash is kept."""

    __tablename__ = "users"

    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    zone: Mapped[str | None]  # IANA name; unset: the browser's
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    signed_in_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(_ROLE, name="role_known"),
        CheckConstraint("login = lower(login) AND login <> ''", name="login_lower"),
    )


class SignedInSession(Row):
    """A browser in which somebody is signed in. Only the hash of its token is kept."""

    __tablename__ = "sessions"

    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    user_agent: Mapped[str | None]

    __table_args__ = (
        Index("ix_sessions_user_id", "user_id"),
        Index("ix_sessions_expires_at", "expires_at"),
    )


class ApiKey(Row):
    """A key for the REST API; only its hash is kept."""

    __tablename__ = "api_keys"

    name: Mapped[str]
    prefix: Mapped[str]
    key_sha256: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(server_default=text("'operator'"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint(_ROLE, name="role_known"),)


class AuditEntry(Base):
    """One change somebody made, with what was before and after. Append-only by a trigger."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None]
    actor_name: Mapped[str]
    action: Mapped[str]  # what was done, as `campaign.pause`
    subject: Mapped[str]  # to what, as `campaign:12`
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]

    __table_args__ = (
        CheckConstraint(one_of("actor_kind", "user", "key", "cli", "system"), name="actor_known"),
        Index("ix_audit_log_subject_id", "subject", "id"),
        Index("ix_audit_log_actor_kind_actor_id_id", "actor_kind", "actor_id", "id"),
        Index("ix_audit_log_action_id", "action", "id"),
        Index("ix_audit_log_at", "at"),
    )
