"""Weekly windows: on which days and between which wall-clock times calls may be made."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Self

from campaigns.compliance.holidays import Holidays
from campaigns.errors import InvalidInput

Span = tuple[int, int]  # minutes, the first inside and the second outside

DAY = 24 * 60
WEEK = 7 * DAY
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_GROUPS = {"daily": range(7), "weekdays": range(5), "weekend": range(5, 7)}
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_LONGEST_TEXT = 1000
_MOST_PER_DAY = 12
_HOLIDAYS = "holidays"  # beside the days in the table of windows
_CLOSED = re.compile(r"\bclosed\b", re.IGNORECASE)
_HOW = 'Write for example "mon-fri 09:00-17:30, sat 10:00-14:00", "daily 08:00-20:00" or "always".'


@dataclass(frozen=True, slots=True)
class WeeklyWindows:
    """Seven days from Monday, each with its windows in minutes since that day's midnight.

    A window that runs past midnight ends above 1440 and belongs to the day on which it opens. On
    `holidays` nothing is open, not even the end of a window that opened the evening before.
    """

    days: tuple[tuple[Span, ...], ...]
    holidays: Holidays | None = None

    @classmethod
    def parse(cls, value: object) -> Self:
        """Windows from a short text or from `{"mon": [["08:00", "20:00"]], ...}`.

        A window whose end is not after its start lasts until the next day. Holidays stand in the
        table under `holidays`, and in a text behind "closed": "daily 09:00-17:00, closed on US-CA
        holidays, 2026-12-24". Raises `InvalidInput`.
        """
        holidays: object = None
        if isinstance(value, str):
            week, *closed = _CLOSED.split(value, maxsplit=1)
            pairs, holidays = _read_text(week.strip(" ,;")), closed[0] if closed else None
        elif isinstance(value, dict):
            pairs, holidays = _read_days(value), value.get(_HOLIDAYS)
        else:
            raise InvalidInput(f"Calling windows must be a text or a table of days. {_HOW}")
        found: list[set[Span]] = [set() for _ in DAYS]
        for day, span in pairs:
            found[day].add(span)
        if not any(found):
            raise InvalidInput(f"These calling windows never open. {_HOW}")
        if max(map(len, found)) > _MOST_PER_DAY:
            raise InvalidInput(f"A day can have at most {_MOST_PER_DAY} calling windows.")
        days = tuple(tuple(sorted(spans)) for spans in found)
        return cls(days, None if holidays is None else Holidays.parse(holidays))

    def with_holidays(self, value: object) -> Self:
        """The same windows closed on these holidays, whatever they were closed on before.

        `value` is what `Holidays.parse` takes; None for no holidays. Raises `InvalidInput`.
        """
        return replace(self, holidays=None if value is None else Holidays.parse(value))

    def serialise(self) -> dict[str, Any]:
        """The JSON form that `parse` reads back to an equal value; closed days are left out."""
        week: dict[str, Any] = {
            name: [[_clock(start), _clock(end)] for start, end in spans]
            for name, spans in zip(DAYS, self.days, strict=True)
            if spans
        }
        return week if self.holidays is None else week | {_HOLIDAYS: self.holidays.serialise()}

    def __str__(self) -> str:
        """The short text that `parse` reads back to an equal value."""
        if all(spans == ((0, DAY),) for spans in self.days):
            week = "always"
        else:
            week = ", ".join(f"{name} {_times(spans)}" for name, spans in self._runs())
        return week if self.holidays is None else f"{week}, closed on {self.holidays}"

    def closed_on(self, day: date) -> bool:
        """Whether this day is a holiday."""
        return self.holidays is not None and self.holidays.fall_on(day)

    def inside(self, wall: datetime) -> bool:
        """Whether a wall clock's time of the week is in a window, holidays aside."""
        minute = wall.weekday() * DAY + wall.hour * 60 + wall.minute
        return any(start <= minute < end for start, end in common_week((self,)))

    def _runs(self) -> Iterator[tuple[str, tuple[Span, ...]]]:
        """Runs of open days with the same windows, each as "mon-fri" or "sat"."""
        first = 0
        for day, spans in enumerate(self.days):
            if day == 6 or self.days[day + 1] != spans:
                if spans:
                    name = DAYS[first] if first == day else f"{DAYS[first]}-{DAYS[day]}"
                    yield name, spans
                first = day + 1


def narrowed(windows: Sequence[WeeklyWindows]) -> WeeklyWindows:
    """What weekly windows share, on days that are no holidays; perhaps nothing at all."""
    days: list[list[Span]] = [[] for _ in DAYS]
    for start, end in common_week(tuple(windows)):
        for day in range(start // DAY, (end - 1) // DAY + 1):
            inside = (max(start - day * DAY, 0), min(end - day * DAY, DAY))
            days[day].append(inside)
    return WeeklyWindows(tuple(map(tuple, days)))


def intersect(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What two sorted lists of disjoint spans share."""
    shared: list[Span] = []
    for start, end in one:
        for other_start, other_end in other:
            if other_start >= end:
                break
            if other_end > start:
                shared.append((max(start, other_start), min(end, other_end)))
    return shared


def merge(spans: Iterable[Span]) -> list[Span]:
    """Sorted spans with those that overlap or touch made one."""
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=1024)
def common_week(windows: tuple[WeeklyWindows, ...]) -> tuple[Span, ...]:
    """The minutes since Monday 00:00 that all the windows share, as sorted disjoint spans."""
    shared: list[Span] = [(0, WEEK)]
    for one in windows:
        shared = intersect(shared, _week(one))
    return tuple(shared)


def _week(windows: WeeklyWindows) -> list[Span]:
    """One week's windows as sorted disjoint spans; what runs past Sunday returns on Monday."""
    spans: list[Span] = []
    for day, day_spans in enumerate(windows.days):
        for start, end in day_spans:
            opens, closes = day * DAY + start, day * DAY + end
            spans.append((opens, min(closes, WEEK)))
            if closes > WEEK:
                spans.append((0, closes - WEEK))
    return merge(sorted(spans))


def _read_days(table: dict[object, object]) -> Iterator[tuple[int, Span]]:
    for name, windows in table.items():
        if name == _HOLIDAYS:
            continue
        if not isinstance(name, str) or not isinstance(windows, list | tuple):
            raise InvalidInput(f"Each day needs a list of windows. {_HOW}")
        for window in windows:
            if not isinstance(window, list | tuple) or len(window) != 2:
                raise InvalidInput(f'A window of {name} must be a pair such as ["09:00", "17:30"].')
            span = _span(*window)
            yield from ((day, span) for day in _days(name))


def _read_text(text: str) -> Iterator[tuple[int, Span]]:
    """Days followed by their times, as often as wanted."""
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"This text is too long to be calling windows. {_HOW}")
    plain = re.sub(r"\s*[-–—]\s*", "-", text.strip().lower())  # noqa: RUF001
    plain = "daily 00:00-24:00" if plain == "always" else plain
    words = [word for word in re.split(r"[\s,;]+", plain) if word]
    days: list[int] = []
    timed = True  # the times of the days named so far have been read
    for word in words:
        if ":" in word:
            start, dash, end = word.partition("-")
            if not dash:
                raise InvalidInput(f"“{word}” has no end. {_HOW}")
            span = _span(start, end)
            yield from ((day, span) for day in days)
            if not days:
                raise InvalidInput(f"“{word}” does not say on which days. {_HOW}")
            timed = True
        else:
            days = [*([] if timed else days), *_days(word)]
            timed = False
    if not timed:
        raise InvalidInput(f"“{words[-1]}” does not say between which times. {_HOW}")


def _days(text: str) -> list[int]:
    """The days that "mon", "Monday", "sat-mon", "daily", "weekdays" or "weekend" stand for."""
    plain = text.strip().lower()
    if plain in _GROUPS:
        return list(_GROUPS[plain])
    first, dash, last = plain.partition("-")
    start = _day(first)
    end = _day(last) if dash else start
    return [(start + step) % 7 for step in range((end - start) % 7 + 1)]


def _day(text: str) -> int:
    for number, name in enumerate(_NAMES):
        if len(text) >= 3 and name.startswith(text):
            return number
    raise InvalidInput(f"“{text[:40]}” is not a day of the week. {_HOW}")


def _span(start: object, end: object) -> Span:
    opens, closes = _minutes(start), _minutes(end)
    if opens == DAY:
        raise InvalidInput("A window cannot open at 24:00; write 00:00 of the next day.")
    return (opens, closes if closes > opens else closes + DAY)


def _minutes(clock: object) -> int:
    found = _TIME.fullmatch(clock) if isinstance(clock, str) else None
    if found is None:
        raise InvalidInput(f"“{str(clock)[:40]}” is not a time such as 09:00.")
    hour, minute = int(found[1]), int(found[2])
    if minute > 59 or hour * 60 + minute > DAY:
        raise InvalidInput(f"There is no time of day {clock}.")
    return hour * 60 + minute


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes if minutes <= DAY else minutes - DAY, 60)
    return f"{hour:02}:{minute:02}"


def _times(spans: tuple[Span, ...]) -> str:
    return " ".join(f"{_clock(start)}-{_clock(end)}" for start, end in spans)
