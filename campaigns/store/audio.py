"""Audio files, and which call flows play them."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.models import AudioFile


def store_audio(
    session: Session, *, name: str, sha256: str, media_type: str, seconds: float, data: bytes
) -> int | None:
    """Keep an audio; None when this very content is kept already."""
    found: int | None = session.execute(
        text("""
            INSERT INTO audio_files (name, sha256, media_type, seconds, size, data)
            VALUES (:name, :sha256, :media_type, :seconds, :size, :data)
            ON CONFLICT (sha256) DO NOTHING RETURNING id
        """),
        {
            "name": name,
            "sha256": sha256,
            "media_type": media_type,
            "seconds": seconds,
            "size": len(data),
            "data": data,
        },
    ).scalar_one_or_none()
    return found


def find_audio(session: Session, audio_id: int) -> AudioFile | None:
    """The audio without its bytes."""
    return session.get(AudioFile, audio_id, populate_existing=True)


def find_audio_of_content(session: Session, sha256: str) -> AudioFile | None:
    """The one audio with this content, without its bytes."""
    return session.scalars(select(AudioFile).where(AudioFile.sha256 == sha256)).one_or_none()


def list_audio(session: Session, before: int | None, limit: int) -> list[AudioFile]:
    """Audio without its bytes, newest first; `before` is the last one seen."""
    wanted = select(AudioFile).order_by(AudioFile.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(AudioFile.id < before)
    return list(session.scalars(wanted))


def audio_of_contents(session: Session, sha256s: Sequence[str]) -> list[AudioFile]:
    """Those of the named audios that there are, without their bytes."""
    if not sha256s:
        return []
    return list(session.scalars(select(AudioFile).where(AudioFile.sha256.in_(sha256s))))


def read_audio(session: Session, audio_id: int) -> bytes | None:
    """The bytes of an audio."""
    found = session.execute(
        text("SELECT data FROM audio_files WHERE id = :id"), {"id": audio_id}
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def note_audio_of_flow(session: Session, flow_id: int, sha256s: Sequence[str]) -> set[str]:
    """Keep the named audios for as long as a flow plays them; returns those that are not there."""
    if not sha256s:
        return set()
    # Shared with everybody but who deletes: whatever is noted here is there at the commit.
    rows = session.execute(
        text("""
            WITH found AS (
                SELECT id, sha256 FROM audio_files WHERE sha256 = ANY (:sha256s) FOR KEY SHARE
            ), noted AS (
                INSERT INTO flow_audio (flow_id, audio_id) SELECT :flow, id FROM found
            )
            SELECT sha256 FROM found
        """),
        {"flow": flow_id, "sha256s": list(sha256s)},
    )
    return set(sha256s) - {row[0] for row in rows}


def audio_of_flow(session: Session, flow_id: int) -> set[str]:
    """The contents of the audio that is kept for a flow."""
    rows = session.execute(
        text("""
            SELECT x.sha256 FROM flow_audio f JOIN audio_files x ON x.id = f.audio_id
            WHERE f.flow_id = :id
        """),
        {"id": flow_id},
    )
    return {row[0] for row in rows}


def lock_audio(session: Session, audio_id: int) -> bool:
    """Keep every flow from beginning to play an audio; False when there is no such audio."""
    found = session.execute(
        text("SELECT id FROM audio_files WHERE id = :id FOR UPDATE"), {"id": audio_id}
    )
    return found.scalar_one_or_none() is not None


def campaigns_that_play(session: Session, audio_id: int, limit: int) -> list[str]:
    """Names of campaigns whose calls play an audio, the newest first."""
    rows = session.execute(
        text("""
            SELECT c.name FROM campaigns c JOIN flow_audio f ON f.flow_id = c.flow_id
            WHERE f.audio_id = :id ORDER BY c.id DESC LIMIT :limit
        """),
        {"id": audio_id, "limit": limit},
    )
    return [row[0] for row in rows]


def delete_audio(session: Session, audio_id: int) -> None:
    """Forget an audio that no campaign plays, and the former versions of flows that did."""
    session.execute(text("DELETE FROM flow_audio WHERE audio_id = :id"), {"id": audio_id})
    session.execute(text("DELETE FROM audio_files WHERE id = :id"), {"id": audio_id})
