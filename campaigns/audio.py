"""Audio that calls play: looked into before it is kept, kept once, and not deleted while played."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from mutagen.mp3 import MPEGInfo
from mutagen.wave import WaveStreamInfo
from sqlalchemy.orm import Session

from campaigns import auditing
from campaigns.access import Actor
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.flows.preview import AudioFacts, length_in_words
from campaigns.models import AudioFile
from campaigns.store import audio as rows

MOST_MB = 10
MOST_BYTES = MOST_MB * 1024 * 1024
MOST_SECONDS = 600.0
LONGEST_NAME = 200
_SHOWN = 5
_PCM, _MU_LAW = 1, 7  # codes in the header of a WAV file
_RATES = range(8_000, 192_001)  # samples a second
_HOW = "Upload WAV (PCM or µ-law) or MP3."


@dataclass(frozen=True, slots=True)
class Recording:
    """What an audio is, by its content: type for HTTP, and length in seconds."""

    media_type: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Kept:
    """An audio that is kept; `already` when the same content was uploaded before."""

    row: AudioFile
    already: bool


def look_into(data: bytes) -> Recording:
    """What the bytes of an audio are, whatever its name says. Raises `InvalidInput`."""
    if not data:
        raise InvalidInput(f"The audio is empty. {_HOW}")
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"The audio is larger than {MOST_MB} MB. Nothing was kept.")
    try:
        found = _wav(data) if data[:4] == b"RIFF" else _mp3(data)
    except InvalidInput:
        raise
    except Exception as error:  # whatever a parser of strangers' bytes comes to
        raise InvalidInput(f"This is not an audio that can be played. {_HOW}") from error
    if not 0 < found.seconds <= MOST_SECONDS:
        length = length_in_words(found.seconds)
        raise InvalidInput(
            f"The audio lasts {length}; at most {MOST_SECONDS / 60:g} minutes can be played."
            if found.seconds > 0
            else f"There is no sound in this audio. {_HOW}"
        )
    return found


def _wav(data: bytes) -> Recording:
    info = WaveStreamInfo(BytesIO(data))
    if info.audio_format not in (_PCM, _MU_LAW):
        raise InvalidInput(
            "This WAV file is neither PCM nor µ-law, so telephones may not play it. Nothing was "
            "kept. Save it as PCM with 8 or 16 bits."
        )
    if info.channels not in (1, 2) or info.bits_per_sample not in (8, 16, 24):
        raise InvalidInput(
            f"This WAV file has {info.channels} channels of {info.bits_per_sample} bits. "
            "Save it with one or two channels of 16 bits."
        )
    if info.sample_rate not in _RATES:
        raise InvalidInput(f"This WAV file has {info.sample_rate} samples a second. Save it anew.")
    announced = info.length * info.sample_rate * info.channels * info.bits_per_sample / 8
    if announced > len(data):
        raise InvalidInput(
            "This WAV file is cut off: it is shorter than it says. Nothing was kept. "
            "Upload it again, or save it anew."
        )
    return Recording("audio/wav", info.length)


def _mp3(data: bytes) -> Recording:
    # The frames alone: tags are of no use here, and may be packed to unpack without end.
    info = MPEGInfo(BytesIO(data))
    if info.sketchy or info.layer != 3:
        raise InvalidInput(f"This is neither a WAV file nor an MP3. {_HOW}")
    return Recording("audio/mpeg", float(info.length))


def keep_audio(session: Session, name: str, data: bytes, actor: Actor, now: datetime) -> Kept:
    """Keep an audio; the same content is kept once, under its first name. Raises `InvalidInput`."""
    found = look_into(data)
    sha256 = hashlib.sha256(data).hexdigest()
    plain = plain_name(name)
    created = rows.store_audio(
        session,
        name=plain,
        sha256=sha256,
        media_type=found.media_type,
        seconds=found.seconds,
        data=data,
    )
    if created is None:
        return Kept(audio_of_content(session, sha256), already=True)
    auditing.record(
        session,
        actor,
        "audio.add",
        f"audio:{created}",
        now,
        after={"name": plain, "seconds": round(found.seconds, 1), "sha256": sha256},
    )
    return Kept(audio_by_id(session, created), already=False)


def plain_name(name: str) -> str:
    """A file's own name for people to recognise it by; it is never used as a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:LONGEST_NAME] or "audio"


def audio_by_id(session: Session, audio_id: int) -> AudioFile:
    """The audio without its bytes; raises `NotFound`."""
    found = rows.find_audio(session, audio_id)
    if found is None:
        raise NotFound(f"There is no audio {audio_id}.")
    return found


def audio_of_content(session: Session, sha256: str) -> AudioFile:
    """The audio with this content, without its bytes; raises `NotFound`."""
    found = rows.find_audio_of_content(session, sha256)
    if found is None:
        raise NotFound("There is no such audio.")
    return found


def list_audio(session: Session, before: int | None = None, limit: int = 100) -> list[AudioFile]:
    """Audio without its bytes, newest first; `before` is the last one seen."""
    return rows.list_audio(session, before, limit)


def facts_of(session: Session, sha256s: Sequence[str]) -> dict[str, AudioFacts]:
    """What previews say about audios, by content; those that are not there are left out."""
    return {
        row.sha256: AudioFacts(row.name, row.seconds)
        for row in rows.audio_of_contents(session, sha256s)
    }


def delete_audio(session: Session, audio_id: int, actor: Actor, now: datetime) -> None:
    """Delete an audio. Raises `NotFound`, and `NotAllowed` while a campaign plays it."""
    if not rows.lock_audio(session, audio_id):
        raise NotFound(f"There is no audio {audio_id}.")
    found = audio_by_id(session, audio_id)
    if playing := rows.campaigns_that_play(session, audio_id, _SHOWN + 1):
        raise NotAllowed(
            f"“{found.name}” is played by {_listed(playing)}. It was not deleted. "
            "Let them play something else first; what campaigns have said stays on record."
        )
    before = {"name": found.name, "sha256": found.sha256}
    session.expunge(found)
    rows.delete_audio(session, audio_id)
    auditing.record(session, actor, "audio.delete", f"audio:{audio_id}", now, before=before)


def _listed(names: Iterable[str]) -> str:
    shown = [f"“{name}”" for name in names]
    more = ["and others"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more])
