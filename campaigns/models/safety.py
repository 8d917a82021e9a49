"""What stops calls, who leads, who is alive, and who may ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    FetchedValue,
    ForeignKey,
    Identity,
    Index,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of

_IN_PLACE = "lifted_at IS NULL AND replaced_at IS NULL"


class OptOut(Row):
    """A number, or every number that begins alike, that must not be called.

    Rows are never deleted. One that was undone is `lifted`, one that a stronger one took the place
    of (a keypress, a later end) is `replaced`; both stay as the history of the number.
    """

    __tablename__ = "opt_outs"

    number: Mapped[str] = mapped_column(Text(collation="C"))  # E.164, or how it begins
    is_prefix: Mapped[bool] = mapped_column(server_default=text("false"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))  # None: everywhere
    # The family of that campaign, in all of which it holds; set by a trigger.
    family_id: Mapped[int | None] = mapped_column(BigInteger, server_default=FetchedValue())
    source: Mapped[str]
    who: Mapped[str | None]
    evidence: Mapped[str | None]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    expires_at: Mapped[datetime | None]  # None: for ever
    # By the clock, while the gate is held: no claim after it may be for this number.
    in_force_at: Mapped[datetime | None] = mapped_column(server_default=text("clock_timestamp()"))
    replaced_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    lifted_why: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(
            one_of("source", "keypress", "api", "cli", "import", "page", "verbal"), name="source"
        ),
        CheckConstraint("number ~ '^[+][0-9]{3,15}$'", name="number"),
        # Who has pressed a key has not said until when.
        CheckConstraint("source <> 'keypress' OR expires_at IS NULL", name="keypress_lasts"),
        CheckConstraint(
            "(lifted_at IS NULL) = (lifted_by IS NULL)"
            " AND (lifted_at IS NULL) = (lifted_why IS NULL)",
            name="lifted",
        ),
        Index(
            "uq_opt_outs_live",
            *("number", "is_prefix", "campaign_id"),
            unique=True,
            postgresql_where=text(_IN_PLACE),
            postgresql_nulls_not_distinct=True,
        ),
        # Asked in every claim: nearly always empty, so the question costs nearly nothing.
        Index("ix_opt_outs_prefix", "number", postgresql_where=text(f"is_prefix AND {_IN_PLACE}")),
        # For a number's history, and for pages by number, by its end, by source, by fate.
        Index("ix_opt_outs_number_id", "number", "id"),
        Index("ix_opt_outs_reversed", text("reverse(number)"), "id"),
        Index("ix_opt_outs_source_id", "source", "id"),
        Index("ix_opt_outs_lifted", "id", postgresql_where=text("lifted_at IS NOT NULL")),
        Index("ix_opt_outs_expiring", "id", postgresql_where=text("expires_at IS NOT NULL")),
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


class GateHistory(Base):
    """What a claim asks about a campaign, an account or the switch, from when on. Append-only.

    Written by triggers alone, with the clock of the change: whatever stops calls holds the gate.
    """

    __tablename__ = "gate_history"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    value: Mapped[dict[str, Any]]

    __table_args__ = (
        CheckConstraint(one_of("kind", "campaign", "account", "switch"), name="kind"),
        Index("ix_gate_history_kind_subject_id_at", "kind", "subject_id", "at"),
    )


class SchemaLine(Base):
    """The oldest code, by the last migration it knows, that these tables still serve."""

    __tablename__ = "schema_line"

    id: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    oldest_code: Mapped[str]

    __table_args__ = (CheckConstraint("id", name="one_row"),)


class Installation(Base):
    """How far this installation has come; kept outside as well, to notice a restored database."""

    __tablename__ = "installation"

    id: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    identity: Mapped[str | None]  # cluster, timeline and database, as they were when it was marked
    mark: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    marked_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("id", name="one_row"),)


class Restoration(Base):
    """A database that went back in time; while one is not reconciled, nobody is dialled."""

    __tablename__ = "restorations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    why: Mapped[str]
    lost_since: Mapped[datetime]
    noted_at: Mapped[datetime]
    was_enabled: Mapped[bool]
    reconciled_at: Mapped[datetime | None]
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (
        Index(
            "uq_restorations_open",
            text("(reconciled_at IS NULL)"),
            unique=True,
            postgresql_where=text("reconciled_at IS NULL"),
        ),
    )
