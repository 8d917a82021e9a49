"""The tables. Concurrency rules stand here as constraints, so no code path can get around them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LIVE_SQL = "status IN ('queued', 'dialing', 'ringing', 'in_progress')"


def _one_of(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(repr(v) for v in values)})"


class Base(DeclarativeBase):
    """All tables share one naming convention, so that migrations can name what they change."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text(),
        int: BigInteger(),
        float: Double(),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }


class Row(Base):
    """A table with a numeric key given out by the database and its time of birth."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-2)
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"), sort_order=90)


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
    backoff_until: Mapped[datetime | None]
    backoff_level: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    __table_args__ = (
        CheckConstraint(_one_of("status", "active", "paused", "off"), name="status_known"),
        CheckConstraint("cps > 0 AND max_concurrent > 0 AND max_waiting > 0", name="limits"),
        # A live call's waits are never shortened, whatever somebody typed.
        CheckConstraint(
            "time_scale > 0 AND time_scale <= 1 AND (NOT live OR time_scale = 1)", name="time_scale"
        ),
    )


class AccountPace(Base):
    """The earliest instant of an account's next POST. Written by claims alone.

    A table of its own, so that a claim never waits for the tick, which holds the account's row.
    """

    __tablename__ = "account_paces"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    next_post_at: Mapped[datetime]


class CallerId(Row):
    """A number an account may present."""

    __tablename__ = "caller_ids"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    number: Mapped[str]
    cps: Mapped[float | None]
    next_free: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("account_id", "number"),)


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
    windows: Mapped[dict[str, Any]]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    max_cps: Mapped[float | None]
    next_free: Mapped[datetime | None]
    weight: Mapped[float] = mapped_column(server_default=text("1"))
    vtime: Mapped[float] = mapped_column(server_default=text("0"))
    ring_timeout: Mapped[int] = mapped_column(Integer, server_default=text("30"))
    retry_policy: Mapped[dict[str, Any]]
    reminder: Mapped[dict[str, Any] | None]
    default_country: Mapped[str] = mapped_column(server_default=text("'US'"))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(_one_of("kind", "reminder", "announcement", "test"), name="kind_known"),
        CheckConstraint(
            _one_of("status", "draft", "scheduled", "running", "paused", "completed", "stopped"),
            name="status_known",
        ),
        CheckConstraint("weight > 0 AND (max_cps IS NULL OR max_cps > 0)", name="pacing"),
        CheckConstraint("ring_timeout BETWEEN 1 AND 600", name="ring_timeout"),
        Index("ix_campaigns_active", "status", postgresql_where=text("status = 'running'")),
    )


class Import(Row):
    """One file of recipients on its way into one campaign."""

    __tablename__ = "imports"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    stored_at: Mapped[str | None]  # path below the data directory while it waits
    options: Mapped[dict[str, Any]]
    mapping: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    rows_read: Mapped[int] = mapped_column(server_default=text("0"))
    rows_imported: Mapped[int] = mapped_column(server_default=text("0"))
    rows_rejected: Mapped[int] = mapped_column(server_default=text("0"))
    rows_opted_out: Mapped[int] = mapped_column(server_default=text("0"))
    bytes_read: Mapped[int] = mapped_column(server_default=text("0"))
    bytes_total: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    claimed_at: Mapped[datetime | None]  # also the heartbeat of the process that reads the file
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(_one_of("status", "waiting", "running", "done", "failed"), name="status"),
        # The same file twice is one import; a failed one may be tried again.
        Index(
            "uq_imports_campaign_id_file_sha256",
            "campaign_id",
            "file_sha256",
            unique=True,
            postgresql_where=text("status <> 'failed'"),
        ),
    )


class ImportReject(Base):
    """A row of a file that was not imported, and why."""

    __tablename__ = "import_rejects"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str]
    detail: Mapped[str]
    row: Mapped[str]


class ZoneKey(Base):
    """A small number for a set of time zones, so that due rows can be read per open set."""

    __tablename__ = "zone_keys"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    zones: Mapped[list[str]] = mapped_column(unique=True)


class Recipient(Row):
    """One person inside one campaign, with their numbers in the order to try them."""

    __tablename__ = "recipients"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    dedupe_key: Mapped[str]
    numbers: Mapped[list[str]]
    number_index: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    fields: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    zone: Mapped[str | None]
    zone_key: Mapped[int | None] = mapped_column(Integer, ForeignKey("zone_keys.id"))
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    reason: Mapped[str | None]  # why it waits, or why it ended
    next_attempt_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    appointment_at: Mapped[datetime | None]
    attempts_spent: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    cancels_in_row: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    retry: Mapped[bool] = mapped_column(Boolean, Computed("attempts_spent > 0", persisted=True))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __table_args__ = (
        UniqueConstraint("campaign_id", "dedupe_key"),
        CheckConstraint(
            _one_of(
                "status",
                *("pending", "in_flight", "completed", "exhausted", "expired", "blocked", "review"),
            ),
            name="status_known",
        ),
        CheckConstraint(
            "(status = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_has_a_time"
        ),
        CheckConstraint("cardinality(numbers) BETWEEN 1 AND 10", name="numbers"),
        Index(
            "ix_recipients_due",
            "campaign_id",
            "zone_key",
            "retry",
            "next_attempt_at",
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_recipients_deadline",
            "deadline_at",
            postgresql_where=text("status = 'pending' AND deadline_at IS NOT NULL"),
        ),
        # For counts by status, and for pages of a campaign's recipients, filtered or not.
        Index("ix_recipients_campaign_id_status", "campaign_id", "status", "id"),
        Index("ix_recipients_campaign_id_id", "campaign_id", "id"),
    )


class Attempt(Row):
    """One try to call one recipient. The row is committed before anything leaves for a provider."""

    __tablename__ = "attempts"

    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    caller_id_id: Mapped[int] = mapped_column(ForeignKey("caller_ids.id"))
    n: Mapped[int] = mapped_column(SmallInteger)
    number: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'queued'"))
    slot_at: Mapped[datetime]
    not_after: Mapped[datetime]
    open_until: Mapped[datetime]  # when the calling window that was checked closes
    rule_version: Mapped[str]
    claimed_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    accepted_at: Mapped[datetime | None]
    provider_call_id: Mapped[str | None]
    in_doubt_at: Mapped[datetime | None]
    doubt_reason: Mapped[str | None]
    looked_up_at: Mapped[datetime | None]
    empty_lookups: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    recall_requested_at: Mapped[datetime | None]
    recall_reason: Mapped[str | None]
    recalled_at: Mapped[datetime | None]  # when the provider was last asked to cancel it
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    disposition: Mapped[str | None]
    answered_by: Mapped[str | None]
    end_reason: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    spent: Mapped[bool] = mapped_column(server_default=text("true"))
    provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    incident: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(
            _one_of(
                "status", *("queued", "dialing", "ringing", "in_progress", "ended", "cancelled")
            ),
            name="status_known",
        ),
        CheckConstraint("(status = 'ended') = (disposition IS NOT NULL)", name="disposition"),
        CheckConstraint("(status = 'cancelled') = (cancel_reason IS NOT NULL)", name="cancel"),
        CheckConstraint("(status IN ('ended', 'cancelled')) = (ended_at IS NOT NULL)", name="end"),
        CheckConstraint("status <> 'cancelled' OR NOT spent", name="cancelled_is_free"),
        UniqueConstraint("account_id", "provider_call_id"),
        Index(
            "uq_attempts_live_recipient",
            "recipient_id",
            unique=True,
            postgresql_where=text(LIVE_SQL),
        ),
        Index("ix_attempts_live", "account_id", "status", postgresql_where=text(LIVE_SQL)),
        Index("ix_attempts_queued", "slot_at", postgresql_where=text("status = 'queued'")),
        Index(
            "ix_attempts_recall",
            "recall_requested_at",
            postgresql_where=text(f"recall_requested_at IS NOT NULL AND {LIVE_SQL}"),
        ),
        Index(
            "ix_attempts_incident",
            "accepted_at",
            postgresql_where=text("incident IS NOT NULL AND status = 'cancelled'"),
        ),
        Index("ix_attempts_account_id_slot_at", "account_id", "slot_at"),
        Index("ix_attempts_campaign_id_slot_at", "campaign_id", "slot_at"),
        Index("ix_attempts_recipient_id_n", "recipient_id", "n"),
        Index("ix_attempts_number_ended_at", "number", "ended_at"),
    )


class AttemptNumber(Base):
    """A number an attempt holds. A trigger clears `live` when the attempt is over."""

    __tablename__ = "attempt_numbers"

    attempt_id: Mapped[int] = mapped_column(
        ForeignKey("attempts.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    number: Mapped[str] = mapped_column(primary_key=True)
    live: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        # At most one live attempt per telephone number, across all campaigns.
        Index("uq_attempt_numbers_live", "number", unique=True, postgresql_where=text("live")),
    )


class CallEventRow(Base):
    """One provider notification, as it came. Append-only but for the verdict of applying it."""

    __tablename__ = "call_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    source: Mapped[str]  # webhook, look-up
    kind: Mapped[str]
    dedupe_key: Mapped[str]
    event: Mapped[dict[str, Any]]  # parsed, in our own words
    raw: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    applied_at: Mapped[datetime | None]
    verdict: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("attempt_id", "dedupe_key"),
        Index("ix_call_events_leftover", "id", postgresql_where=text("applied_at IS NULL")),
    )


class Response(Base):
    """What a callee answered: one keypress with its meaning."""

    __tablename__ = "responses"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    digit: Mapped[str]
    meaning: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("attempt_id", "digit"),
        Index("ix_responses_campaign_id", "campaign_id"),
    )


class OptOut(Row):
    """A number that must not be called, by anybody, in any campaign."""

    __tablename__ = "opt_outs"

    number: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str]
    evidence: Mapped[str | None]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))

    __table_args__ = (
        CheckConstraint(_one_of("source", "keypress", "api", "cli", "import"), name="source"),
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
