"""How long the first round of calls takes, with the hours in which nobody may be called."""

from datetime import UTC, date, datetime, timedelta

from campaigns.compliance import Era, Hours, WeeklyWindows
from campaigns.drafting.estimating import Estimate, ZoneGroup, estimate, next_openings

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFICE = (WeeklyWindows.parse("mon-fri 09:00-17:00"),)
ALWAYS = (WeeklyWindows.parse("always"),)
LONDON, NEW_YORK = ("Europe/London",), ("America/New_York",)


def group_of(
    zones: tuple[str, ...],
    people: int,
    windows: tuple[WeeklyWindows, ...],
    due: datetime = MONDAY_NOON,
) -> ZoneGroup:
    return ZoneGroup(Hours(zones, (Era(date.min, windows),)), people, due)


def round_of(
    people: int,
    windows: tuple[WeeklyWindows, ...] = ALWAYS,
    *,
    start: datetime = MONDAY_NOON,
    cps: float = 1.0,
    lines: int = 1000,
) -> Estimate:
    groups = [group_of(LONDON, people, windows, start)]
    return estimate(groups, start=start, cps=cps, max_concurrent=lines)


def test_people_by_pace_is_the_time_it_takes():
    found = round_of(600, cps=0.5)
    assert found.dialling == timedelta(minutes=20)
    assert (found.first_at, found.last_at) == (MONDAY_NOON, MONDAY_NOON + timedelta(minutes=20))
    assert not found.limited_by_lines


def test_few_lines_are_slower_than_the_pace():
    found = round_of(600, cps=10, lines=20)
    assert found.rate == 0.5
    assert found.limited_by_lines


def test_closed_hours_are_waited_for():
    found = round_of(8 * 3600, OFFICE)  # five hours today, three tomorrow
    assert found.last_at == datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_weekend_is_waited_for():
    saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert round_of(60, OFFICE, start=saturday).first_at == datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_nobody_is_reached_before_their_own_hours_begin():
    groups = [
        group_of(LONDON, 10, OFFICE),
        group_of(NEW_YORK, 10, OFFICE),
    ]
    found = estimate(groups, start=MONDAY_NOON, cps=10, max_concurrent=1000)
    assert found.first_at == MONDAY_NOON
    assert found.last_at is not None
    assert found.last_at > datetime(2026, 11, 23, 14, tzinfo=UTC)  # nine in New York


def test_hours_that_never_meet_lead_to_no_call():
    mornings, evenings = (WeeklyWindows.parse(f"daily {h}") for h in ("08:00-09:00", "20:00-21:00"))
    found = round_of(10, (mornings, evenings))
    assert (found.first_at, found.last_at) == (None, None)


def test_more_than_three_months_is_not_told_as_a_date():
    assert round_of(10_000_000, OFFICE).last_at is None


def test_the_largest_groups_are_told_first():
    groups = [group_of(LONDON, 3, OFFICE), group_of(NEW_YORK, 5, OFFICE)]
    [first, second] = next_openings(groups, MONDAY_NOON, 5)
    assert (first.zones, first.opens) == (NEW_YORK, datetime(2026, 11, 23, 14, tzinfo=UTC))
    assert (second.opens, second.closes) == (MONDAY_NOON, datetime(2026, 11, 23, 17, tzinfo=UTC))
