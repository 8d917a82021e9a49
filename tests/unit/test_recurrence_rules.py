"""When recurrences fire: by wall time, once, whatever clocks do."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compliance import Holidays, zone_named
from campaigns.errors import InvalidInput
from campaigns.recurring.cron import Cron
from campaigns.recurring.rules import DAYS, Rule, next_firings

ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # clocks change by half an hour
    "America/St_Johns",
    "Africa/Cairo",  # at midnight
    "America/Santiago",  # at midnight too
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
]


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def rule(**over) -> Rule:
    return Rule.parse({"times": ["09:00"], "zone": "America/New_York"} | over)


def keys(found) -> list[str]:
    return [firing.key for firing in found]


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
rules = st.builds(
    lambda zone, days, times, closed: Rule.parse(
        {"zone": zone, "days": days, "times": times}
        | ({"holidays": {"dates": [day.isoformat() for day in closed]}} if closed else {})
    ),
    st.sampled_from(ZONES),
    st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    st.lists(clocks, min_size=1, max_size=4, unique=True),
    st.lists(st.dates(date(2026, 2, 1), date(2026, 12, 1)), max_size=10),
)
instants = st.datetimes(
    datetime(2026, 2, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2026, 12, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def wall_times(of: Rule, first: date, last: date) -> set[str]:
    """Every wall time of the rule between two days, by the calendar alone."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return {
        f"{day}T{at:%H:%M}"
        for day in days
        if day.weekday() in of.days and not (of.holidays and of.holidays.fall_on(day))
        for at in of.times
    }


@settings(deadline=None, max_examples=200)
@given(rules, instants, st.integers(1, 60))
def test_every_wall_time_fires_once_and_in_order(given_rule, after, n):
    found = next_firings(given_rule, after, n)
    ats = [firing.at for firing in found]
    assert ats == sorted(set(ats))
    assert all(at > after for at in ats)
    assert len(set(keys(found))) == len(found)
    zone = zone_named(given_rule.zone)
    for firing in found:
        wall = datetime.fromisoformat(firing.key)
        assert wall.time() in given_rule.times
        assert wall.weekday() in given_rule.days
        seen = firing.at.astimezone(zone).replace(tzinfo=None)
        late = seen - wall  # in a gap as much later as clocks skip, else not at all
        assert timedelta(0) <= late <= timedelta(hours=1)
        if late:
            before = (firing.at - timedelta(hours=2)).astimezone(zone).utcoffset()
            after_it = (firing.at + timedelta(hours=2)).astimezone(zone).utcoffset()
            assert before is not None
            assert after_it is not None
            assert after_it - before == late
    if len(found) < 2:
        return
    # Nothing is left out between the first and the last but what a gap put on the same instant.
    first, last = (datetime.fromisoformat(found[i].key).date() for i in (0, -1))
    inner = wall_times(given_rule, first + timedelta(days=1), last - timedelta(days=1))
    missing = inner - set(keys(found))
    same = {datetime.fromisoformat(key).replace(tzinfo=zone).astimezone(UTC) for key in missing}
    assert same <= set(ats)


@settings(deadline=None, max_examples=100)
@given(rules, instants, st.integers(1, 20), st.integers(1, 20))
def test_asking_in_steps_gives_the_same(given_rule, after, n, m):
    first = next_firings(given_rule, after, n)
    if len(first) == n:
        rest = next_firings(given_rule, first[-1].at, m)
        assert [*first, *rest] == next_firings(given_rule, after, n + m)


def test_a_time_that_occurs_twice_fires_the_first_time_only():
    found = next_firings(rule(times=["01:30"]), utc(2026, 10, 31, 12), 3)
    assert keys(found) == ["2026-11-01T01:30", "2026-11-02T01:30", "2026-11-03T01:30"]
    assert found[0].at == utc(2026, 11, 1, 5, 30)  # 01:30 EDT; 01:30 EST is an hour later
    assert next_firings(rule(times=["01:30"]), found[0].at, 1)[0].key == "2026-11-02T01:30"


def test_a_time_that_clocks_skip_fires_at_the_shifted_instant():
    found = next_firings(rule(times=["02:30"]), utc(2026, 3, 7, 12), 2)
    assert keys(found) == ["2026-03-08T02:30", "2026-03-09T02:30"]
    assert found[0].at == utc(2026, 3, 8, 7, 30)  # 03:30 EDT
    half = next_firings(rule(times=["02:15"], zone="Australia/Lord_Howe"), utc(2026, 10, 3), 1)
    assert half[0].at == utc(2026, 10, 3, 15, 45)  # 02:45, half an hour later


def test_two_times_on_one_instant_are_one_firing():
    found = next_firings(rule(times=["02:30", "03:30"]), utc(2026, 3, 8, 5), 2)
    assert keys(found) == ["2026-03-08T03:30", "2026-03-09T02:30"]


def test_a_day_that_a_place_skipped_fires_the_day_after():
    skipped = rule(times=["09:00"], zone="Pacific/Apia")  # there was no 30 December 2011
    found = next_firings(skipped, utc(2011, 12, 29), 3)
    assert [firing.at for firing in found] == sorted({firing.at for firing in found})
    assert [firing.at.astimezone(zone_named("Pacific/Apia")).day for firing in found] == [29, 31, 1]


def test_only_on_its_days_between_its_dates_and_not_on_holidays():
    weekdays = rule(
        days=["mon", "tue", "wed", "thu", "fri"],
        holidays="US",
        starts_on="2026-11-24",
        ends_on="2026-11-30",
    )
    found = keys(next_firings(weekdays, utc(2026, 1, 1), 10))
    assert found == [f"2026-11-{day}T09:00" for day in (24, 25, 27, 30)]  # the 26th is a Thursday
    assert next_firings(weekdays, utc(2026, 12, 1), 5) == []


def test_none_are_asked_for():
    assert next_firings(rule(), utc(2026, 1, 1), 0) == []


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        next_firings(rule(), datetime(2026, 1, 1), 1)  # noqa: DTZ001 - naive on purpose


def test_the_leap_day_is_found():
    leap = Rule.parse({"cron": "0 9 29 2 *", "zone": "UTC"})
    assert keys(next_firings(leap, utc(2097, 1, 1), 1)) == ["2104-02-29T09:00"]
    assert next_firings(Rule.parse({"cron": "0 9 31 2 *", "zone": "UTC"}), utc(2026, 1, 1), 1) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 9 * * mon-fri", ["11-23T09:30", "11-24T09:30", "11-25T09:30"]),
        ("0 8,17 * * *", ["11-21T08:00", "11-21T17:00", "11-22T08:00"]),
        ("*/30 9 * * sun", ["11-22T09:00", "11-22T09:30", "11-29T09:00"]),
        ("15/20 9 * * 0", ["11-22T09:15", "11-22T09:35", "11-22T09:55"]),
        ("0 9 * * 7", ["11-22T09:00", "11-29T09:00", "12-06T09:00"]),
        ("0 9 1 * *", ["12-01T09:00"]),
        ("0 9 1 * mon", ["11-23T09:00", "11-30T09:00", "12-01T09:00"]),  # either day
        ("0 9 */2 * mon", ["11-23T09:00", "12-07T09:00"]),  # both: a star is no restriction
        ("0 9 24-26 dec *", ["12-24T09:00", "12-25T09:00"]),
    ],
)
def test_cron_means_what_crontab_means(expression, expected):
    found = next_firings(Rule.parse({"cron": expression, "zone": "UTC"}), utc(2026, 11, 21), 3)
    assert [key.removeprefix("2026-") for key in keys(found)][: len(expected)] == expected


def test_times_of_cron_are_in_order():
    assert Cron.parse("45,0 17,8 * * *").times == (time(8), time(8, 45), time(17), time(17, 45))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"times": ["9:00"], "zone": "utc"}, "every day at 09:00, UTC time"),
        (
            {"days": ["fri", "mon"], "times": ["17:00", "09:00"], "zone": "Europe/London"},
            "Monday and Friday at 09:00 and 17:00, Europe/London time",
        ),
        (
            {
                "days": list(DAYS[:5]),
                "times": ["09:00"],
                "zone": "UTC",
                "holidays": "US-CA",
                "starts_on": "2026-11-24",
                "ends_on": "2026-12-24",
            },
            "Monday to Friday at 09:00, UTC time, not on US-CA holidays, from 2026-11-24, "
            "until 2026-12-24",
        ),
        ({"cron": "30  9 * * mon-fri", "zone": "UTC"}, "by cron “30 9 * * mon-fri”, UTC time"),
    ],
)
def test_rules_survive_being_stored_and_are_said_in_words(value, words):
    found = Rule.parse(value)
    assert str(found) == words
    assert Rule.parse(found.serialise()) == found


def test_holidays_of_a_rule_are_those_of_calling_windows():
    assert rule(holidays="US").holidays == Holidays.parse({"country": "US"})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("daily", "needs a table"),
        ({"times": ["09:00"]}, "time zone"),
        ({"times": ["09:00"], "zone": "EST"}, "not a time zone"),
        ({"zone": "UTC"}, "either"),
        ({"zone": "UTC", "times": []}, "either"),
        ({"zone": "UTC", "times": ["09:00"], "cron": "0 9 * * *"}, "either"),
        ({"zone": "UTC", "days": ["mon"], "cron": "0 9 * * *"}, "either"),
        ({"zone": "UTC", "times": ["24:00"]}, "not a time of day"),
        ({"zone": "UTC", "times": [900]}, "not a time of day"),
        ({"zone": "UTC", "times": ["09:00"], "days": ["montag"]}, "not a day"),
        ({"zone": "UTC", "times": ["09:00"], "days": []}, "list of days"),
        ({"zone": "UTC", "times": ["09:00"], "every": 2}, "no “every”"),
        ({"zone": "UTC", "times": ["09:00"], "starts_on": "2026-02-30"}, "not a date"),
        (
            {"zone": "UTC", "times": ["09:00"], "starts_on": "2026-02-03", "ends_on": "2026-02-02"},
            "end before",
        ),
        ({"zone": "UTC", "cron": "* * * * *"}, "at most 96"),
        ({"zone": "UTC", "cron": "0 9 * *"}, "not a cron"),
        ({"zone": "UTC", "cron": "60 9 * * *"}, "not a minute"),
        ({"zone": "UTC", "cron": "0 9 0 * *"}, "day of the month"),
        ({"zone": "UTC", "cron": "0 9 * foo *"}, "not a month"),
        ({"zone": "UTC", "cron": "0 9 * * fri-mon"}, "day of the week"),
        ({"zone": "UTC", "cron": "*/0 9 * * *"}, "not a minute"),
        ({"zone": "UTC", "cron": 7}, "five fields"),
        ({"zone": "UTC", "cron": "0 9 * * ²"}, "day of the week"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_in_words(value, says):
    with pytest.raises(InvalidInput, match=says):
        Rule.parse(value)
