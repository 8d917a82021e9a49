"""Where a number's owner may be: what decides which rules and which hours bind a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from campaigns.compliance.terms import Line
from campaigns.compliance.zones import zone_named
from campaigns.phone import home_of


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

    Whoever has no country or no zone is for review, never for calling.
    """

    country: str | None
    subdivisions: tuple[str, ...]
    zones: tuple[str, ...]
    line: Line = Line.UNKNOWN

    @property
    def known(self) -> bool:
        """Whether enough is known for a call."""
        return self.country is not None and bool(self.zones)


NOWHERE = Place(None, (), ())
# A place of which no rules of its own can be known (ZZ belongs to no country).
ANYWHERE_ELSE = Place("ZZ", (), ("UTC",))


def place_of(
    number: str, *, zone: str | None = None, address: PostalAddress | None = None
) -> Place:
    """The place of an E.164 number, by the zone that was given, else by the number itself.

    Raises `InvalidInput` for a zone that does not exist.
    """
    home = home_of(number)
    given = zone_named(zone).key if zone and zone.strip() else None
    zones = (given,) if given else home.zones
    return Place(home.country, home.subdivisions, zones, Line(home.line))
