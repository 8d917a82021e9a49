"""Weekly windows as text and as JSON, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compliance import WeeklyWindows
from campaigns.compliance.windows import DAYS
from campaigns.errors import InvalidInput

parse = WeeklyWindows.parse


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("always", {day: [["00:00", "24:00"]] for day in DAYS}),
        ("daily 08:00-20:00", {day: [["08:00", "20:00"]] for day in DAYS}),
        (
            "mon-wed 09:00-17:30, sat 10:00-14:00",
            {
                "mon": [["09:00", "17:30"]],
                "tue": [["09:00", "17:30"]],
                "wed": [["09:00", "17:30"]],
                "sat": [["10:00", "14:00"]],
            },
        ),
        ("Sunday 9:00 – 10:00", {"sun": [["09:00", "10:00"]]}),  # noqa: RUF001
        (
            "mon, thurs 13:00-14:00 09:00-10:00;",
            {
                "mon": [["09:00", "10:00"], ["13:00", "14:00"]],
                "thu": [["09:00", "10:00"], ["13:00", "14:00"]],
            },
        ),
        ("sat-mon 10:00-11:00", {day: [["10:00", "11:00"]] for day in ("mon", "sat", "sun")}),
        ("weekend 10:00-11:00", {day: [["10:00", "11:00"]] for day in ("sat", "sun")}),
        ("weekdays 10:00-11:00", {day: [["10:00", "11:00"]] for day in DAYS[:5]}),
        ("fri 22:00-02:00", {"fri": [["22:00", "02:00"]]}),
        ("fri 22:00-24:00", {"fri": [["22:00", "24:00"]]}),
        ("fri 08:00-08:00", {"fri": [["08:00", "08:00"]]}),
    ],
)
def test_short_texts_and_tables_mean_the_same(text, table):
    windows = parse(text)
    assert windows.serialise() == table
    assert parse(table) == windows
    assert parse(str(windows)) == windows


def test_midnight_as_an_end_has_one_form():
    assert parse("fri 22:00-00:00") == parse("fri 22:00-24:00")
    assert parse("daily 00:00-00:00") == parse("always")
    assert str(parse("daily 00:00-24:00")) == "always"


def test_texts_name_runs_of_days():
    windows = parse({"tue": [["09:00", "12:00"]], "Wednesday": [("09:00", "12:00")], "sun": []})
    assert str(windows) == "tue-wed 09:00-12:00"
    assert str(parse("mon 09:00-10:00, wed-sun 09:00-10:00")) == (
        "mon 09:00-10:00, wed-sun 09:00-10:00"
    )


def test_a_window_named_twice_is_kept_once():
    assert parse("mon 09:00-10:00, daily 09:00-10:00") == parse("daily 09:00-10:00")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "never open"),
        ("  , ", "never open"),
        ({}, "never open"),
        ({"mon": []}, "never open"),
        ("mon", "which times"),
        ("mon 09:00-10:00, tue", "which times"),
        ("09:00-10:00", "which days"),
        ("mon 09:00", "no end"),
        ("mon 9-10", "not a day"),
        ("mo 09:00-10:00", "not a day"),
        ("mon- 09:00-10:00", "not a"),
        ("someday 09:00-10:00", "not a day"),
        ("always mon", "not a day"),
        ("mon 09:00-10:00-11:00", "not a time"),
        ("mon 09:0-10:00", "not a time"),
        ("mon 24:00-02:00", "24:00"),
        ("mon 09:60-10:00", "no time of day"),
        ("mon 09:00-24:01", "no time of day"),
        ("mon 25:00-26:00", "no time of day"),
        ("mon 09:00-10:00 " * 1000, "too long"),
        (None, "text or a table"),
        (7, "text or a table"),
        ([["mon", "09:00"]], "text or a table"),
        ({"mon": "09:00-10:00"}, "list of windows"),
        ({1: [["09:00", "10:00"]]}, "list of windows"),
        ({"mon": [["09:00"]]}, "a pair"),
        ({"mon": ["0900"]}, "a pair"),
        ({"mon": [[9, 10]]}, "not a time"),
        ({"mon": [[None, "10:00"]]}, "not a time"),
        ({"monnday": [["09:00", "10:00"]]}, "not a day"),
        ({"mon": [[f"{hour:02}:00", f"{hour:02}:30"] for hour in range(13)]}, "at most 12"),
    ],
)
def test_what_cannot_be_windows_is_explained(value, says):
    with pytest.raises(InvalidInput, match=says):
        parse(value)


@settings(deadline=None)
@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=6))))
def test_any_value_is_parsed_or_explained(value):
    try:
        windows = parse(value)
    except InvalidInput:
        return
    assert parse(windows.serialise()) == windows


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
tables = st.dictionaries(
    st.sampled_from(DAYS), st.lists(st.tuples(clocks, clocks), min_size=1, max_size=4), min_size=1
)


@given(tables)
def test_both_forms_read_back_to_an_equal_value(table):
    windows = parse(table)
    assert parse(windows.serialise()) == windows
    assert parse(str(windows)) == windows
    assert hash(parse(windows.serialise())) == hash(windows)
