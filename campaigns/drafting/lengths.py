"""Lengths of time, as people write them and as they are told. Pure."""

import re

from campaigns.errors import InvalidInput
from campaigns.pacing import Ramp

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NAMES = ((86400, "d", "day"), (3600, "h", "hour"), (60, "m", "minute"), (1, "s", "second"))
_LENGTH = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhd] *)+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")


def seconds_of(value: object) -> float:
    """A length of time in seconds, from a number of seconds or a text such as "1d 12h", "90m".

    Raises `ValueError` for anything else.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip().lower()[:40]
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    if not _LENGTH.fullmatch(text):
        raise ValueError('write a length of time as seconds, or like "24h", "90m" or "1d 12h"')
    return sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))


def ramp_of_text(text: str) -> dict[str, float]:
    """A campaign's ramp from "20% 10m": the part it begins with, and for how long it grows.

    "none" begins at the full pace. Raises `InvalidInput` for anything else.
    """
    if text.strip().lower() == "none":
        return {"start": 1.0, "seconds": 0.0}
    part, _, length = text.strip().partition(" ")
    try:
        if not part.endswith("%"):
            raise ValueError
        return Ramp.parse(
            {"start": float(part[:-1]) / 100, "seconds": seconds_of(length)}
        ).serialise()
    except ValueError as error:
        raise InvalidInput(
            f"{text[:40]!r} is no ramp: write it like “20% 10m”, or “none”. Nothing was changed."
        ) from error


def ramp_text(ramp: Ramp) -> str:
    """A ramp as `ramp_of_text` reads it."""
    if ramp.seconds <= 0 or ramp.start >= 1:
        return "none"
    return f"{100 * ramp.start:g}% {length_text(ramp.seconds)}"


def length_text(seconds: float) -> str:
    """A length as `seconds_of` reads it: "24h", "1d 12h", "90m"; whole seconds."""
    return " ".join(f"{count}{sign}" for count, sign, _ in _parts(seconds)) or "0s"


def length_in_words(seconds: float) -> str:
    """A length as it is told: "24 hours", "1 day 12 hours", "no time"."""
    told = [f"{count} {name}{'' if count == 1 else 's'}" for count, _, name in _parts(seconds)]
    return " ".join(told) or "no time"


def roughly(seconds: float) -> str:
    """A length nobody needs exactly: "less than a minute", "about 3 hours", "about 2 days"."""
    if seconds < 50:
        return "less than a minute"
    for size, _, name in _NAMES:
        if seconds >= 0.95 * size:
            count = max(1, round(seconds / size))
            return f"about {count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


def _parts(seconds: float) -> list[tuple[int, str, str]]:
    """Counts of units, largest first. One unit when it goes evenly into a day and a half or less,
    so that a day is "24h" to who wrote it so."""
    left = round(seconds)
    if 0 < left <= 2 * 86400 and left % 3600 == 0 and left % 86400 != 0:
        return [(left // 3600, "h", "hour")]
    if left == 86400:
        return [(24, "h", "hour")]
    if 0 < left < 2 * 3600 and left % 60 == 0 and left % 3600 != 0:
        return [(left // 60, "m", "minute")]
    found = []
    for size, sign, name in _NAMES:
        count, left = divmod(left, size)
        if count:
            found.append((count, sign, name))
    return found
