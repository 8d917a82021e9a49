"""What stops calls, who leads, who is alive, and who may ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class OptOut(Row):
    """A number that must not be called, by anybody, in any campaign."""

    __tablename__ = "opt_outs"

    number: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str]
    evidence: Mapped[str | None]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))

    __table_args__ = (
        CheckConstraint(one_of("source", "keypress", "api", "cli", "import"), name="source"),
    )


class Lease(Base):
    """Who leads. Renewed with the holder's own term inside each tick, so a frozen leader is out."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    term: Mapped[int]
    expires_at: Mapped[datetime]


class Heartbeat(Base):
    """The last sign of life of one process, or of the public URL's own probe."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    ready: Mapped[bool]
    detail: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_heartbeats_kind_at", "kind", "at"),)


class DialingSwitch(Base):
    """The kill switch: one row, read in every claim."""

    __tablename__ = "dialing_switch"

    id: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    reason: Mapped[str | None]

    __table_args__ = (CheckConstraint("id", name="one_row"),)


class ApiKey(Row):
    """A key for the REST API; only its hash is kept."""

    __tablename__ = "api_keys"

    name: Mapped[str]
    prefix: Mapped[str]
    key_sha256: Mapped[str] = mapped_column(unique=True)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
