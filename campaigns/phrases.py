"""Instants, lengths and lists as people say them. Pure."""

from collections.abc import Sequence
from datetime import datetime

from campaigns import clocks

_SIZES = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def instant(at: datetime) -> str:
    """An instant in a sentence: "Mon 23 Nov 2026, 14:00 UTC"; a page puts it on its own clock."""
    return clocks.written(at)


def local_time(at: datetime | None, zones: Sequence[str]) -> str | None:
    """An instant on every clock it may be on, those that agree only once; None without any."""
    return clocks.there(at, zones)


def length(seconds: float) -> str:
    """A length of time as a rule states it: "4 hours", "30 days", "1.5 seconds"."""
    for size, name in _SIZES:
        count = seconds / size
        if count >= 1 and (count == round(count) or size == 1):
            return f"{count:g} {name}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"


def until(at: datetime, now: datetime) -> str:
    """How long until `at`: "now", "in 40 seconds", "in 3 hours", "in 2 days"."""
    seconds = (at - now).total_seconds()
    if seconds <= 1:
        return "now"
    for size, name in _SIZES:
        if seconds >= size:
            count = round(seconds / size)
            return f"in {count} {name}{'' if count == 1 else 's'}"
    return "now"


def ago(at: datetime, now: datetime) -> str:
    """How long since `at`: "just now", "40 seconds ago", "3 hours ago", "2 days ago"."""
    told = until(now, at)
    return "just now" if told == "now" else f"{told.removeprefix('in ')} ago"


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *front, last = parts
    return f"{', '.join(front)} and {last}" if front else last


def some(count: int, noun: str) -> str:
    """ "1 call", "12 calls"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def people(count: int) -> str:
    """ "1 person", "12 people"."""
    return "1 person" if count == 1 else f"{count:,} people"


def sentence(text: str) -> str:
    """A text as a sentence: capital first, full stop last."""
    plain = text.strip()
    return f"{plain[:1].upper()}{plain[1:].rstrip('.')}." if plain else ""


def clause(text: str) -> str:
    """A sentence as a part of another one: small letter first, no full stop."""
    return f"{text[:1].lower()}{text[1:].rstrip('.')}"
