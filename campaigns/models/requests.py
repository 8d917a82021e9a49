"""Requests that must have their effect once, however often they are sent."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Row


class IdempotentRequest(Row):
    """One request with an `Idempotency-Key`: who sent it, what it was, and how it was answered.

    `carried_out` is written by the transaction that has the effect, so that it is true exactly
    when the effect is there. The answer follows in a commit of its own and may be missing.
    """

    __tablename__ = "idempotent_requests"

    sender: Mapped[bytes] = mapped_column(LargeBinary)  # hash of the credentials
    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)  # hash of what was asked
    carried_out: Mapped[bool] = mapped_column(server_default=text("false"))
    claimed_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    media_type: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("sender", "key"),
        Index("ix_idempotent_requests_created_at", "created_at"),
    )
