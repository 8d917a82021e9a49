"""A week of calling hours as a form has it, and as a picture."""

from typing import NamedTuple

from campaigns.compliance import WeeklyWindows
from campaigns.errors import InvalidInput
from campaigns.web.pages.wizard.forms import Entries

DAYS = (
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
)
MOST_RANGES = 12
_DAY = 24 * 60
# Presets by name: what a button says, and the hours it fills in.
PRESETS = (
    ("Office hours", "mon-fri 09:00-17:30"),
    ("Weekdays until evening", "mon-fri 09:00-20:00"),
    ("Every day", "daily 09:00-20:00"),
    ("Weekday evenings", "mon-fri 17:00-20:00"),
    ("Around the clock", "always"),
)


class Range(NamedTuple):
    """From and until, as time inputs have them. Until "00:00" is the end of the day."""

    opens: str
    closes: str


class Day(NamedTuple):
    """One day of the form."""

    key: str
    name: str
    ranges: list[Range]
    error: str


class Block(NamedTuple):
    """A stretch of a day in the picture, in minutes. `kind` is open or barred."""

    start: int
    length: int
    kind: str


def days_of(windows: WeeklyWindows) -> list[Day]:
    """The form of these hours."""
    table = windows.serialise()
    return [
        Day(
            key,
            name,
            [Range(opens, "00:00" if end == "24:00" else end) for opens, end in table.get(key, [])],
            "",
        )
        for key, name in DAYS
    ]


def days_typed(entries: Entries) -> list[Day]:
    """The form as it was typed."""
    return [Day(key, name, _typed(entries, key), entries.errors.get(key, "")) for key, name in DAYS]


def windows_typed(entries: Entries) -> dict[str, list[list[str]]]:
    """The hours that were typed, as `WeeklyWindows.parse` takes them; problems are noted by day."""
    table: dict[str, list[list[str]]] = {}
    for key, name in DAYS:
        for opens, closes in _typed(entries, key):
            if not opens and not closes:
                continue
            if not opens or not closes:
                entries.refuse(key, f"{name}: give both a beginning and an end")
                continue
            try:
                WeeklyWindows.parse({key: [[opens, closes]]})
            except InvalidInput as problem:
                entries.refuse(key, f"{name}: {problem}")
                continue
            table.setdefault(key, []).append([opens, closes])
    if not table and not entries.errors:
        entries.refuse("hours", "nobody could ever be called; open at least one day")
    return table


def picture(windows: WeeklyWindows, rules: WeeklyWindows) -> list[tuple[str, list[Block]]]:
    """The week as blocks: open, and barred where the rules do not allow what was chosen."""
    rows: list[list[Block]] = [[] for _ in DAYS]
    allowed = _minutes(rules)
    for day, spans in enumerate(windows.days):
        for start, end in spans:
            for minute_start, minute_end, inside in _cut(
                day * _DAY + start, day * _DAY + end, allowed
            ):
                _place(rows, minute_start, minute_end, "open" if inside else "barred")
    return [(name[:3], rows[place]) for place, (_, name) in enumerate(DAYS)]


def _typed(entries: Entries, key: str) -> list[Range]:
    opens, closes = entries.every(f"{key}_from"), entries.every(f"{key}_to")
    pairs = zip(opens, [*closes, *[""] * len(opens)], strict=False)
    return [Range(one.strip()[:5], other.strip()[:5]) for one, other in pairs][:MOST_RANGES]


def _minutes(windows: WeeklyWindows) -> list[tuple[int, int]]:
    """Open spans in minutes since Monday, once for this week and once for the next."""
    week = 7 * _DAY
    spans = [
        (day * _DAY + start, day * _DAY + end)
        for day, each in enumerate(windows.days)
        for start, end in each
    ]
    wrapped = [(start - week, end - week) for start, end in spans if end > week]
    merged: list[tuple[int, int]] = []
    for start, end in sorted([*wrapped, *spans, *((s + week, e + week) for s, e in spans)]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(start: int, end: int, allowed: list[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    """A span in parts, each inside or outside of what is allowed."""
    parts: list[tuple[int, int, bool]] = []
    at = start
    for opens, closes in allowed:
        if closes <= at or opens >= end:
            continue
        if opens > at:
            parts.append((at, opens, False))
        parts.append((max(at, opens), min(end, closes), True))
        at = min(end, closes)
    if at < end:
        parts.append((at, end, False))
    return parts


def _place(rows: list[list[Block]], start: int, end: int, kind: str) -> None:
    """Draw a span on the days it falls on; what runs past Sunday returns on Monday."""
    while start < end:
        day, minute = divmod(start, _DAY)
        length = min(end - start, _DAY - minute)
        rows[day % 7].append(Block(minute, length, kind))
        start += length
