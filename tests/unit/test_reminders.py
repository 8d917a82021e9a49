"""Dates of appointments are read without guessing; reminders are due before them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.reminders import (
    FORMATS,
    Due,
    ReminderRule,
    TooLate,
    detect_date_format,
    due_times,
    parse_appointment,
    spoken_time,
)

NEW_YORK = "America/New_York"


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (["2026-11-24T15:30:00Z"], "YYYY-MM-DD HH:MM"),
        (["2026-11-24 15:30", "", "2026-11-25T09:00:59.123+05:30"], "YYYY-MM-DD HH:MM"),
        (["2026/11/24 3:30 pm"], "YYYY-MM-DD h:mm AM/PM"),
        (["03/04/2026 10:00", "24/12/2026 15:30"], "DD/MM/YYYY HH:MM"),
        (["24-12-2026 15:30"], "DD/MM/YYYY HH:MM"),
        (["24/12/2026 3pm"], "DD/MM/YYYY h:mm AM/PM"),
        (["03/04/2026 10:00", "12/24/2026 15:30"], "MM/DD/YYYY HH:MM"),
        (["12/24/2026 3:30 PM", "1/2/2026 12:00 a.m."], "MM/DD/YYYY h:mm AM/PM"),
        (["03.04.2026 15:30"], "DD.MM.YYYY HH:MM"),
        (["24 Nov 2026 15:30", "1st December 2026, 9:00"], "D Mon YYYY HH:MM"),
        (["Nov 24, 2026 15:30"], "Mon D, YYYY HH:MM"),
        (["November 24 2026 at 3:30 p.m."], "Mon D, YYYY h:mm AM/PM"),
    ],
)
def test_one_format_that_fits_every_sample_is_found(samples, code):
    assert code in FORMATS
    assert detect_date_format(samples) == code
    assert detect_date_format(iter(samples)) == code


def test_an_ambiguous_column_is_refused_with_both_readings():
    with pytest.raises(InvalidInput) as refused:
        detect_date_format(["05/05/2026 10:00", "03/04/2026 10:00"])
    message = str(refused.value)
    assert "“03/04/2026 10:00”" in message
    assert "03 April 2026 (DD/MM/YYYY HH:MM)" in message
    assert "04 March 2026 (MM/DD/YYYY HH:MM)" in message


def test_a_column_whose_readings_agree_is_still_ambiguous():
    with pytest.raises(InvalidInput, match="two ways"):
        detect_date_format(["05/05/2026 10:00"])


@pytest.mark.parametrize("samples", [[], ["", "  "]])
def test_nothing_to_look_at(samples):
    with pytest.raises(InvalidInput, match="no date in this column"):
        detect_date_format(samples)


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2026-11-24",  # no time of day
        "24/12/26 15:30",  # two-digit year
        "31/02/2026 10:00",
        "2026-02-29 10:00",
        "2026-13-01 10:00",
        "2026-11-24 24:00",
        "2026-11-24 10:60",
        "2026-11-24 10:00:61",
        "2026-11-24 13:00 PM",
        "2026-11-24 0:30 AM",
        "2026-11-24 10:00+15:00",
        "2026-11-24 10:00+05:75",
        "24 Nix 2026 10:00",
        "1026-11-24 10:00",
        "9999-12-31 23:59-05:00",
        "46350.6458",
        "2026-11-24 10:00\x00",
        "2026-11-24 10:00" + " " * 100_000 + ".",
        "2" * 100_000,
    ],
)
def test_what_no_format_fits_is_refused(text):
    with pytest.raises(InvalidInput, match="known format") as refused:
        detect_date_format([text])
    assert len(str(refused.value)) < 600
    assert str(refused.value).isprintable()


def test_the_sample_that_breaks_the_format_is_named():
    with pytest.raises(InvalidInput, match=r"“12/25/2026 10:00” does not fit DD/MM/YYYY HH:MM"):
        detect_date_format(["25/12/2026 10:00", "12/25/2026 10:00"])


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("2026-11-24 15:30", "YYYY-MM-DD HH:MM", utc(2026, 11, 24, 20, 30)),
        ("2026-11-24T15:30:20", "YYYY-MM-DD HH:MM", utc(2026, 11, 24, 20, 30, 20)),
        ("2026-11-24T15:30Z", "YYYY-MM-DD HH:MM", utc(2026, 11, 24, 15, 30)),
        ("2026-11-24T15:30+0530", "YYYY-MM-DD HH:MM", utc(2026, 11, 24, 10)),
        ("2026-11-24 15:30 -05", "YYYY-MM-DD HH:MM", utc(2026, 11, 24, 20, 30)),
        ("03/04/2026 15:30", "DD/MM/YYYY HH:MM", utc(2026, 4, 3, 19, 30)),
        ("03/04/2026 15:30", "MM/DD/YYYY HH:MM", utc(2026, 3, 4, 20, 30)),
        ("3/4/2026 12:00 AM", "MM/DD/YYYY h:mm AM/PM", utc(2026, 3, 4, 5)),
        ("3/4/2026 12:05 PM", "MM/DD/YYYY h:mm AM/PM", utc(2026, 3, 4, 17, 5)),
        ("3/4/2026 3:30\u202fpm", "MM/DD/YYYY h:mm AM/PM", utc(2026, 3, 4, 20, 30)),
        ("  3/4/2026   3 pm ", "MM/DD/YYYY h:mm AM/PM", utc(2026, 3, 4, 20)),
        ("3 Sept. 2026 15:30", "D Mon YYYY HH:MM", utc(2026, 9, 3, 19, 30)),
        ("May 3rd, 2026 15:30", "Mon D, YYYY HH:MM", utc(2026, 5, 3, 19, 30)),
    ],
)
def test_appointments_are_wall_times_in_the_zone_unless_they_say_otherwise(text, code, expected):
    found = parse_appointment(text, code, NEW_YORK)
    assert found == expected
    assert found.tzinfo is UTC


def test_an_offset_needs_no_zone_and_ignores_a_wrong_one():
    text = "2026-11-24T15:30Z"
    for zone in (None, "Mars/Olympus"):
        assert parse_appointment(text, "YYYY-MM-DD HH:MM", zone) == utc(2026, 11, 24, 15, 30)


@pytest.mark.parametrize(
    ("text", "code", "zone", "says"),
    [
        ("2026-11-24 15:30", "YYYY-MM-DD", NEW_YORK, "not a date format"),
        ("2026-11-24 15:30", "%Y" * 1000, NEW_YORK, "not a date format"),
        ("24.11.2026 15:30", "YYYY-MM-DD HH:MM", NEW_YORK, "not written as YYYY-MM-DD HH:MM"),
        ("31/02/2026 15:30", "DD/MM/YYYY HH:MM", NEW_YORK, "does not exist"),
        ("13/02/2026 15:30", "MM/DD/YYYY HH:MM", NEW_YORK, "does not exist"),
        ("1/2/2026 3:30", "MM/DD/YYYY h:mm AM/PM", NEW_YORK, "not written as"),
        ("1/2/2026 15:30 PM", "MM/DD/YYYY h:mm AM/PM", NEW_YORK, "does not exist"),
        ("4 Nix 2026 15:30", "D Mon YYYY HH:MM", NEW_YORK, "no month “nix”"),
        ("1900-01-01 00:00", "YYYY-MM-DD HH:MM", NEW_YORK, "year"),
        ("2026-11-24 15:30+19:00", "YYYY-MM-DD HH:MM", NEW_YORK, "no place uses"),
        ("2026-11-24 15:30", "YYYY-MM-DD HH:MM", None, "time zone is not known"),
        ("2026-11-24 15:30", "YYYY-MM-DD HH:MM", "Mars/Olympus", "not a time zone"),
        ("2026-03-08 02:30", "YYYY-MM-DD HH:MM", NEW_YORK, "clocks go forward"),
        ("2026-10-04 02:10", "YYYY-MM-DD HH:MM", "Australia/Lord_Howe", "clocks go forward"),
        ("2011-12-30 10:00", "YYYY-MM-DD HH:MM", "Pacific/Apia", "clocks go forward"),
    ],
)
def test_what_cannot_be_an_appointment_is_explained(text, code, zone, says):
    with pytest.raises(InvalidInput, match=says):
        parse_appointment(text, code, zone)


def test_a_repeated_hour_means_the_first():
    found = parse_appointment("2026-11-01 01:30", "YYYY-MM-DD HH:MM", NEW_YORK)
    assert found == utc(2026, 11, 1, 5, 30)


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(sorted(FORMATS)))
def test_any_text_is_read_or_explained(text, code):
    try:
        found = parse_appointment(text, code, NEW_YORK)
    except InvalidInput:
        return
    assert found.tzinfo is UTC


@settings(deadline=None)
@given(st.datetimes(datetime(2000, 1, 2), datetime(2199, 12, 30)))  # noqa: DTZ001
def test_iso_texts_in_utc_read_back(moment):
    text = moment.isoformat() + "Z"
    assert parse_appointment(text, "YYYY-MM-DD HH:MM", None) == moment.replace(
        tzinfo=UTC, microsecond=0
    )


APPOINTMENT = utc(2026, 11, 24, 15, 30)
DAY_BEFORE = ReminderRule.once(86400, 3600)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (utc(2026, 11, 1), Due(utc(2026, 11, 23, 15, 30), utc(2026, 11, 24, 14, 30))),
        (
            utc(2026, 11, 23, 15, 30),
            Due(utc(2026, 11, 23, 15, 30), utc(2026, 11, 24, 14, 30)),
        ),
        (utc(2026, 11, 24, 9), Due(utc(2026, 11, 24, 9), utc(2026, 11, 24, 14, 30))),
        (utc(2026, 11, 24, 14, 30), TooLate(utc(2026, 11, 24, 14, 30))),
        (utc(2027, 1, 1), TooLate(utc(2026, 11, 24, 14, 30))),
    ],
)
def test_a_reminder_is_due_at_its_time_or_at_once_or_never(now, expected):
    assert due_times(DAY_BEFORE, APPOINTMENT, now) == expected


def test_the_deadline_is_the_appointment_unless_told_otherwise():
    due = due_times(ReminderRule.once(3600), APPOINTMENT, utc(2026, 11, 1))
    assert due == Due(APPOINTMENT - timedelta(hours=1), APPOINTMENT)


@pytest.mark.parametrize(
    ("offset", "deadline"),
    [(0, 0), (-1, 0), (60, 60), (60, 90), (60, -1), (367 * 86400, 0), (float("nan"), 0)],
)
def test_rules_that_make_no_sense_are_refused(offset, deadline):
    with pytest.raises(InvalidInput, match="before its deadline"):
        ReminderRule.once(offset, deadline)


@pytest.mark.parametrize(
    ("moment", "zone", "spoken"),
    [
        (APPOINTMENT, "Europe/London", "Tuesday 24 November at 3:30 PM"),
        (APPOINTMENT, NEW_YORK, "Tuesday 24 November at 10:30 AM"),
        (APPOINTMENT, "Pacific/Kiritimati", "Wednesday 25 November at 5:30 AM"),
        (utc(2026, 5, 3, 12), "UTC", "Sunday 3 May at 12 PM"),
        (utc(2026, 5, 3, 0, 5), "UTC", "Sunday 3 May at 12:05 AM"),
        (utc(2026, 5, 3, 23), "UTC", "Sunday 3 May at 11 PM"),
    ],
)
def test_times_are_spoken_where_people_live(moment, zone, spoken):
    assert spoken_time(moment, zone) == spoken
    assert spoken_time(moment, zone, "en-GB") == spoken


def test_other_languages_and_zones_are_refused():
    with pytest.raises(InvalidInput, match="English"):
        spoken_time(APPOINTMENT, NEW_YORK, "tlh")
    with pytest.raises(InvalidInput, match="not a time zone"):
        spoken_time(APPOINTMENT, "Mars/Olympus")


def test_a_row_in_another_format_does_not_make_the_others_unreadable():
    texts = [f"{day}/11/2026 09:30" for day in range(13, 29)]
    assert detect_date_format([*texts, "2026-11-24 09:30"]) == "DD/MM/YYYY HH:MM"
    assert detect_date_format(["11/24/2026 09:30", *texts]) == "DD/MM/YYYY HH:MM"


def test_a_few_of_each_format_are_not_settled_by_a_majority():
    with pytest.raises(InvalidInput, match="does not fit"):
        detect_date_format(["13/11/2026 09:30", "14/11/2026 09:30", "2026-11-24 09:30"])


def test_dates_of_two_readings_stay_ambiguous_beside_one_in_another_format():
    texts = [f"{day:02}/11/2026 09:30" for day in range(1, 12)]
    with pytest.raises(InvalidInput, match="two ways"):
        detect_date_format([*texts, "2026-11-24 09:30"])
