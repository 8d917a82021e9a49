"""The calling rules: every version there ever was, and when each was put in force."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base


class CallingRules(Base):
    """One version of all rules. Append-only: attempts name the version they were judged by."""

    __tablename__ = "calling_rules"

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(unique=True)
    document: Mapped[dict[str, Any]]
    seeded_at: Mapped[datetime]


class RuleActivation(Base):
    """A version was put in force; the latest one binds. Append-only."""

    __tablename__ = "rule_activations"

    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, ForeignKey("calling_rules.version"))
    at: Mapped[datetime]
    who: Mapped[str | None]  # None: it came with a new release
