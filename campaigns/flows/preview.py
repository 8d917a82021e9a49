"""What a call will sound like, as text, for people who write flows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.flows.model import Audio, CallFlow, parts_of
from campaigns.flows.text import fill

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
# A full stop behind one of these, or a single letter, ends no sentence: "Dr. Lee", "J. Bach".
_SHORTENED = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|Drs?|Mrs?|Ms|Mx|Prof|St|Ste|Mt|Jr|Sr|Sra|Srta|Hr|Frl|Mme|Mlle|Sig|Rev|Gen|"
    r"Col|Capt|Lt|Sgt|Nr|Str|vs|approx|z\.B|e\.g|i\.e)\.$"
)


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """An audio as a person knows it: the name of its file and its length in seconds."""

    name: str
    seconds: float

    def __str__(self) -> str:
        """What stands for it in a preview."""
        return f"[audio: {self.name}, {length_in_words(self.seconds)}]"


def length_in_words(seconds: float) -> str:
    """A length as people read it: "12 s", "2 min 5 s"."""
    whole = max(1, round(seconds))
    minutes, rest = divmod(whole, 60)
    return " ".join(f"{n} {unit}" for n, unit in ((minutes, "min"), (rest, "s")) if n)


@dataclass(frozen=True, slots=True)
class Preview:
    """Sentences in the order they are heard.

    `human` is heard until a key is pressed, `voicemail` is left on a machine (empty: we hang up),
    `keys` follows each key, `wrong_key` a key without a meaning and `not_recorded` a choice that
    could not be kept.
    """

    human: list[str]
    voicemail: list[str]
    keys: dict[str, list[str]]
    wrong_key: list[str]
    not_recorded: list[str]


def sentences_of(text: str) -> list[str]:
    """The sentences of a text; one with "Dr. Lee" in it stays whole."""
    found: list[str] = []
    for piece in filter(None, _SENTENCE_END.split(text)):
        if found and (_SHORTENED.search(found[-1]) or _goes_on(found[-1], piece)):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def _goes_on(before: str, piece: str) -> bool:
    """Whether what follows a full stop is no new sentence: "9 a.m. on Monday"."""
    return before.endswith(".") and piece[0].islower()


def preview(
    flow: CallFlow, fields: Mapping[str, str], audio: Mapping[str, AudioFacts] | None = None
) -> Preview:
    """The flow as one recipient would hear it; `audio` are the facts by SHA-256."""
    known = audio or {}

    def sentences(part: str | Audio) -> list[str]:
        if isinstance(part, Audio):
            return [str(known.get(part.audio, "[audio that is not there]"))]
        return sentences_of(fill(part, fields))

    def heard(*speeches: str | Audio | tuple[str | Audio, ...] | None) -> list[str]:
        parts = (part for speech in speeches if speech is not None for part in parts_of(speech))
        return [sentence for part in parts for sentence in sentences(part)]

    return Preview(
        human=heard(flow.message, flow.prompt),
        voicemail=heard(flow.voicemail.text),
        keys={digit: heard(answer.reply) for digit, answer in flow.answers.items()},
        wrong_key=heard(flow.not_understood) if flow.answers else [],
        not_recorded=heard(flow.not_recorded) if flow.answers else [],
    )
