"""Attempts, the numbers they hold, and what providers and callees said."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import LIVE_SQL, Base, Row, one_of

# An attempt of which nobody can say whether there is a call, or how it ended.
IN_DOUBT_SQL = (
    "(in_doubt_at IS NOT NULL AND status IN ('dialing', 'ringing', 'in_progress'))"
    " OR disposition = 'unknown'"
)


# Somebody was there, and to them nothing was said: a call that was abandoned.
ABANDONED_SQL = (
    "status = 'ended' AND answered_at IS NOT NULL AND served_at IS NULL"
    " AND disposition <> 'answered_machine'"
    " AND (answered_by IS NULL OR answered_by NOT IN ('machine', 'fax'))"
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
    stage: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))  # which reminder
    status: Mapped[str] = mapped_column(server_default=text("'queued'"))
    slot_at: Mapped[datetime]
    not_after: Mapped[datetime]
    open_until: Mapped[datetime]  # when the calling window that was checked closes
    rule_version: Mapped[str]
    # The consent the call rests on, read again in the claim; None where no rule needs one.
    consent_id: Mapped[int | None] = mapped_column(ForeignKey("consents.id"))
    # What the gates were told when they let the call through (docs/decisions/0019).
    gate_inputs: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
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
    # When a document that speaks was first given out for the call. The tick plans its attempts
    # with none; by default it is `epoch`, which says that nobody took note of it.
    served_at: Mapped[datetime | None] = mapped_column(server_default=text("'epoch'"))
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
            one_of(
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
        # For the list of attempts whose outcome nobody knows, and for what was missed lately.
        Index("ix_attempts_in_doubt", "id", postgresql_where=text(IN_DOUBT_SQL)),
        Index(
            "ix_attempts_late_slot",
            "slot_at",
            postgresql_where=text("cancel_reason = 'late_slot'"),
        ),
        Index("ix_attempts_account_id_slot_at", "account_id", "slot_at"),
        Index("ix_attempts_campaign_id_slot_at", "campaign_id", "slot_at"),
        Index("ix_attempts_caller_id_id_slot_at", "caller_id_id", "slot_at"),
        Index("ix_attempts_recipient_id_n", "recipient_id", "n"),
        Index("ix_attempts_number_ended_at", "number", "ended_at"),
        # The calls that count in the caps: made, or possibly made.
        Index(
            "ix_attempts_number_claimed_at",
            "number",
            "claimed_at",
            postgresql_include=["campaign_id"],
            postgresql_where=text("spent AND claimed_at IS NOT NULL"),
        ),
        Index(
            "ix_attempts_abandoned_number",
            "number",
            "ended_at",
            postgresql_where=text(ABANDONED_SQL),
        ),
        Index(
            "ix_attempts_abandoned_campaign_id",
            "campaign_id",
            "ended_at",
            postgresql_where=text(ABANDONED_SQL),
        ),
        Index("ix_attempts_consent_id", "consent_id", postgresql_where=text("consent_id > 0")),
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
        Index("ix_responses_recipient_id", "recipient_id"),
    )
