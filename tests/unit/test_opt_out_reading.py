"""Opt-outs as people write them: numbers, prefixes, ends, searches."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.opting_out.looking_up import read_search
from campaigns.opting_out.reading import (
    Line,
    Unreadable,
    lines_of_file,
    read_line,
    read_number,
    read_until,
)
from campaigns.store.opt_outs import NewOptOut

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number", "is_prefix"),
    [
        ("(202) 555-0143", "+12025550143", False),
        ("'+12025550143", "+12025550143", False),
        ("+1 (202) 555-*", "+1202555", True),
        ("'+44202*", "+44202", True),
        ("+12025550143*", "+12025550143", True),
        ("+9990123456", "+9990123456", False),  # we would never call it, and now nobody will
    ],
)
def test_a_number_or_a_prefix_is_read(text, number, is_prefix):
    assert read_number(text, "US") == NewOptOut(number, is_prefix)


@pytest.mark.parametrize("text", ["+1*", "+44*", "202*", "*", "+12*34*", "+1234567890123456*", "x"])
def test_what_would_cover_too_much_or_nothing_is_no_prefix(text):
    with pytest.raises(NotAPhoneNumber):
        read_number(text, "US")


def test_an_end_is_an_instant_or_the_end_of_a_day():
    assert read_until("", NOON) is None
    assert read_until("2026-06-01", NOON) == datetime(2026, 6, 2, tzinfo=UTC)
    assert read_until("2026-06-01T15:00+02:00", NOON) == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    "text", ["2026-06-01T14:00+02:00", "2026-05-31", "2026-06-01T13:00", "tomorrow", "9999-12-31"]
)
def test_what_is_no_end_or_over_is_refused(text):
    with pytest.raises(InvalidInput):
        read_until(text, NOON)


@pytest.mark.parametrize(
    ("text", "found", "number", "order"),
    [
        ("", "everything", "", "number"),
        ("(202) 555-0143", "exact", "+12025550143", "number"),
        ("+1 202-555", "begins", "+1202555", "number"),
        ("+1202555*", "begins", "+1202555", "number"),
        ("0143", "ends", "0143", "ending"),
    ],
)
def test_a_search_is_a_number_its_beginning_or_its_end(text, found, number, order):
    search = read_search(text, "US")
    assert (search.found, search.number, search.order) == (found, number, order)


@pytest.mark.parametrize("text", ["43", "Ada", "+1", "1" * 40, "%", "\uff11\uff12\uff13"])
def test_what_cannot_be_looked_for_says_so(text):
    with pytest.raises(InvalidInput, match="cannot be looked for"):
        read_search(text, "US")


def test_each_line_of_a_table_may_say_why_and_until_when(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(
        "phone,reason,expires_at\n"
        "+12025550143,asked by letter,2026-12-31\n"
        '"+12025550144","a ""quoted"" reason",\n'
        "+12025550145,,yesterday\n"
        "not a number,,\n"
    )
    read = [
        line if isinstance(line, Unreadable) else read_line(line, "US", NOON)
        for line in lines_of_file(file)
    ]
    assert read[:2] == [
        NewOptOut("+12025550143", False, datetime(2027, 1, 1, tzinfo=UTC), "asked by letter"),
        NewOptOut("+12025550144", False, None, 'a "quoted" reason'),
    ]
    problems = [one for one in read[2:] if isinstance(one, Unreadable)]
    assert [(one.line, "no end" in one.problem) for one in problems] == [(4, True), (5, False)]


def test_a_file_of_one_column_needs_no_heading(tmp_path):
    file = tmp_path / "numbers.txt"
    file.write_text("\ufeff+12025550143\r\n\r\n  +1202556*\n", encoding="utf-8")
    assert list(lines_of_file(file)) == [Line(1, "+12025550143"), Line(3, "+1202556*")]


def test_a_table_without_telephone_numbers_is_refused(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("name,town\nAda,London\n")
    with pytest.raises(InvalidInput):
        list(lines_of_file(file))
