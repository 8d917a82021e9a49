"""Allowed, next allowed and open until, against the wall clock minute by minute."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compliance import WeeklyWindows, allowed, next_allowed, open_until, zone_named
from campaigns.compliance.windows import DAYS
from campaigns.errors import InvalidInput

Table = Mapping[str, Sequence[Sequence[str]]]

MINUTE = timedelta(minutes=1)
HOUSE = WeeklyWindows.parse("mon-sat 09:00-20:00")
ALWAYS = WeeklyWindows.parse("always")
NIGHT = WeeklyWindows.parse("fri 22:00-02:30, sun 23:00-01:00")

ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "America/Phoenix",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kathmandu",
]


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def wall_is_inside(table: Table, zone: str, at: datetime) -> bool:
    """The plain meaning of a table of windows, without any of the code under test."""
    wall = at.astimezone(zone_named(zone))
    clock = wall.strftime("%H:%M")
    today, yesterday = DAYS[wall.weekday()], DAYS[wall.weekday() - 1]
    for start, end in table.get(today, []):
        if start <= clock < end or (end <= start and clock >= start):
            return True
    return any(end <= start and clock < end for start, end in table.get(yesterday, []))


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
tables = st.dictionaries(
    st.sampled_from(DAYS), st.lists(st.tuples(clocks, clocks), min_size=1, max_size=3), min_size=1
)
instants = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2028, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
some_zones = st.lists(st.sampled_from(ZONES), min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(tables, min_size=1, max_size=2), some_zones, instants)
def test_allowed_is_inside_every_window_set_in_every_zone(given_tables, zones, at):
    windows = [WeeklyWindows.parse(table) for table in given_tables]
    expected = all(wall_is_inside(table, zone, at) for table in given_tables for zone in zones)
    assert allowed(windows, zones, at) is expected


@settings(deadline=None, max_examples=60)
@given(st.lists(tables, min_size=1, max_size=2), some_zones, instants, st.data())
def test_next_allowed_is_allowed_and_nothing_before_it_is(given_tables, zones, at, data):
    windows = [WeeklyWindows.parse(table) for table in given_tables]
    found = next_allowed(windows, zones, at)
    end = found or at + timedelta(days=15)
    if found is not None:
        assert found >= at
        assert allowed(windows, zones, found)
        assert found == at or not allowed(windows, zones, found - timedelta(microseconds=1))
    minutes = int((end - at) / MINUTE)
    for minute in data.draw(st.lists(st.integers(0, minutes), max_size=40)):
        before = at + minute * MINUTE
        assert before >= end or not allowed(windows, zones, before)


@settings(deadline=None, max_examples=60)
@given(st.lists(tables, min_size=1, max_size=2), some_zones, instants, st.data())
def test_open_until_is_the_end_of_what_is_allowed(given_tables, zones, at, data):
    windows = [WeeklyWindows.parse(table) for table in given_tables]
    end = open_until(windows, zones, at)
    assert (end is not None) is allowed(windows, zones, at)
    if end is None:
        return
    assert at < end <= at + timedelta(days=8)
    assert end == at + timedelta(days=8) or not allowed(windows, zones, end)
    assert allowed(windows, zones, end - timedelta(microseconds=1))
    for minute in data.draw(st.lists(st.integers(0, int((end - at) / MINUTE)), max_size=40)):
        inside = at + minute * MINUTE
        assert inside >= end or allowed(windows, zones, inside)


def days_that_change(zone: str, year: int) -> list[datetime]:
    """The UTC days of a year on which the zone's offset changes."""
    midnights = [utc(year, 1, 1) + timedelta(days=day) for day in range(366)]
    offsets = [at.astimezone(zone_named(zone)).utcoffset() for at in midnights]
    return [midnights[day] for day in range(365) if offsets[day] != offsets[day + 1]]


@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize("zone", ZONES[:5])
@pytest.mark.parametrize(
    "table",
    [
        {day: [["01:15", "02:45"], ["03:00", "20:00"]] for day in DAYS},
        {day: [["22:00", "02:10"]] for day in DAYS},
        {day: [["01:30", "02:00"]] for day in DAYS},
    ],
)
def test_every_minute_of_the_days_on_which_clocks_change(zone, year, table):
    windows = [WeeklyWindows.parse(table)]
    days = days_that_change(zone, year)
    assert len(days) == 2
    for day in days:
        minutes = [day + minute * MINUTE for minute in range(-6 * 60, 30 * 60)]
        expected = [wall_is_inside(table, zone, at) for at in minutes]
        assert [allowed(windows, [zone], at) for at in minutes] == expected
        following: datetime | None = None  # the next minute, going backwards, whose answer differs
        for place in range(len(minutes) - 2, -1, -1):
            if expected[place] != expected[place + 1]:
                following = minutes[place + 1]
            if following is None:
                continue
            at = minutes[place]
            assert open_until(windows, [zone], at) == (following if expected[place] else None)
            assert next_allowed(windows, [zone], at) == (at if expected[place] else following)


def test_a_skipped_opening_opens_at_the_gap():
    early = [WeeklyWindows.parse("sun 02:15-04:00")]
    # 2026-03-08 in New York: 01:59:59 EST is followed by 03:00:00 EDT.
    found = next_allowed(early, ["America/New_York"], utc(2026, 3, 8, 5))
    assert found == utc(2026, 3, 8, 7)
    assert open_until(early, ["America/New_York"], found) == utc(2026, 3, 8, 8)


def test_a_window_inside_the_gap_waits_a_week():
    inside = [WeeklyWindows.parse("sun 02:15-02:45")]
    found = next_allowed(inside, ["America/New_York"], utc(2026, 3, 8, 5))
    assert found == utc(2026, 3, 15, 6, 15)


def test_a_repeated_hour_is_open_twice():
    window = [WeeklyWindows.parse("sun 01:30-02:00")]
    zone = ["America/New_York"]
    first = next_allowed(window, zone, utc(2026, 11, 1, 0))
    assert first == utc(2026, 11, 1, 5, 30)
    assert open_until(window, zone, first) == utc(2026, 11, 1, 6)
    assert next_allowed(window, zone, utc(2026, 11, 1, 6)) == utc(2026, 11, 1, 6, 30)


def test_half_an_hour_of_lord_howe():
    window = [WeeklyWindows.parse("sun 01:40-02:10")]
    # 2026-04-05: 02:00 LHDT (+11) goes back to 01:30 LHST (+10:30).
    zone = ["Australia/Lord_Howe"]
    assert next_allowed(window, zone, utc(2026, 4, 4, 0)) == utc(2026, 4, 4, 14, 40)
    assert open_until(window, zone, utc(2026, 4, 4, 14, 40)) == utc(2026, 4, 4, 15)
    assert next_allowed(window, zone, utc(2026, 4, 4, 15)) == utc(2026, 4, 4, 15, 10)
    assert open_until(window, zone, utc(2026, 4, 4, 15, 10)) == utc(2026, 4, 4, 15, 40)


def test_overnight_windows_run_into_the_next_day_and_week():
    zone = ["Europe/London"]
    assert allowed([NIGHT], zone, utc(2026, 1, 2, 22))  # Friday
    assert allowed([NIGHT], zone, utc(2026, 1, 3, 2, 29))
    assert not allowed([NIGHT], zone, utc(2026, 1, 3, 2, 30))
    assert not allowed([NIGHT], zone, utc(2026, 1, 2, 2))  # the same hours a day early
    assert allowed([NIGHT], zone, utc(2026, 1, 5, 0, 59))  # Monday, from Sunday
    assert open_until([NIGHT], zone, utc(2026, 1, 4, 23)) == utc(2026, 1, 5, 1)


def test_the_date_line_leaves_no_common_hour_of_a_working_day():
    zones = ["Pacific/Kiritimati", "Pacific/Pago_Pago"]  # 25 hours apart
    at = utc(2026, 6, 1, 20)
    assert next_allowed([HOUSE], ["Pacific/Kiritimati"], at) == at  # Tuesday 10:00
    assert next_allowed([HOUSE], ["Pacific/Pago_Pago"], at) == utc(2026, 6, 1, 20)  # Monday 09:00
    assert open_until([HOUSE], zones, at) == utc(2026, 6, 2, 6)
    assert next_allowed([WeeklyWindows.parse("mon 09:00-20:00")], zones, at) is None


def test_the_strictest_zone_of_423_decides():
    zones = ["America/Chicago", "America/New_York"]
    assert not allowed([HOUSE], zones, utc(2026, 1, 5, 14, 30))  # 09:30 and 08:30
    assert next_allowed([HOUSE], zones, utc(2026, 1, 5, 3)) == utc(2026, 1, 5, 15)
    assert open_until([HOUSE], zones, utc(2026, 1, 5, 15)) == utc(2026, 1, 6, 1)


def test_boundaries_are_half_open_to_the_microsecond():
    zone = ["Europe/London"]
    tick = timedelta(microseconds=1)
    opening, closing = utc(2026, 1, 5, 9), utc(2026, 1, 5, 20)
    assert not allowed([HOUSE], zone, opening - tick)
    assert allowed([HOUSE], zone, opening)
    assert allowed([HOUSE], zone, closing - tick)
    assert not allowed([HOUSE], zone, closing)
    assert next_allowed([HOUSE], zone, opening + tick) == opening + tick
    assert open_until([HOUSE], zone, closing - tick) == closing
    assert open_until([HOUSE], zone, closing) is None


def test_always_open_is_bounded_by_the_look_ahead():
    at = utc(2026, 10, 25, 0, 30)
    assert open_until([ALWAYS], ["Europe/London"], at) == at + timedelta(days=8)
    assert next_allowed([ALWAYS], ["Europe/London"], at) == at


def test_windows_without_a_common_minute_never_open():
    halves = [WeeklyWindows.parse("daily 00:00-12:00"), WeeklyWindows.parse("daily 12:00-24:00")]
    assert not allowed(halves, ["UTC"], utc(2026, 1, 1, 12))
    assert next_allowed(halves, ["UTC"], utc(2026, 1, 1)) is None


def test_an_opening_beyond_the_look_ahead_is_none():
    # 02:30 in New York is 07:30 in London, except on the day New York skips 02:30 (8 March) and
    # until London follows (29 March): four weeks without a common minute.
    windows = [WeeklyWindows.parse("sun 02:30-02:31 07:30-07:31")]
    zones = ["America/New_York", "Europe/London"]
    opening = utc(2026, 3, 29, 6, 30)
    assert next_allowed(windows, zones, utc(2026, 3, 1, 7)) == utc(2026, 3, 1, 7, 30)
    assert next_allowed(windows, zones, utc(2026, 3, 1, 8)) is None
    assert next_allowed(windows, zones, opening - timedelta(days=15, minutes=1)) is None
    assert next_allowed(windows, zones, opening - timedelta(days=15)) == opening


@pytest.mark.parametrize(("windows", "zones"), [([], []), ([], ["UTC"]), ([HOUSE], [])])
def test_without_windows_or_zones_nothing_is_allowed(windows, zones):
    at = utc(2026, 1, 5, 12)
    assert not allowed(windows, zones, at)
    assert next_allowed(windows, zones, at) is None
    assert open_until(windows, zones, at) is None


@pytest.mark.parametrize("ask", [allowed, next_allowed, open_until])
def test_a_time_without_a_zone_is_refused(ask):
    with pytest.raises(ValueError, match="time zone"):
        ask([HOUSE], ["UTC"], datetime(2026, 1, 5, 12))  # noqa: DTZ001 - naive on purpose


@pytest.mark.parametrize("ask", [allowed, next_allowed, open_until])
def test_an_unknown_zone_is_refused_not_ignored(ask):
    with pytest.raises(InvalidInput, match="Mars/Olympus"):
        ask([HOUSE], ["UTC", "Mars/Olympus"], utc(2026, 1, 5, 12))


def test_instants_in_any_zone_give_the_same_answer():
    at = utc(2026, 1, 5, 12)
    elsewhere = at.astimezone(zone_named("Asia/Tokyo"))
    opening, closing = (ask([HOUSE], ["UTC"], elsewhere) for ask in (next_allowed, open_until))
    assert opening is not None
    assert closing is not None
    assert (opening, opening.tzinfo) == (at, UTC)
    assert (closing, closing.tzinfo) == (utc(2026, 1, 5, 20), UTC)


def test_answers_do_not_depend_on_the_day_they_are_asked():
    """Every cached day of a fortnight names the same next opening."""
    opening = utc(2026, 3, 16, 13)  # after the change, Monday 09:00 in New York
    window = [WeeklyWindows.parse("mon 09:00-09:30")]
    start = date(2026, 3, 9)
    asked = [datetime(start.year, start.month, start.day + n, 14, tzinfo=UTC) for n in range(7)]
    assert {next_allowed(window, ["America/New_York"], at) for at in asked} == {opening}
