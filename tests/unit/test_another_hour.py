"""On a later day a call goes out at an hour that was not tried, where that is allowed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compliance import WeeklyWindows, allowed, next_allowed, zone_named
from campaigns.retries import another_hour

NEW_YORK = zone_named("America/New_York")
OFFICE = (WeeklyWindows.parse("daily 09:00-17:00"),)


def at(day: int, clock: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 6, day, hour, minute, tzinfo=zone).astimezone(UTC)


def moved(
    legal: datetime,
    *tried: datetime,
    before: datetime | None = None,
    fraction: float = 0.0,
    windows: tuple[WeeklyWindows, ...] = OFFICE,
) -> datetime:
    zones = ("America/New_York",)
    return another_hour(
        legal,
        tried,
        NEW_YORK,
        lambda since: next_allowed(windows, zones, since),
        before,
        fraction,
    )


@pytest.mark.parametrize(
    ("legal", "tried"),
    [
        (at(2, "09:00"), ()),  # nothing was tried
        (at(1, "10:20"), (at(1, "10:00"),)),  # the same day: the wait is what counts
        (at(2, "09:00"), (at(1, "16:50"),)),  # an hour of its own already
        (at(2, "13:00"), (at(1, "10:00"),)),  # after a rest of 27 hours
    ],
)
def test_these_stay_as_they_are(legal, tried):
    assert moved(legal, *tried) == legal


def test_the_hours_of_all_earlier_calls_are_left_out():
    tried = [at(1, "09:10"), at(2, "10:30"), at(3, "11:59")]
    found = moved(at(4, "09:00"), *tried)
    assert found == at(4, "12:00")


def test_the_dice_chooses_an_hour_of_the_day_and_the_instant_in_it():
    tried = at(1, "09:00")
    seen = {moved(at(2, "09:30"), tried, fraction=n / 70) for n in range(71)}
    hours = sorted({one.astimezone(NEW_YORK).hour for one in seen})
    assert hours == [10, 11, 12, 13, 14, 15, 16]
    assert len(seen) > 50  # spread over the hours, not bunched at their beginnings
    assert moved(at(2, "09:30"), tried, fraction=0.5) == moved(at(2, "09:30"), tried, fraction=0.5)


def test_a_deadline_is_not_missed_for_another_hour():
    tried, legal = at(1, "09:00"), at(2, "09:30")
    assert moved(legal, tried, before=at(2, "10:00")) == legal
    for fraction in (0.0, 0.5, 1.0):
        found = moved(legal, tried, before=at(2, "10:30"), fraction=fraction)
        assert at(2, "10:00") <= found < at(2, "10:30")


def test_a_day_without_another_legal_hour_stays():
    morning = (WeeklyWindows.parse("daily 09:00-10:00"),)
    assert moved(at(2, "09:00"), at(1, "09:30"), windows=morning) == at(2, "09:00")


@given(
    st.integers(0, 26),
    st.integers(0, 59),
    st.lists(st.integers(0, 2 * 24 * 60), min_size=1, max_size=6),
    st.floats(0, 1),
    st.sampled_from(["daily 09:00-17:00", "daily 08:30-12:15", "always", "daily 20:00-02:00"]),
    st.sampled_from(["America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/London"]),
)
def test_wherever_it_moves_it_is_legal_and_on_the_same_day(
    hours, minute, ago, fraction, week, zone
):
    windows, place = (WeeklyWindows.parse(week),), zone_named(zone)
    start = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(hours=hours, minutes=minute)
    legal = next_allowed(windows, (zone,), start)
    assert legal is not None
    tried = [start - timedelta(minutes=minutes) for minutes in ago]
    found = another_hour(
        legal, tried, place, lambda since: next_allowed(windows, (zone,), since), None, fraction
    )
    assert found >= legal
    assert allowed(windows, (zone,), found)
    assert found.astimezone(place).date() == legal.astimezone(place).date()
    if found != legal:
        assert found.astimezone(place).hour not in {one.astimezone(place).hour for one in tried}
