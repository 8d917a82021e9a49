"""When a recurrence fires: at local wall times, on days of the week or by a cron expression.

A firing is known by its wall time. A time that occurs twice, when clocks go back, fires once, the
first time; one that clocks skip fires once too, as much later as they skip.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from campaigns.compliance import Holidays, zone_named
from campaigns.errors import InvalidInput
from campaigns.recurring.cron import Cron

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_TIMES = 96  # a day: every quarter of an hour
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KEYS = frozenset({"days", "times", "cron", "zone", "holidays", "starts_on", "ends_on"})
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_LONGEST_ZONE_OFFSET = timedelta(hours=15)
_LOOKS_AHEAD = 366 * 9  # days: a 29 February that is a working day may be that far
_HOW = 'Write for example {"days": ["mon", "fri"], "times": ["09:00"], "zone": "Europe/London"}.'


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing: `key` is its wall time ("2026-11-21T09:00"), `at` the instant, aware UTC."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """When a recurrence fires. Either `days` (0 is Monday) and `times`, or `cron`."""

    zone: str
    days: tuple[int, ...] = ()
    times: tuple[time, ...] = ()
    cron: str | None = None
    holidays: Holidays | None = None  # days on which it does not fire
    starts_on: date | None = None
    ends_on: date | None = None  # the last day

    @classmethod
    def parse(cls, value: object) -> Self:
        """A rule from JSON; `days` left out are all seven. Raises `InvalidInput`."""
        if not isinstance(value, Mapping):
            raise InvalidInput(f"A recurrence needs a table. {_HOW}")
        if unknown := [str(key)[:40] for key in value if key not in _KEYS]:
            raise InvalidInput(f"A recurrence has no “{unknown[0]}”; it has {sorted(_KEYS)}.")
        cron = value.get("cron")
        days, times = _days(value.get("days")), _times(value.get("times"))
        if (cron is None) == (not times) or (cron is not None and value.get("days") is not None):
            raise InvalidInput(f"Say either at which times it fires, or a cron expression. {_HOW}")
        if cron is not None:
            days, times, cron = (), (), _checked_cron(cron)
        holidays = value.get("holidays")
        rule = cls(
            zone=_zone(value.get("zone")),
            days=days,
            times=times,
            cron=cron,
            holidays=None if holidays is None else Holidays.parse(holidays),
            starts_on=_date(value.get("starts_on")),
            ends_on=_date(value.get("ends_on")),
        )
        if rule.starts_on and rule.ends_on and rule.ends_on < rule.starts_on:
            raise InvalidInput("The recurrence would end before it starts.")
        return rule

    def serialise(self) -> dict[str, Any]:
        """The JSON form that `parse` reads back to an equal value; what is not set is left out."""
        whole: dict[str, Any] = {
            "zone": self.zone,
            "days": [DAYS[day] for day in self.days],
            "times": [f"{at:%H:%M}" for at in self.times],
            "cron": self.cron,
            "holidays": None if self.holidays is None else self.holidays.serialise(),
            "starts_on": self.starts_on.isoformat() if self.starts_on else None,
            "ends_on": self.ends_on.isoformat() if self.ends_on else None,
        }
        return {key: value for key, value in whole.items() if value}

    def __str__(self) -> str:
        """The rule as a person says it."""
        if self.cron is not None:
            told = f"by cron “{self.cron}”"
        else:
            told = f"{_days_in_words(self.days)} at {_listed([f'{at:%H:%M}' for at in self.times])}"
        parts = [f"{told}, {self.zone} time"]
        if self.holidays is not None:
            parts.append(f"not on {self.holidays}")
        if self.starts_on is not None:
            parts.append(f"from {self.starts_on}")
        if self.ends_on is not None:
            parts.append(f"until {self.ends_on}")
        return ", ".join(parts)

    def times_on(self, day: date) -> tuple[time, ...]:
        """The wall times at which it fires on one day."""
        if (self.starts_on and day < self.starts_on) or (self.ends_on and day > self.ends_on):
            return ()
        if self.holidays is not None and self.holidays.fall_on(day):
            return ()
        if self.cron is None:
            return self.times if day.weekday() in self.days else ()
        cron = Cron.parse(self.cron)
        return cron.times if cron.falls_on(day) else ()


def next_firings(rule: Rule, after: datetime, n: int) -> list[Firing]:
    """The next `n` firings later than `after`, in order; fewer when there are no more.

    Instants are strictly increasing: of two wall times that clocks have put on one instant, the
    later one fires. Raises `ValueError` for a time without a zone.
    """
    if after.utcoffset() is None:
        raise ValueError("an instant needs a time zone")
    found: list[Firing] = []
    for firing in _firings(rule, after.astimezone(UTC)):
        if len(found) == n:
            break
        found.append(firing)
    return found


def _firings(rule: Rule, after: datetime) -> Iterator[Firing]:
    zone = zone_named(rule.zone)
    first = (after - timedelta(days=2)).date()
    if rule.starts_on is not None:
        first = max(first, rule.starts_on)
    waiting: dict[datetime, str] = {}
    for step in range(_LOOKS_AHEAD):
        day = first + timedelta(days=step)
        if rule.ends_on is not None and day > rule.ends_on:
            break
        for at in rule.times_on(day):
            wall = datetime.combine(day, at)
            waiting[_instant(wall, zone)] = f"{wall:%Y-%m-%dT%H:%M}"
        # Whatever fires on a later day is no earlier than this.
        settled = datetime.combine(day + timedelta(days=1), time(), UTC) - _LONGEST_ZONE_OFFSET
        yield from _taken(waiting, after, settled)
    yield from _taken(waiting, after, None)


def _taken(
    waiting: dict[datetime, str], after: datetime, before: datetime | None
) -> Iterator[Firing]:
    for at in sorted(waiting):
        if before is not None and at >= before:
            return
        key = waiting.pop(at)
        if at > after:
            yield Firing(key, at)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of a wall time; a skipped one is as much later as clocks skip."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _days(value: object) -> tuple[int, ...]:
    if value is None:
        return tuple(range(7))
    if not isinstance(value, list | tuple) or not value:
        raise InvalidInput(f"The days of a recurrence are a list of days of the week. {_HOW}")
    found = set()
    for name in value:
        plain = name.strip().lower() if isinstance(name, str) else ""
        if plain not in DAYS:
            raise InvalidInput(f"“{str(name)[:40]}” is not a day; days are {', '.join(DAYS)}.")
        found.add(DAYS.index(plain))
    return tuple(sorted(found))


def _times(value: object) -> tuple[time, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > MOST_TIMES:
        raise InvalidInput(f"The times of a recurrence are a list of at most {MOST_TIMES}. {_HOW}")
    return tuple(sorted({_time(one) for one in value}))


def _time(value: object) -> time:
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise InvalidInput(f"“{str(value)[:40]}” is not a time of day such as 09:00.")
    return time(int(found[1]), int(found[2]))


def _checked_cron(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput("A cron expression is a text of five fields.")
    if len(Cron.parse(value).times) > MOST_TIMES:
        raise InvalidInput(f"A recurrence fires at most {MOST_TIMES} times a day.")
    return " ".join(value.split())


def _zone(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput("A recurrence needs the time zone of its times, as Europe/London.")
    return zone_named(value).key


def _date(value: object) -> date | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str) or len(value) != len("2026-12-24"):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise InvalidInput(f"“{str(value)[:40]}” is not a date such as 2026-12-24.") from None
    if not 2000 <= day.year < 2200:
        raise InvalidInput(f"{day} has a year that cannot be meant.")
    return day


def _days_in_words(days: tuple[int, ...]) -> str:
    if len(days) == 7:
        return "every day"
    if len(days) > 2 and days == tuple(range(days[0], days[-1] + 1)):
        return f"{_NAMES[days[0]]} to {_NAMES[days[-1]]}"
    return _listed([_NAMES[day] for day in days])


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
