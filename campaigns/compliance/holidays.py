"""Days on which nobody is called: a country's public holidays, and dates of one's own.

A day is meant as the recipient's own local date. The public holidays come from the `holidays`
library, which computes them; nothing is looked up elsewhere.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Self

import holidays as library
from holidays.registry import COUNTRIES

from campaigns.errors import InvalidInput
from campaigns.instants import YEARS

MOST_DATES = 400
_HOW = 'Write for example "US", "US-CA" or "US-CA 2026-12-24".'
_KEYS = frozenset({"country", "subdivision", "dates", "except"})
_FILLERS = frozenset({"on", "and", "of", "in", "holiday", "holidays"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_TEXT = 12 * 2 * MOST_DATES
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """A country whose public holidays are known, with the codes of its parts that differ."""

    country: str  # ISO 3166
    name: str
    subdivisions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holidays:
    """Closed days: the public holidays of a place and `dates`, except what is in `open_dates`."""

    country: str | None = None
    subdivision: str | None = None
    dates: tuple[date, ...] = ()
    open_dates: tuple[date, ...] = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Holidays from a short text, or from `{"country": "US", "subdivision": "CA", ...}`.

        The table may have `dates` (closed as well) and `except` (open all the same), each a list
        such as `["2026-12-24"]`. Raises `InvalidInput`.
        """
        if isinstance(value, str):
            table = _read_text(value)
        elif isinstance(value, Mapping):
            table = dict(value)
        else:
            raise InvalidInput(f"Holidays must be a text or a table. {_HOW}")
        if unknown := [str(key)[:40] for key in table if key not in _KEYS]:
            raise InvalidInput(f"Holidays have no “{unknown[0]}”; they have {sorted(_KEYS)}.")
        country, subdivision = _place(table.get("country"), table.get("subdivision"))
        closed, opened = _dates(table.get("dates")), _dates(table.get("except"))
        if both := set(closed) & set(opened):
            raise InvalidInput(f"{min(both)} cannot be closed and open.")
        if country is None and not closed:
            raise InvalidInput(f"These holidays name no country and no date. {_HOW}")
        return cls(country, subdivision, closed, opened)

    def serialise(self) -> dict[str, Any]:
        """The JSON form that `parse` reads back to an equal value; what is not set is left out."""
        whole: dict[str, Any] = {
            "country": self.country,
            "subdivision": self.subdivision,
            "dates": [day.isoformat() for day in self.dates],
            "except": [day.isoformat() for day in self.open_dates],
        }
        return {key: value for key, value in whole.items() if value}

    def __str__(self) -> str:
        """The short text that `parse` reads back to an equal value."""
        place = "-".join(part for part in (self.country, self.subdivision) if part)
        listed = [f"{place} holidays"] if place else []
        listed += [day.isoformat() for day in self.dates]
        told = " and ".join((", ".join(listed[:-1]), listed[-1])) if listed[1:] else listed[0]
        opened = ", ".join(day.isoformat() for day in self.open_dates)
        return f"{told}, open on {opened}" if opened else told

    def fall_on(self, day: date) -> bool:
        """Whether nobody is called on this day."""
        if day in self.open_dates:
            return False
        if day in self.dates:
            return True
        return self.country is not None and day in _public(self.country, self.subdivision, day.year)


@lru_cache(maxsize=1)
def holiday_calendars() -> tuple[HolidayCalendar, ...]:
    """Every country whose public holidays are known, by name."""
    names = {code: _WORDS.sub(" ", name) for name, code, *_ in COUNTRIES.values()}
    found = [
        HolidayCalendar(code, names.get(code, code), tuple(parts))
        for code, parts in _supported().items()
    ]
    return tuple(sorted(found, key=lambda one: one.name))


@lru_cache(maxsize=4096)
def _public(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    found = library.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    return frozenset(found)


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    return library.list_supported_countries(include_aliases=False)


def _read_text(text: str) -> dict[str, object]:
    """A place and dates, then perhaps "open" (or "except") and dates."""
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"This text is too long to name holidays. {_HOW}")
    dates: dict[str, list[str]] = {"dates": [], "except": []}
    place: str | None = None
    now = "dates"
    for word in re.split(r"[\s,;]+", text.strip()):
        plain = word.lower()
        if plain in _FILLERS or not plain:
            continue
        if plain in ("open", "except"):
            now = "except"
        elif _DATE.fullmatch(word):
            dates[now].append(word)
        elif place is None and now == "dates":
            place = word.upper()
        else:
            raise InvalidInput(f"“{word[:40]}” cannot be read as a holiday. {_HOW}")
    country, _, subdivision = (place or "").partition("-")
    return {"country": country or None, "subdivision": subdivision or None, **dates}


def _place(country: object, subdivision: object) -> tuple[str | None, str | None]:
    if country is None and subdivision is None:
        return None, None
    code = country.strip().upper() if isinstance(country, str) else ""
    parts = _supported().get(code)
    if parts is None:
        raise InvalidInput(
            f"The holidays of “{str(country)[:40]}” are not known. Use an ISO 3166 code such as "
            "US or DE, or list the dates."
        )
    if subdivision is None:
        return code, None
    wanted = subdivision.strip().upper() if isinstance(subdivision, str) else ""
    for part in parts:
        if part.upper() == wanted:
            return code, part
    known = f"Known: {', '.join(parts)}" if parts else "It has no parts of its own"
    raise InvalidInput(f"{code} has no part “{str(subdivision)[:40]}” with holidays. {known}.")


def _dates(value: object) -> tuple[date, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidInput('The dates of holidays must be a list such as ["2026-12-24"].')
    if len(value) > MOST_DATES:
        raise InvalidInput(f"At most {MOST_DATES} dates can be listed as holidays.")
    return tuple(sorted(set(_each(value))))


def _each(values: Iterable[object]) -> Iterable[date]:
    for value in values:
        try:
            if not isinstance(value, str) or not _DATE.fullmatch(value):
                raise ValueError
            day = date.fromisoformat(value)
        except ValueError:
            raise InvalidInput(f"“{str(value)[:40]}” is not a date such as 2026-12-24.") from None
        if day.year not in YEARS:
            raise InvalidInput(f"{value} has a year that cannot be meant.")
        yield day
