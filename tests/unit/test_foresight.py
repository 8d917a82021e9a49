"""Who cannot be called in time: a rehearsal of the coming hours, as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.foresight import Waiting, calls_per_second, late

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def group(people: int, deadline: float, due: float = 0.0, campaign: int = 1, key: int = 1):
    return Waiting(campaign, key, NOW + due * HOUR, NOW + deadline * HOUR, people)


def found(waiting, rate, own=None, is_open=lambda one, at: True):
    rows = late(waiting, rate, own or {}, is_open, NOW, NOW + 8 * HOUR)
    return {campaign: one.people for campaign, one in rows.items()}


@pytest.mark.parametrize(
    ("waiting", "per_hour", "expected"),
    [
        ([group(100, 2)], 60, {}),
        ([group(150, 2)], 60, {1: 30}),
        ([group(60, 2, due=1)], 60, {}),
        ([group(90, 2, due=1)], 60, {1: 30}),  # an hour is not enough, though two pass
        ([group(60, 1), group(60, 2)], 60, {}),
        # nearest deadline first: the other one is late
        ([group(60, 1), group(90, 2, campaign=2)], 60, {2: 30}),
        ([group(100, 9)], 1, {}),  # further away than is looked
        ([], 60, {}),
    ],
)
def test_the_nearest_deadlines_are_met_first(waiting, per_hour, expected):
    assert found(waiting, per_hour / 3600) == expected


def test_a_campaigns_own_limit_makes_it_late_and_leaves_room_for_others():
    waiting = [group(100, 2), group(100, 2, campaign=2)]
    assert found(waiting, 200 / 3600, {1: 30 / 3600}) == {1: 40}


def test_hours_that_open_late_or_never():
    def opens(one: Waiting, at: datetime) -> bool:
        return at >= NOW + (1 if one.zone_key == 1 else 5) * HOUR

    waiting = [group(90, 2), group(10, 4, key=2)]
    rows = late(waiting, 60 / 3600, {}, opens, NOW, NOW + 8 * HOUR)
    assert (rows[1].people, rows[1].shut) == (40, 10)
    assert rows[1].from_deadline == NOW + 2 * HOUR
    assert rows[1].to_deadline == NOW + 4 * HOUR
    assert rows[1].zone_keys == (1, 2)


def test_what_an_account_leaves_by_rate_by_lines_and_by_weight():
    assert calls_per_second(2.0, 1000, 1.0, 1.0) == 2.0
    assert calls_per_second(100.0, 90, 1.0, 1.0) == 2.0  # ninety lines, 45 seconds a call
    assert calls_per_second(2.0, 1000, 1.0, 4.0) == 0.5
