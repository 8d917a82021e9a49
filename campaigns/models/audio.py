"""Audio that calls play, kept here because the hosts of an installation share nothing else."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.base import Base, Row, one_of


class AudioFile(Row):
    """One audio, known by its content and never changed. `seconds` is how long it plays."""

    __tablename__ = "audio_files"

    name: Mapped[str]
    sha256: Mapped[str]
    media_type: Mapped[str]
    seconds: Mapped[float]
    size: Mapped[int]  # bytes
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)

    __table_args__ = (
        UniqueConstraint("sha256"),
        CheckConstraint(one_of("media_type", "audio/wav", "audio/mpeg"), name="media_type_known"),
        CheckConstraint("size = octet_length(data) AND seconds > 0", name="whole"),
    )


class FlowAudio(Base):
    """A version of a flow plays an audio, which therefore cannot be deleted."""

    __tablename__ = "flow_audio"

    flow_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True
    )
    audio_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("audio_files.id"), primary_key=True
    )

    __table_args__ = (Index("ix_flow_audio_audio_id", "audio_id"),)
