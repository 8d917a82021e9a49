"""Dates as spreadsheets leave them: serial numbers, dates and times apart, and no guessing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.importing.dates import (
    appointment_text,
    date_candidates,
    is_date,
    is_serial,
    is_time,
    tells_time,
)
from campaigns.importing.mapping import ImportOptions, Samples, map_columns
from campaigns.importing.rows import Accepted, RowReader
from campaigns.reminders import ReminderRule

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "clock", "system", "text"),
    [
        ("46350.645833333", None, 1900, "2026-11-24 15:30:00"),
        ("46350,645833333", None, 1900, "2026-11-24 15:30:00"),
        ("44888.645833333", None, 1904, "2026-11-24 15:30:00"),
        ("46350", None, 1900, "2026-11-24"),
        ("46350", "15:30", 1900, "2026-11-24 15:30"),
        ("46350", "0.645833333333333", 1900, "2026-11-24 15:30:00"),
        ("46350.0", "3:30 pm", 1900, "2026-11-24 3:30 pm"),
        ("24/11/2026", ".5", 1900, "24/11/2026 12:00:00"),
        ("24/11/2026", "15:30", 1900, "24/11/2026 15:30"),
        ("2026-11-24 00:00:00", "15:30", 1900, "2026-11-24 15:30"),
        ("24/11/2026 15:30", "", 1900, "24/11/2026 15:30"),
        ("to be agreed", None, 1900, "to be agreed"),
        ("  ", "15:30", 1900, ""),
        ("12345", None, 1900, "12345"),  # a day in 1933
        ("99999", None, 1900, "2173-10-13"),
        ("4635", None, 1900, "4635"),
    ],
)
def test_a_date_and_its_time_become_one_text(date, clock, system, text):
    assert appointment_text(date, clock, system) == text


@given(st.datetimes(datetime(2000, 1, 2), datetime(2170, 1, 1)), st.sampled_from([1900, 1904]))  # noqa: DTZ001
def test_a_serial_number_stands_for_the_second_it_was_made_of(moment, system):
    moment = moment.replace(microsecond=0)
    zero = datetime(1899, 12, 30) if system == 1900 else datetime(1904, 1, 1)  # noqa: DTZ001
    if system == 1904 and moment.year < 2000 + 4:
        moment = moment.replace(year=2020, day=1)
    serial = f"{(moment - zero) / timedelta(days=1):.9f}"
    expected = f"{moment:%Y-%m-%d %H:%M:%S}"
    found = appointment_text(serial, None, system)
    assert found in (expected, expected.removesuffix(" 00:00:00"))


def test_what_a_cell_of_a_date_column_says_is_told_apart():
    assert is_serial("46350.6")
    assert not is_serial("2025550143")
    assert tells_time("46350.6")
    assert tells_time("24/11/2026 3 pm")
    assert not tells_time("46350")
    assert is_time("0.5")
    assert is_time("9:30")
    assert not is_time("5")
    assert is_date("24/11/2026")
    assert is_date("24/11/2026 15:30")
    assert not is_date("Ana")


def test_every_reading_of_an_ambiguous_column_is_offered_with_an_example():
    found = date_candidates(["05/05/2026 10:00", "03/04/2026 10:00", "to be agreed"])
    assert [(one.format, one.example, one.reading) for one in found] == [
        ("DD/MM/YYYY HH:MM", "03/04/2026 10:00", "3 April 2026, 10:00"),
        ("MM/DD/YYYY HH:MM", "03/04/2026 10:00", "4 March 2026, 10:00"),
    ]


def test_one_date_far_down_decides_a_column():
    texts = [f"0{n % 9 + 1}/0{n % 9 + 1}/2026 10:00" for n in range(900)] + ["24/11/2026 10:00"]
    assert [one.format for one in date_candidates(texts)] == ["DD/MM/YYYY HH:MM"]


def test_a_column_half_of_serials_and_half_of_texts_has_no_reading():
    """A spreadsheet of another country makes dates of the days up to the twelfth, and swaps them:
    what it left as text shows the order that its dates no longer have."""
    texts = [appointment_text(t, None, 1900) for t in ("46147.4166666", "24/11/2026 10:00")]
    assert date_candidates(texts) == []


@pytest.mark.parametrize("texts", [[], ["", " "], ["soon", "later"]])
def test_no_dates_have_no_candidates(texts):
    assert date_candidates(texts) == []


def reader(header, **options):
    headers = header.split("|")
    mapping = map_columns(
        headers,
        Samples(headers, []),
        ImportOptions(**options),
        default_country="US",
        reminder=True,
        date_system=1904,
    )
    rule = ReminderRule.once(86_400)
    return RowReader(mapping, live=False, reminder=rule, now=NOW)


def test_a_row_with_a_serial_number_is_planned_and_the_repair_is_told():
    rows = reader("phone|date|time", date_format="YYYY-MM-DD HH:MM", time_column="time")
    found = rows.read(["+12025550123", "44888", "0.6458333"])
    assert isinstance(found, Accepted)
    assert found.appointment_at == datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
    assert [tuple(repair) for repair in found.repairs] == [
        ("date_serial", "44888", "2026-11-24 15:30:00")
    ]


def test_a_day_without_a_time_is_no_appointment():
    rows = reader("phone|date", date_format="YYYY-MM-DD HH:MM")
    assert rows.read(["+12025550123", "44888"]).reason == "bad_appointment"
