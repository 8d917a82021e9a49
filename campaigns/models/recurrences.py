"""Recurring campaigns: the rule, each firing of it, and which appointments were taken on."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class Recurrence(Row):
    """A campaign is made again and again, each time from its list as it is then."""

    __tablename__ = "recurrences"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    rule: Mapped[dict[str, Any]]
    source: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))  # of the import
    unchanged: Mapped[str]  # what a list does that is the same as at the last firing
    grace_hours: Mapped[float]  # how late a firing may be
    run_hours: Mapped[float | None]  # after which a child campaign ends
    next_key: Mapped[str | None]
    next_at: Mapped[datetime | None]
    problem: Mapped[str | None]  # why the last firing failed, until one succeeds

    __table_args__ = (
        CheckConstraint(one_of("status", "active", "paused", "ended"), name="status_known"),
        CheckConstraint(one_of("unchanged", "run", "skip"), name="unchanged_known"),
        CheckConstraint(
            "(status = 'active') = (next_at IS NOT NULL)"
            " AND (next_at IS NULL) = (next_key IS NULL)",
            name="active_has_a_time",
        ),
        CheckConstraint("grace_hours > 0 AND (run_hours IS NULL OR run_hours > 0)", name="hours"),
        Index(
            "uq_recurrences_campaign_id_live",
            "campaign_id",
            unique=True,
            postgresql_where=text("status <> 'ended'"),
        ),
        Index("ix_recurrences_next_at", "next_at", postgresql_where=text("status = 'active'")),
    )


class RecurrenceFiring(Row):
    """One firing, known by its wall time: however many schedulers there are, it is one row."""

    __tablename__ = "recurrence_firings"

    recurrence_id: Mapped[int] = mapped_column(ForeignKey("recurrences.id", ondelete="CASCADE"))
    fire_key: Mapped[str]
    due_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_try_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="SET NULL"))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id", ondelete="SET NULL"))
    file_sha256: Mapped[str | None]
    reason: Mapped[str | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("recurrence_id", "fire_key"),
        CheckConstraint(
            one_of("status", *("waiting", "running", "started", "skipped", "missed", "failed")),
            name="status_known",
        ),
        CheckConstraint(
            "(status IN ('waiting', 'running')) = (next_try_at IS NOT NULL)"
            " AND (next_try_at IS NULL) = (finished_at IS NOT NULL)",
            name="open_has_a_time",
        ),
        Index(
            "ix_recurrence_firings_next_try_at",
            "next_try_at",
            postgresql_where=text("next_try_at IS NOT NULL"),
        ),
        Index("ix_recurrence_firings_recurrence_id_due_at", "recurrence_id", "due_at"),
        Index("ix_recurrence_firings_campaign_id", "campaign_id"),
        Index("ix_recurrence_firings_import_id", "import_id"),
    )


class RemindedAppointment(Base):
    """A recipient of one child campaign is called about an appointment; its siblings leave it."""

    __tablename__ = "reminded_appointments"

    recurrence_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("recurrences.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[str] = mapped_column(primary_key=True)
    appointment_at: Mapped[datetime] = mapped_column(primary_key=True)
    recipient_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("recipients.id", ondelete="CASCADE"), primary_key=True
    )

    __table_args__ = (
        Index("ix_reminded_appointments_recipient_id", "recipient_id"),
        Index("ix_reminded_appointments_appointment_at", "appointment_at"),
    )
