"""Where a number's owner may be: what decides which rules and which hours bind a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from campaigns.compliance.addresses import Located, located, zones_of_country
from campaigns.compliance.terms import Line
from campaigns.compliance.zones import zone_named
from campaigns.phone import Home, home_of

_UNITED_STATES = frozenset({"AS", "GU", "MP", "PR", "US", "VI"})


ZONE_UNKNOWN = "time zone unknown"
COUNTRIES_DIFFER = "countries_differ"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """As much of a person's address as came with them; each part as it was written."""

    country: str | None = None
    state: str | None = None
    postal_code: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self | None:
        """What `as_json` stored; None for nothing."""
        return None if not value else cls(**{name: value.get(name) for name in cls.__slots__})

    def as_json(self) -> dict[str, str]:
        """What is known of it."""
        parts = {name: getattr(self, name) for name in self.__slots__}
        return {name: part for name, part in parts.items() if part}


@dataclass(frozen=True, slots=True)
class Place:
    """A country, every part of it that may apply, every zone it may be in, and the kind of line.

    Whoever has no country or no zone is for review, never for calling. `apart` are the countries of
    a number and of the address given with it, where they are two: then it has no country.
    """

    country: str | None
    subdivisions: tuple[str, ...]
    zones: tuple[str, ...]
    line: Line = Line.UNKNOWN
    apart: tuple[str, str] | None = None

    @property
    def known(self) -> bool:
        """Whether enough is known for a call."""
        return self.country is not None and bool(self.zones)

    @property
    def unknown_as(self) -> str:
        """The reason with which somebody at a place that is not known goes to review."""
        return ZONE_UNKNOWN if self.apart is None else COUNTRIES_DIFFER


NOWHERE = Place(None, (), ())
# A place of which no rules of its own can be known (ZZ belongs to no country).
ANYWHERE_ELSE = Place("ZZ", (), ("UTC",))


def place_of(
    number: str, *, zone: str | None = None, address: PostalAddress | None = None
) -> Place:
    """The place of an E.164 number: its zones by the zone or address given, else by itself.

    The states are those of the area code and that of the address: rules attach to either. Who has
    a number of one country and an address in another has no place: whose rules hold, and which
    clock, nobody can say, whatever zone is given. Raises `InvalidInput` for a zone that does not
    exist.
    """
    return _place(home_of(number), zone, address)


@lru_cache(maxsize=20_000)  # people of one list share few places
def _place(home: Home, zone: str | None, address: PostalAddress | None) -> Place:
    there = Located()
    if address is not None:
        there = located(address.country, address.state, address.postal_code, home.country)
    if there.country is not None and not _same(there.country, home.country):
        apart = (home.country or "", there.country)
        return Place(None, home.subdivisions, (), Line(home.line), apart)
    if there.lost:
        return Place(None, home.subdivisions, (), Line(home.line))
    given = zone_named(zone).key if zone and zone.strip() else None
    return Place(home.country, _parts(home, there), _zones(given, there, home), Line(home.line))


def _same(country: str, of_number: str | None) -> bool:
    """Whether an address and a number may go together; the territories of the US do."""
    return of_number is None or country == of_number or {country, of_number} <= _UNITED_STATES


def _parts(home: Home, there: Located) -> tuple[str, ...]:
    if there.subdivisions and not home.zones:
        return there.subdivisions  # a number of no area: its digits bind to no state
    return tuple(sorted({*home.subdivisions, *there.subdivisions}))


def _zones(given: str | None, there: Located, home: Home) -> tuple[str, ...]:
    if given is not None:
        # A zone that the address knows nothing of: one of the two is wrong, so both bind.
        return tuple(sorted({given, *(() if given in there.zones else there.zones)}))
    if there.zones:
        return there.zones
    if home.zones or there.country is None:
        return home.zones
    return zones_of_country(there.country)
