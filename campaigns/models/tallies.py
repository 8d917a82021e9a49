"""Counters that triggers keep beside the rows, and the structures that searches read.

Nothing but the triggers of migration 0004, the fold and the proof writes here.
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, one_of

TALLIES = (
    "recipients",  # status, retry, reason
    "zones",  # of those pending: zone key, retry
    "waiting",  # of those pending: zone key, retry, ten UTC minutes in which they are due
    "columns",  # of those from no list: name of a column of theirs
    "attempts",  # status, disposition, cancel reason, spent, ever in doubt, refused, how far
    "hours",  # UTC hour of the slot, how it ended or stands, answered
    "abandoned",  # of calls that people answered and that met silence: UTC hour of the slot
    "minutes",  # of calls: UTC minute in which they began; only the last hours are kept
    "answers",  # of keypresses: digit, meaning
    "latest",  # of people by their last keypress: digit, meaning
)

_Key = ARRAY(Text(collation="C"))


class TallyDelta(Base):
    """A change of a tally that is not folded into its total yet. Inserted and deleted, only."""

    __tablename__ = "tally_deltas"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    campaign_id: Mapped[int]
    tally: Mapped[str]
    key: Mapped[list[str]] = mapped_column(_Key)
    n: Mapped[int]

    __table_args__ = (Index("ix_tally_deltas_campaign_id_tally", "campaign_id", "tally"),)


class CampaignTally(Base):
    """How many rows of a campaign stand alike, without the deltas that are not folded yet."""

    __tablename__ = "campaign_tallies"

    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    tally: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key: Mapped[list[str]] = mapped_column(_Key, primary_key=True)
    n: Mapped[int]

    __table_args__ = (CheckConstraint(one_of("tally", *TALLIES), name="tally_known"),)


class TallyProof(Base):
    """When a campaign's tallies were last compared with its rows, and how many differed."""

    __tablename__ = "tally_proofs"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    proved_at: Mapped[datetime]
    differences: Mapped[int]


class LastAnswer(Base):
    """A recipient's last keypress, kept by a trigger on `responses`."""

    __tablename__ = "last_answers"

    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"), primary_key=True)
    campaign_id: Mapped[int]
    response_id: Mapped[int]
    digit: Mapped[str]
    meaning: Mapped[str]
    at: Mapped[datetime]


class SearchWord(Base):
    """What a recipient is found by: a number's digits from the last one on, or a name from its
    first, second or last word on, in lower case.

    Kept by a trigger, apart from the rows that every call changes.
    """

    __tablename__ = "search_words"

    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(primary_key=True)

    __table_args__ = (Index("ix_search_words_word_recipient_id", "word", "recipient_id"),)
