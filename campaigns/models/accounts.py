"""Accounts at providers: limits, numbers to present, pacing state."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class PacingGroup(Base):
    """A rate limit that several accounts share, as a provider's limit per space is."""

    __tablename__ = "pacing_groups"

    name: Mapped[str] = mapped_column(primary_key=True)
    cps: Mapped[float]
    next_free: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("cps > 0", name="cps_positive"),)


class Account(Row):
    """One provider account. `next_free` is its pacing state, written by the tick alone."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(unique=True)
    provider: Mapped[str]
    base_url: Mapped[str]
    project_id: Mapped[str]
    credentials: Mapped[bytes] = mapped_column(LargeBinary)  # encrypted; never leaves the server
    live: Mapped[bool] = mapped_column(server_default=text("false"))
    time_scale: Mapped[float] = mapped_column(server_default=text("1"))
    cps: Mapped[float] = mapped_column(server_default=text("1"))
    max_concurrent: Mapped[int] = mapped_column(Integer, server_default=text("20"))
    max_waiting: Mapped[int] = mapped_column(Integer, server_default=text("10"))
    pacing_group: Mapped[str | None] = mapped_column(ForeignKey("pacing_groups.name"))
    next_free: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    status_reason: Mapped[str | None]
    # Not by a person: the people in the settings are told by mail.
    paused_itself: Mapped[bool] = mapped_column(server_default=text("false"))
    backoff_until: Mapped[datetime | None]
    backoff_level: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    # After a refusal: this part of the rate at that instant, growing since. Both or neither.
    slowed_part: Mapped[float | None]
    slowed_at: Mapped[datetime | None]
    safety: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    judged_from: Mapped[datetime | None]  # calls from before are not held against it
    turns: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))  # slots shared out

    __table_args__ = (
        CheckConstraint(one_of("status", "active", "paused", "off"), name="status_known"),
        CheckConstraint("cps > 0 AND max_concurrent > 0 AND max_waiting > 0", name="limits"),
        # A live call's waits are never shortened, whatever somebody typed.
        CheckConstraint(
            "time_scale > 0 AND time_scale <= 1 AND (NOT live OR time_scale = 1)", name="time_scale"
        ),
        CheckConstraint(
            "(slowed_part IS NULL) = (slowed_at IS NULL) AND slowed_part BETWEEN 0 AND 1",
            name="slowed",
        ),
    )


class AccountPace(Base):
    """The earliest instant of an account's next POST. Written by claims alone.

    A table of its own, so that a claim never waits for the tick, which holds the account's row.
    """

    __tablename__ = "account_paces"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    next_post_at: Mapped[datetime]


class GroupPace(Base):
    """The same for a pacing group: its accounts' POSTs are spaced by one rate. Claims alone."""

    __tablename__ = "group_paces"

    group_name: Mapped[str] = mapped_column(ForeignKey("pacing_groups.name"), primary_key=True)
    next_post_at: Mapped[datetime]


class CallerId(Row):
    """A number an account may present. What the tick keeps of it is written by the tick alone."""

    __tablename__ = "caller_ids"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    number: Mapped[str]
    cps: Mapped[float | None]
    next_free: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    status_reason: Mapped[str | None]
    paused_itself: Mapped[bool] = mapped_column(server_default=text("false"))
    max_per_day: Mapped[int | None] = mapped_column(Integer)  # calls in any 24 hours
    # Of those, how many are left at most. Counted anew each minute: between that it only shrinks.
    day_left: Mapped[int | None] = mapped_column(Integer)
    day_counted_at: Mapped[datetime | None]
    last_slot_at: Mapped[datetime | None]
    judged_from: Mapped[datetime | None]  # calls from before are not held against it

    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        CheckConstraint(one_of("status", "active", "paused"), name="status_known"),
        CheckConstraint(
            "(cps IS NULL OR cps > 0) AND (max_per_day IS NULL OR max_per_day > 0)", name="limits"
        ),
    )


class CampaignCallerId(Base):
    """One of the further numbers a campaign may present, beside its first one."""

    __tablename__ = "campaign_caller_ids"

    campaign_id: Mapped[int] = mapped_column(
        ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    caller_id_id: Mapped[int] = mapped_column(ForeignKey("caller_ids.id"), primary_key=True)

    __table_args__ = (Index("ix_campaign_caller_ids_caller_id_id", "caller_id_id"),)
