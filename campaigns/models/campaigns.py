"""Campaigns, what they say, and what happened to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    FetchedValue,
    ForeignKey,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class Flow(Row):
    """What a call says and asks. Versions are immutable: a change is a new version."""

    __tablename__ = "flows"

    name: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    definition: Mapped[dict[str, Any]]

    __table_args__ = (UniqueConstraint("name", "version"),)


class Campaign(Row):
    """One audience, what they hear, when they may be called, and how hard we try."""

    __tablename__ = "campaigns"

    name: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'draft'"))
    status_reason: Mapped[str | None]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    caller_id_id: Mapped[int] = mapped_column(ForeignKey("caller_ids.id"))
    flow_id: Mapped[int] = mapped_column(ForeignKey("flows.id"))
    rule_set: Mapped[str]
    purpose: Mapped[str] = mapped_column(server_default=text("'informational'"))
    voice: Mapped[str] = mapped_column(server_default=text("'recorded'"))
    subject: Mapped[str | None]  # what it is about; None: the campaign and its copies
    windows: Mapped[dict[str, Any]]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    max_cps: Mapped[float | None]
    next_free: Mapped[datetime | None]
    weight: Mapped[float] = mapped_column(server_default=text("1"))
    vtime: Mapped[float] = mapped_column(server_default=text("0"))
    # How it grows to its rate; NULL as its account's kind has it. Since the last start or resume.
    ramp: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    ramp_since: Mapped[datetime | None]
    served: Mapped[int] = mapped_column(server_default=text("0"))  # slots, ever
    # Show a number of the callee's own area where the campaign has one.
    local_presence: Mapped[bool] = mapped_column(server_default=text("false"))
    paused_itself: Mapped[bool] = mapped_column(server_default=text("false"))
    judged_from: Mapped[datetime | None]  # calls from before are not held against its list
    ring_timeout: Mapped[int] = mapped_column(Integer, server_default=text("30"))
    retry_policy: Mapped[dict[str, Any]]
    # The campaign's own caps beside those of its rules, as `gates.read_caps` takes them.
    caps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    reminder: Mapped[dict[str, Any] | None]
    default_country: Mapped[str] = mapped_column(server_default=text("'US'"))
    # The texts as they were asked for, whether they are all there, and which steps were seen.
    draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]  # when the last pause was asked for
    archived_at: Mapped[datetime | None]  # over, and not shown in lists any more
    copied_from: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="SET NULL"))
    copied_how: Mapped[str | None]
    # The first campaign of those that were copied from each other or made by a recurrence; set by
    # a trigger. What is opted out of one of them is opted out of all.
    family_id: Mapped[int] = mapped_column(BigInteger, server_default=FetchedValue())
    # What a call to a number that several people share means for the others.
    household: Mapped[str] = mapped_column(server_default=text("'wait'"))

    __table_args__ = (
        CheckConstraint(one_of("kind", "reminder", "announcement", "test"), name="kind_known"),
        CheckConstraint(
            one_of("status", "draft", "scheduled", "running", "paused", "completed", "stopped"),
            name="status_known",
        ),
        CheckConstraint("weight > 0 AND (max_cps IS NULL OR max_cps > 0)", name="pacing"),
        CheckConstraint("ring_timeout BETWEEN 1 AND 600", name="ring_timeout"),
        CheckConstraint(
            one_of(
                "purpose",
                *("reminder", "informational", "marketing", "debt", "survey", "emergency"),
            ),
            name="purpose",
        ),
        CheckConstraint(one_of("voice", "recorded", "ai", "live"), name="voice"),
        CheckConstraint(one_of("copied_how", "clone", "redial"), name="copied_how"),
        CheckConstraint(one_of("household", "wait", "merge"), name="household"),
        Index("ix_campaigns_family_id", "family_id"),
        Index("ix_campaigns_subject", "subject", postgresql_where=text("subject IS NOT NULL")),
        Index("ix_campaigns_active", "status", postgresql_where=text("status = 'running'")),
        Index(
            "ix_campaigns_copied_from",
            "copied_from",
            postgresql_where=text("copied_from IS NOT NULL"),
        ),
    )


class CampaignLog(Base):
    """What happened to a campaign or an account, and why, in plain sentences. Append-only."""

    __tablename__ = "campaign_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    sentence: Mapped[str]

    __table_args__ = (Index("ix_campaign_log_campaign_id_id", "campaign_id", "id"),)


class LateRisk(Base):
    """People of a campaign whose deadlines the capacity that is left cannot all meet."""

    __tablename__ = "late_risks"

    campaign_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime]
    people: Mapped[int]
    sentence: Mapped[str]
    spans: Mapped[list[Any]] = mapped_column(JSONB)  # of deadlines, by zone key
