"""Which zone keys are open now: remembered only for as long as it is true."""

from datetime import UTC, datetime, timedelta

from campaigns.compliance import LOOKS_AHEAD, WeeklyWindows
from campaigns.dispatcher import OpenHours

ZONES = {1: ("America/New_York",), 2: ("America/New_York", "America/Los_Angeles")}
HALVES = {"mon": [["09:00", "10:00"]]}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=UTC)


def opened(hours: OpenHours, windows: object, now: datetime) -> dict[int, datetime]:
    hours.refresh(ZONES, now)
    return hours.open_keys("practice", WeeklyWindows.parse(windows).serialise())


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
    monkeypatch.setattr(
        "campaigns.compliance.next_allowed", lambda _windows, zones, _at: asked.append(zones)
    )
    opened(hours, HALVES, at(7, 15, 30))
    assert asked == [ZONES[1]]  # the other's answer is still good
    opened(hours, HALVES, at(7, 15, 30) + LOOKS_AHEAD + timedelta(days=1))
    assert asked[1:] == [ZONES[1], ZONES[2]]
