"""The shipped rules on the days on which clocks change, and in the area codes of two zones."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.compliance import (
    Place,
    Purpose,
    Voice,
    place_of,
    shipped_rulebook,
    zone_named,
)

BOOK = shipped_rulebook()
MINUTE = timedelta(minutes=1)
# Area codes whose exchanges keep different clocks.
MIXED = (
    *("219", "250", "270", "308", "418", "423", "541", "574"),
    *("605", "606", "620", "701", "709", "775", "785", "807"),
    *("812", "850", "867", "879", "906", "907", "986"),
)

# A zone, a number to be called there, and the two days on which clocks change in its country, or
# would if they did there.
PLACES = [
    ("America/New_York", "+12125550123", ("2026-03-08", "2026-11-01")),
    ("Europe/London", "+442079460123", ("2026-03-29", "2026-10-25")),
    ("Europe/Paris", "+33140205050", ("2026-03-29", "2026-10-25")),
    ("Australia/Sydney", "+61255501234", ("2026-04-05", "2026-10-04")),
    ("Australia/Lord_Howe", "+61255501234", ("2026-04-05", "2026-10-04")),
    ("America/Phoenix", "+16025550123", ("2026-03-08", "2026-11-01")),
    ("America/St_Johns", "+17095550123", ("2026-03-08", "2026-11-01")),
    ("Asia/Kathmandu", "+97714000000", ("2026-03-08", "2026-11-01")),
]


def by_the_clock(rule_set: str, place: Place, purpose: Purpose | None, at: datetime) -> bool:
    """Every window of every rule that binds on the local date, read off the wall in each zone."""
    for zone in place.zones:
        wall = at.astimezone(zone_named(zone))
        each = BOOK.windows_by_rule(rule_set, place, purpose, Voice.RECORDED, wall.date())
        if not each:
            return False
        for _code, windows in each:
            if not all(one.inside(wall) and not one.closed_on(wall.date()) for one in windows):
                return False
    return True


@pytest.mark.parametrize(("zone", "number", "days"), PLACES, ids=[one[0] for one in PLACES])
def test_every_minute_of_both_days(zone: str, number: str, days: tuple[str, str]):
    place = place_of(number, zone=zone)
    hours = BOOK.hours("law", place, Purpose.MARKETING, Voice.RECORDED)
    for day in days:
        midnight = datetime.fromisoformat(day).replace(tzinfo=zone_named(zone)).astimezone(UTC)
        minutes = [midnight + n * MINUTE for n in range(25 * 60)]
        answers = [hours.allowed(at) for at in minutes]
        assert answers == [by_the_clock("law", place, Purpose.MARKETING, at) for at in minutes]
        opened = None
        for at, open_now in zip(reversed(minutes), reversed(answers), strict=True):
            opened = at if open_now else opened
            if opened is not None:
                assert hours.next_allowed(at) == opened
        assert hours.next_allowed(midnight) is not None


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_local_midnights_between_two_dates_of_rules(zone: str):
    """France's rules in other zones: the date that counts is that of the wall clock there."""
    place = Place("FR", (), tuple(sorted({zone, "Europe/Paris"})))
    hours = BOOK.hours("law", place, Purpose.MARKETING, Voice.RECORDED)
    first = datetime(2026, 8, 9, tzinfo=UTC)
    for n in range(0, 4 * 24 * 60, 5):
        at = first + n * MINUTE
        assert hours.allowed(at) == by_the_clock("law", place, Purpose.MARKETING, at)


@pytest.mark.parametrize("area_code", MIXED)
def test_a_mixed_area_code_is_held_to_all_its_zones(area_code: str):
    place = place_of(f"+1{area_code}5550123")
    winter = datetime(2026, 1, 5, tzinfo=UTC)
    offsets = {(winter.astimezone(zone_named(zone))).utcoffset() for zone in place.zones}
    assert len(offsets) > 1
    for rule_set in ("law", "house"):
        hours = BOOK.hours(rule_set, place, Purpose.REMINDER, Voice.RECORDED)
        alone = [
            BOOK.hours(
                rule_set,
                place_of(f"+1{area_code}5550123", zone=zone),
                Purpose.REMINDER,
                Voice.RECORDED,
            )
            for zone in place.zones
        ]
        for n in range(0, 24 * 60, 15):
            at = winter + n * MINUTE
            assert hours.allowed(at) == all(one.allowed(at) for one in alone)
        found = hours.next_allowed(winter)
        assert found is not None
        assert all(one.allowed(found) for one in alone)
