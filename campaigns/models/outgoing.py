"""What others are told: endpoints, events, and each event's way to each of those who asked."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class WebhookEndpoint(Row):
    """An address that is told what happens. Rows are never deleted while a delivery names them.

    Nothing here may be unique but the key: every event that is stored holds the row against
    changes of unique columns, and would wait for them.
    """

    __tablename__ = "webhook_endpoints"

    url: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    event_types: Mapped[list[str]]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    status_reason: Mapped[str | None]
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # encrypted
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)  # signs beside it until then:
    old_secret_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))  # since a success
    failing_since: Mapped[datetime | None]
    rest_until: Mapped[datetime | None]  # it has just failed: others come first
    succeeded_at: Mapped[datetime | None]

    __table_args__ = (
        # paused by a person, disabled by its own failures
        CheckConstraint(
            one_of("status", "active", "paused", "disabled", "removed"), name="status_known"
        ),
        CheckConstraint("cardinality(event_types) > 0", name="event_types"),
    )


class OutgoingEvent(Base):
    """One thing that happened, stored by a trigger in the transaction in which it did."""

    __tablename__ = "outgoing_events"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[UUID] = mapped_column(Uuid(), server_default=text("gen_random_uuid()"))
    type: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    data: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_outgoing_events_at", "at"),)


class WebhookDelivery(Row):
    """One event on its way to one endpoint, or by mail to the people in the settings.

    While it is being sent, `due_at` is the end of the lease: whoever took it and died leaves it
    to the next.
    """

    __tablename__ = "webhook_deliveries"

    event_id: Mapped[int] = mapped_column(ForeignKey("outgoing_events.id"))
    endpoint_id: Mapped[int | None] = mapped_column(ForeignKey("webhook_endpoints.id"))
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    tried_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    status_code: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str | None]
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    response: Mapped[str | None]  # how the answer began

    __table_args__ = (
        CheckConstraint(
            one_of("status", "waiting", "sending", "delivered", "given_up"), name="status_known"
        ),
        CheckConstraint(one_of("kind", "webhook", "mail"), name="kind_known"),
        CheckConstraint("(kind = 'webhook') = (endpoint_id IS NOT NULL)", name="webhook_endpoint"),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "due_at",
            postgresql_where=text("status IN ('waiting', 'sending')"),
        ),
        # For the log of an endpoint, filtered or not.
        Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_endpoint_id_status", "endpoint_id", "status", "id"),
        Index("ix_webhook_deliveries_event_id", "event_id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )
