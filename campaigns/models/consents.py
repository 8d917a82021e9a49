"""What people have agreed to."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Row, one_of


class Consent(Row):
    """That somebody may be called on a number. Rows are never deleted: a revoked one is history.

    `purpose` and `subject` narrow what it is for; None is everything.
    """

    __tablename__ = "consents"

    number: Mapped[str] = mapped_column(Text(collation="C"))  # E.164
    basis: Mapped[str]
    purpose: Mapped[str | None]
    subject: Mapped[str | None]
    evidence: Mapped[str]
    source: Mapped[str]
    who: Mapped[str | None]
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]  # None: no end of its own
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    revoked_why: Mapped[str | None]
    # By the clock, while the gate is held: nothing that rests on it is claimed after that.
    revoked_in_force_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            one_of("basis", "existing_relationship", "express", "written", "optin_proof"),
            name="basis",
        ),
        CheckConstraint(
            one_of(
                "purpose",
                *("reminder", "informational", "marketing", "debt", "survey", "emergency"),
            ),
            name="purpose",
        ),
        CheckConstraint(one_of("source", "api", "cli", "import", "page"), name="source"),
        CheckConstraint("number ~ '^[+][0-9]{7,15}$'", name="number"),
        CheckConstraint("evidence <> ''", name="evidence"),
        CheckConstraint("expires_at > given_at", name="expires_after_it_was_given"),
        CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL)"
            " AND (revoked_at IS NULL) = (revoked_why IS NULL)",
            name="revoked",
        ),
        # The same consent handed in twice is one.
        Index(
            "uq_consents_given",
            *("number", "basis", "purpose", "subject", "given_at"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_consents_number_id", "number", "id"),
        Index("ix_consents_reversed", text("reverse(number)"), "id"),
        Index("ix_consents_revoked", "id", postgresql_where=text("revoked_at IS NOT NULL")),
    )
