"""Which zone keys are open now: remembered only for as long as it is true."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.compliance import LOOKS_AHEAD, Hours, Place, Rulebook, WeeklyWindows
from campaigns.dispatcher import OpenHours

PLACES = {
    1: Place("US", ("NY",), ("America/New_York",)),
    2: Place("US", ("NY",), ("America/Los_Angeles", "America/New_York")),
}
BOOK = Rulebook(version=1, rules=())
HALVES = {"mon": [["09:00", "10:00"]]}


@dataclass(frozen=True)
class Campaign:
    windows: dict[str, Any]
    rule_set: str = field(default="practice")
    purpose: str = field(default="informational")
    voice: str = field(default="recorded")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=UTC)


def opened(hours: OpenHours, windows: object, now: datetime) -> dict[int, datetime]:
    hours.refresh(PLACES, BOOK, now)
    return hours.open_keys(Campaign(WeeklyWindows.parse(windows).serialise()))


def test_a_holiday_in_any_zone_of_a_key_closes_it():
    hours = OpenHours()
    windows = "always, closed on 2026-12-25"
    assert opened(hours, windows, at(25, 4, 59)) == {1: at(25, 5), 2: at(25, 5)}
    assert opened(hours, windows, at(25, 5)) == {}
    assert set(opened(hours, windows, at(26, 5))) == {1}  # still Christmas in Los Angeles
    assert set(opened(hours, windows, at(26, 8))) == {1, 2}


def test_windows_that_differ_in_their_holidays_alone_are_not_confused():
    hours = OpenHours()
    assert opened(hours, "always, closed on US", at(25, 12)) == {}
    assert set(opened(hours, "always", at(25, 12))) == {1, 2}
    assert opened(hours, "always, closed on US", at(25, 12)) == {}


def test_what_never_opens_in_sight_is_asked_again_later(monkeypatch):
    hours = OpenHours()
    # Monday at nine in New York is six in Los Angeles: never both.
    assert set(opened(hours, HALVES, at(7, 14, 30))) == {1}
    asked = []
    monkeypatch.setattr(Hours, "next_allowed", lambda self, _at: asked.append(self.zones))
    opened(hours, HALVES, at(7, 15, 30))
    assert asked == [PLACES[1].zones]  # the other's answer is still good
    opened(hours, HALVES, at(7, 15, 30) + LOOKS_AHEAD + timedelta(days=1))
    assert asked[1:] == [PLACES[1].zones, PLACES[2].zones]
