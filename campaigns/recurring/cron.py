"""Cron expressions, as crontab(5) has them, as a set of days and a list of times of day.

Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday, or names).
When both days are restricted, either is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time

from campaigns.errors import InvalidInput

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = 200
_HOW = 'Write five fields, such as "30 9 * * mon-fri".'


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: which values it may have, and what they are called."""

    word: str
    least: int
    most: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, start=1)}),
    _Field("day of the week", 0, 7, {name: n for n, name in enumerate(_DAYS)}),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that was read. `times` are in order."""

    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Monday
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Raises `InvalidInput` that names the field."""
        words = text.strip().lower().split()
        if len(text) > _LONGEST or len(words) != len(_FIELDS):
            raise InvalidInput(f"“{text[:60]}” is not a cron expression. {_HOW}")
        minutes, hours, days, months, weekdays = map(_values, words, _FIELDS)
        return cls(
            times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
            days=days,
            months=months,
            weekdays=frozenset((day - 1) % 7 for day in weekdays),
            either_day=not words[2].startswith("*") and not words[4].startswith("*"),
        )

    def falls_on(self, day: date) -> bool:
        """Whether it fires on this day."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


def _values(word: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in word.split(",") for value in _range(part, field))


def _range(part: str, field: _Field) -> range:
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        start, end = field.least, field.most
    else:
        start = _value(first, field)
        # "5/15" is from 5 on, as most crons have it.
        end = _value(last, field) if dash else field.most if slash else start
    by = int(step) if step.isdecimal() and len(step) <= 3 else 0
    if start > end or (slash and by < 1):
        raise _unreadable(part, field)
    return range(start, end + 1, by if slash else 1)


def _value(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names[text]
    if text.isdecimal() and len(text) <= 2 and field.least <= int(text) <= field.most:
        return int(text)
    raise _unreadable(text, field)


def _unreadable(text: str, field: _Field) -> InvalidInput:
    return InvalidInput(f"“{text[:40]}” is not a {field.word} of a cron expression. {_HOW}")
