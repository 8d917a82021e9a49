"""Recipients, and the files and zones they come with."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class Import(Row):
    """One file of recipients on its way into one campaign."""

    __tablename__ = "imports"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    stored_at: Mapped[str | None]  # path below the data directory, for as long as it is kept
    options: Mapped[dict[str, Any]]
    mapping: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    rows_read: Mapped[int] = mapped_column(server_default=text("0"))
    rows_imported: Mapped[int] = mapped_column(server_default=text("0"))
    rows_rejected: Mapped[int] = mapped_column(server_default=text("0"))
    rows_opted_out: Mapped[int] = mapped_column(server_default=text("0"))
    # Imported people who were called, in any campaign, within the week before.
    rows_recently_called: Mapped[int] = mapped_column(server_default=text("0"))
    # Appointments that were there at another time, and those that the list does not have any more.
    rows_moved: Mapped[int] = mapped_column(server_default=text("0"))
    rows_missing: Mapped[int] = mapped_column(server_default=text("0"))
    repairs: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))  # by kind
    rejects_by_reason: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    bytes_read: Mapped[int] = mapped_column(server_default=text("0"))
    bytes_total: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    claimed_at: Mapped[datetime | None]  # also the heartbeat of the process that reads the file
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            one_of(
                "status",
                *("uploaded", "waiting", "running", "done", "failed", "undone", "discarded"),
            ),
            name="status",
        ),
        # The same file twice is one import; what brought nobody in may be tried again.
        Index(
            "uq_imports_campaign_id_file_sha256",
            "campaign_id",
            "file_sha256",
            unique=True,
            postgresql_where=text("status NOT IN ('failed', 'undone', 'discarded')"),
        ),
        Index("ix_imports_campaign_id_id", "campaign_id", "id"),
    )


class ImportReject(Base):
    """A row of a file that was not imported, and why."""

    __tablename__ = "import_rejects"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str]
    detail: Mapped[str]
    row: Mapped[str]


class ImportRepair(Base):
    """An example of what was put right in a file: one of a few of its kind."""

    __tablename__ = "import_repairs"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    line: Mapped[int]
    before: Mapped[str]
    after: Mapped[str]


class ZoneKey(Base):
    """A small number for a place, so that due rows can be read for the places that are open.

    Keys from before there were places have no country; they open nothing.
    """

    __tablename__ = "zone_keys"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    country: Mapped[str | None]
    subdivisions: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    zones: Mapped[list[str]]
    line: Mapped[str] = mapped_column(server_default=text("'unknown'"))

    __table_args__ = (
        CheckConstraint(one_of("line", "wireless", "landline", "unknown"), name="line"),
        UniqueConstraint(
            *("country", "subdivisions", "zones", "line"), postgresql_nulls_not_distinct=True
        ),
    )


class Recipient(Row):
    """One person inside one campaign, with their numbers in the order to try them."""

    __tablename__ = "recipients"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    import_line: Mapped[int | None] = mapped_column(Integer)  # of the list; None where not kept
    dedupe_key: Mapped[str]
    numbers: Mapped[list[str]]
    number_index: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    fields: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    zone: Mapped[str | None]
    address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    zone_key: Mapped[int | None] = mapped_column(Integer, ForeignKey("zone_keys.id"))
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    reason: Mapped[str | None]  # why it waits, or why it ended
    next_attempt_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    appointment_at: Mapped[datetime | None]
    appointment_key: Mapped[str | None]  # what the list calls the appointment
    appointment_set_at: Mapped[datetime | None]  # when it was moved last; answers before are past
    appointment_cancelled_at: Mapped[datetime | None]  # nobody is to be called about it any more
    # Which of the reminders of the appointment is due next, or was the last one; the first is 0.
    stage: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    counted_from: Mapped[datetime | None]  # attempts before it were about something else
    attempts_spent: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    cancels_in_row: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    retry: Mapped[bool] = mapped_column(Boolean, Computed("attempts_spent > 0", persisted=True))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __table_args__ = (
        UniqueConstraint("campaign_id", "dedupe_key"),
        CheckConstraint(
            one_of(
                "status",
                *("pending", "in_flight", "completed", "exhausted", "expired", "blocked", "review"),
                "removed",
            ),
            name="status_known",
        ),
        CheckConstraint(
            "(status = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_has_a_time"
        ),
        # Who has no zone key is never found due: such a recipient would be forgotten.
        CheckConstraint("status <> 'pending' OR zone_key IS NOT NULL", name="pending_has_a_zone"),
        CheckConstraint("cardinality(numbers) BETWEEN 1 AND 10", name="numbers"),
        Index(
            "ix_recipients_due",
            "campaign_id",
            "zone_key",
            "retry",
            "next_attempt_at",
            postgresql_where=text("status = 'pending'"),
        ),
        # The same for people who have to be called by a time: the earliest of those comes first.
        Index(
            "ix_recipients_due_by_deadline",
            *("campaign_id", "zone_key", "retry", "deadline_at", "next_attempt_at"),
            postgresql_where=text("status = 'pending' AND deadline_at IS NOT NULL"),
        ),
        Index(
            "uq_recipients_appointment_key",
            *("campaign_id", "appointment_key"),
            unique=True,
            postgresql_where=text("appointment_key IS NOT NULL"),
        ),
        Index(
            "ix_recipients_deadline",
            "deadline_at",
            # For what asks about all campaigns, and says that it wants whoever has a time. What
            # asks about one campaign does not, so that it is never answered from here: it would
            # read past everybody else's people.
            postgresql_where=text(
                "status = 'pending' AND deadline_at IS NOT NULL AND next_attempt_at IS NOT NULL"
            ),
        ),
        # For counts by status, and for pages of a campaign's recipients, filtered or not.
        Index("ix_recipients_campaign_id_status", "campaign_id", "status", "id"),
        Index("ix_recipients_campaign_id_id", "campaign_id", "id"),
        # Whom an opt-out has blocked, when it is to be undone.
        Index(
            "ix_recipients_blocked_numbers",
            "numbers",
            postgresql_using="gin",
            postgresql_where=text("status = 'blocked'"),
        ),
    )
