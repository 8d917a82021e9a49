"""The picture of a week: what is open, and what the rules do not allow."""

from campaigns.compliance import WeeklyWindows
from campaigns.web.pages.wizard.week import Block, days_of, picture

ALWAYS = WeeklyWindows.parse("always")


def test_open_hours_stand_where_they_are():
    rows = dict(picture(WeeklyWindows.parse("mon 09:00-12:00 14:00-18:00"), ALWAYS))
    assert rows["Mon"] == [Block(540, 180, "open"), Block(840, 240, "open")]
    assert rows["Tue"] == []


def test_hours_outside_the_rules_are_barred():
    rules = WeeklyWindows.parse("mon-sat 09:00-20:00")
    rows = dict(picture(WeeklyWindows.parse("mon 08:00-21:00, sun 10:00-11:00"), rules))
    assert rows["Mon"] == [
        Block(480, 60, "barred"),
        Block(540, 660, "open"),
        Block(1200, 60, "barred"),
    ]
    assert rows["Sun"] == [Block(600, 60, "barred")]


def test_what_runs_past_sunday_returns_on_monday():
    rows = dict(picture(WeeklyWindows.parse("sun 22:00-02:00"), ALWAYS))
    assert rows["Sun"] == [Block(1320, 120, "open")]
    assert rows["Mon"] == [Block(0, 120, "open")]


def test_the_end_of_a_day_is_written_as_midnight():
    [monday, *_] = days_of(WeeklyWindows.parse("mon 18:00-24:00"))
    assert [tuple(one) for one in monday.ranges] == [("18:00", "00:00")]
