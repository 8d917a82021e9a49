"""Instants, lengths and counts as people say them. Pure."""

from collections.abc import Sequence
from datetime import datetime

from campaigns import clocks

# What codes of reasons mean to people; the others are words already.
REASONS = {
    "number_busy": "somebody else is being called on this number",
}


def reason(code: str) -> str:
    """Why somebody waits, or how it ended for them, as people say it."""
    return REASONS.get(code) or code.replace("_", " ")


def people(count: int) -> str:
    """ "1 person", "12 people"."""
    return f"{count:,} {'person' if count == 1 else 'people'}"


def calls(count: int) -> str:
    """ "1 call", "12 calls"."""
    return f"{count:,} {'call' if count == 1 else 'calls'}"


def instant(at: datetime) -> str:
    """An instant in a sentence: "Mon 23 Nov 2026, 14:00 UTC"; a page puts it on its own clock."""
    return clocks.written(at)


def on_their_clock(at: datetime, zone: str) -> str:
    """An instant where somebody lives: "Mon 23 Nov 2026, 09:00 in New York"."""
    return clocks.there(at, [zone]) or ""


def local_time(at: datetime | None, zones: Sequence[str]) -> str | None:
    """An instant on every clock it may be on, those that agree only once; None without any."""
    return clocks.there(at, zones)


def until(at: datetime, now: datetime) -> str:
    """How long until `at`: "now", "in 40 seconds", "in 3 hours", "in 2 days"."""
    seconds = (at - now).total_seconds()
    if seconds <= 1:
        return "now"
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
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


def sentence(text: str) -> str:
    """A text as a sentence: capital first, full stop last."""
    plain = text.strip()
    return f"{plain[:1].upper()}{plain[1:].rstrip('.')}." if plain else ""
