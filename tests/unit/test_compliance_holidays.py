"""Holidays: as text and as JSON, and never called on, in any zone, however the clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compliance import (
    Holidays,
    WeeklyWindows,
    allowed,
    holiday_calendars,
    next_allowed,
    open_until,
    zone_named,
)
from campaigns.errors import InvalidInput

MINUTE = timedelta(minutes=1)
ZONES = [
    "America/New_York",
    "America/Los_Angeles",
    "Europe/London",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]
parse = WeeklyWindows.parse


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


days = st.dates(date(2026, 2, 20), date(2026, 4, 20))  # clocks change in all zones that do
weeks = st.sampled_from(
    ["always", "daily 08:00-20:00", "mon-fri 09:00-17:30", "fri 22:00-02:30, sun 23:00-01:00"]
)
some_zones = st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True)
instants = st.datetimes(
    datetime(2026, 2, 20),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2026, 4, 15),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def closed_weeks(draw):
    closed = draw(st.lists(days, min_size=1, max_size=12))
    country = draw(st.sampled_from([None, "US", "GB", "EG"]))
    table = {"dates": [day.isoformat() for day in closed], "country": country}
    return parse(draw(weeks)).with_holidays({key: v for key, v in table.items() if v})


def plainly_allowed(windows: WeeklyWindows, zones: list[str], at: datetime) -> bool:
    """The meaning of holidays without the code that computes stretches."""
    week = parse({key: v for key, v in windows.serialise().items() if key != "holidays"})
    local_days = {at.astimezone(zone_named(zone)).date() for zone in zones}
    return allowed([week], zones, at) and not any(map(windows.closed_on, local_days))


@settings(deadline=None, max_examples=60)
@given(closed_weeks(), some_zones, instants)
def test_every_minute_of_four_days_agrees_with_the_wall_clock(windows, zones, at):
    minutes = [at.replace(second=0, microsecond=0) + n * 7 * MINUTE for n in range(4 * 206)]
    expected = [plainly_allowed(windows, zones, minute) for minute in minutes]
    assert [allowed([windows], zones, minute) for minute in minutes] == expected
    end = open_until([windows], zones, minutes[0])
    assert (end is not None) is expected[0]
    opening = next_allowed([windows], zones, minutes[0])
    for minute, is_open in zip(minutes, expected, strict=True):
        if end is not None and minute < end:
            assert is_open
        if opening is None or minute < opening:
            assert not is_open


@settings(deadline=None, max_examples=150)
@given(closed_weeks(), some_zones, instants)
def test_the_next_opening_is_never_on_a_holiday(windows, zones, at):
    found = next_allowed([windows], zones, at)
    if found is None:
        return
    assert found >= at
    assert plainly_allowed(windows, zones, found)
    assert found == at or not plainly_allowed(windows, zones, found - timedelta(microseconds=1))
    end = open_until([windows], zones, found)
    assert end is not None
    assert plainly_allowed(windows, zones, end - timedelta(microseconds=1))
    assert end == found + timedelta(days=8) or not plainly_allowed(windows, zones, end)


def test_a_day_that_is_a_holiday_in_one_of_the_zones_is_closed_in_all():
    christmas = [parse("always").with_holidays("2026-12-25")]
    both = ["America/New_York", "America/Los_Angeles"]
    assert open_until(christmas, both, utc(2026, 12, 25)) == utc(2026, 12, 25, 5)
    assert next_allowed(christmas, both, utc(2026, 12, 25, 5)) == utc(2026, 12, 26, 8)
    assert next_allowed(christmas, both[:1], utc(2026, 12, 25, 5)) == utc(2026, 12, 26, 5)


def test_a_window_that_opened_the_evening_before_closes_at_midnight():
    night = [parse("fri 22:00-02:00").with_holidays("2026-12-26")]  # a Saturday
    zone = ["Europe/London"]
    assert open_until(night, zone, utc(2026, 12, 25, 23)) == utc(2026, 12, 26)
    assert not allowed(night, zone, utc(2026, 12, 26, 1))


def test_a_holiday_on_the_day_clocks_change_is_as_long_as_the_day():
    spring = [parse("always").with_holidays("2026-03-08")]
    autumn = [parse("always").with_holidays("2026-11-01")]
    zone = ["America/New_York"]
    for windows, start, hours in (
        (spring, utc(2026, 3, 8, 5), 23),
        (autumn, utc(2026, 11, 1, 4), 25),
    ):
        assert allowed(windows, zone, start - MINUTE)
        assert next_allowed(windows, zone, start) == start + timedelta(hours=hours)


def test_an_opening_behind_weeks_of_holidays_is_found():
    month = [f"2026-08-{day:02}" for day in range(1, 32)]
    windows = [parse("mon 09:00-10:00").with_holidays({"dates": month})]
    assert next_allowed(windows, ["UTC"], utc(2026, 7, 31)) == utc(2026, 9, 7, 9)


def test_an_opening_that_never_comes_is_none():
    other_half = [
        parse("daily 00:00-12:00").with_holidays("US"),
        parse("daily 12:00-24:00"),
    ]
    assert next_allowed(other_half, ["UTC"], utc(2026, 1, 1)) is None


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("US", {"country": "US"}),
        ("us-ca", {"country": "US", "subdivision": "CA"}),
        (
            "US-CA holidays and 2026-12-24",
            {"country": "US", "subdivision": "CA", "dates": ["2026-12-24"]},
        ),
        ("2026-12-31, 2026-12-24", {"dates": ["2026-12-24", "2026-12-31"]}),
        (
            "DE-BY, open on 2026-11-01",
            {"country": "DE", "subdivision": "BY", "except": ["2026-11-01"]},
        ),
    ],
)
def test_short_texts_and_tables_mean_the_same(text, table):
    found = Holidays.parse(text)
    assert found.serialise() == table
    assert Holidays.parse(table) == found
    assert Holidays.parse(str(found)) == found
    windows = parse("mon-fri 09:00-17:30, sat 10:00-12:00").with_holidays(text)
    assert parse(str(windows)) == windows
    assert parse(windows.serialise()) == windows
    assert parse(f"mon-fri 09:00-17:30 sat 10:00-12:00; closed on {text}") == windows
    assert hash(parse(windows.serialise())) == hash(windows)


def test_always_may_be_closed_too():
    windows = parse("always, closed on US holidays")
    assert str(windows) == "always, closed on US holidays"
    assert windows.serialise()["holidays"] == {"country": "US"}


@settings(deadline=None, max_examples=50)
@given(st.lists(days, max_size=400), st.lists(days, max_size=20))
def test_any_dates_survive_text_and_json(closed, opened):
    opened = [day for day in opened if day not in closed]
    found = Holidays("US", "NY", tuple(sorted(set(closed))), tuple(sorted(set(opened))))
    assert Holidays.parse(str(found)) == found
    assert Holidays.parse(found.serialise()) == found
    windows = parse("daily 09:00-10:00").with_holidays(found.serialise())
    assert parse(str(windows)) == windows


def test_public_holidays_are_those_of_the_place():
    california, all_of_us = Holidays.parse("US-CA"), Holidays.parse("US")
    cesar_chavez = date(2026, 3, 31)
    assert california.fall_on(cesar_chavez)
    assert not all_of_us.fall_on(cesar_chavez)
    assert all_of_us.fall_on(date(2026, 7, 4))
    assert not Holidays.parse("US, except 2026-07-04").fall_on(date(2026, 7, 4))
    assert Holidays.parse("2026-07-06").fall_on(date(2026, 7, 6))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "no country and no date"),
        ("XQ", "not known"),
        ("US-QQ", "no part"),
        ("US DE", "cannot be read"),
        ("US open", None),
        ("US open DE", "cannot be read"),
        ("2026-02-30", "not a date"),
        ("1026-02-03", "cannot be meant"),
        ({"country": "US", "when": 1}, "have no"),
        ({"country": 7}, "not known"),
        ({"subdivision": "CA"}, "not known"),
        ({"dates": "2026-01-01"}, "list"),
        ({"dates": [20260101]}, "not a date"),
        ({"dates": ["2026-01-01"], "except": ["2026-01-01"]}, "closed and open"),
        ({"dates": [f"20{n // 28:02}-02-{n % 28 + 1:02}" for n in range(500)]}, "At most"),
        (7, "text or a table"),
        ("US " * 5000, "too long"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(value, says):
    if says is None:
        assert Holidays.parse(value) == Holidays("US")
        return
    with pytest.raises(InvalidInput, match=says):
        Holidays.parse(value)
    with pytest.raises(InvalidInput):
        parse({"mon": [["09:00", "10:00"]], "holidays": value})


def test_calendars_can_be_chosen_from():
    calendars = {one.country: one for one in holiday_calendars()}
    assert calendars["US"].name == "United States"
    assert "CA" in calendars["US"].subdivisions
    assert len(calendars) > 100
