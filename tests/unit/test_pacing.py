"""Slots, shares and back-off as values."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.pacing import (
    Scope,
    SlotState,
    back_off,
    clamp,
    probe_mode,
    rejoin_vtime,
    spacing,
    split,
    take_slots,
    take_slots_in,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


rates = st.floats(0.05, 400) | st.integers(1, 400)


def test_the_first_slot_is_after_the_lead_and_later_ones_are_spaced():
    slots, state = take_slots(SlotState(), NOW, at(10), 10, 3, 0.5)
    assert slots == [at(0.5), at(0.602), at(0.704)]
    assert state == SlotState(at(0.806))


def test_a_state_ahead_of_the_lead_is_kept():
    slots, _ = take_slots(SlotState(at(2)), NOW, at(10), 10, 1, 0.5)
    assert slots == [at(2)]


def test_time_that_passed_unused_gives_no_burst():
    slots, _ = take_slots(SlotState(NOW - timedelta(hours=1)), NOW, at(0.3), 10, 99, 0.0)
    assert slots == [at(0), at(0.102), at(0.204)]


def test_the_horizon_itself_gets_no_slot_and_moves_nothing():
    state = SlotState(at(1))
    assert take_slots(state, NOW, at(1), 10, 5, 0.0) == ([], state)
    assert take_slots(SlotState(), NOW, NOW, 10, 5, 0.0) == ([], SlotState())


@pytest.mark.parametrize("count", [0, -3])
def test_no_slots_wanted_moves_nothing(count):
    assert take_slots(SlotState(at(1)), NOW, at(9), 10, count, 0.0) == ([], SlotState(at(1)))


def test_a_slot_satisfies_every_scope_and_each_moves_by_its_own_spacing():
    scopes = [Scope(SlotState(at(1)), 10), Scope(SlotState(), 2), Scope(SlotState(at(0.2)), 100)]
    slots, states = take_slots_in(scopes, NOW, at(3), 2, 0.0)
    assert slots == [at(1), at(1.51)]
    assert states == [SlotState(at(1.612)), SlotState(at(2.02)), SlotState(at(1.5202))]


def test_without_a_limit_there_is_no_slot():
    with pytest.raises(InvalidInput, match="limit"):
        take_slots_in([], NOW, at(1), 1, 0.0)


@pytest.mark.parametrize("cps", [0, -1, math.inf, math.nan])
def test_a_senseless_rate_is_refused(cps):
    with pytest.raises(InvalidInput, match="above 0"):
        spacing(cps)
    with pytest.raises(InvalidInput, match="above 0"):
        take_slots(SlotState(), NOW, at(1), cps, 1, 0.0)


def most_in_a_second(slots: list[datetime]) -> int:
    """The most slots in any half-open second; the fullest one starts with a slot."""
    return max((sum(slot <= other < slot + SECOND for other in slots) for slot in slots), default=0)


ticks = st.lists(
    st.tuples(st.floats(0.0, 2.0), st.integers(0, 60), st.floats(0.0, 0.3)), max_size=12
)


@settings(deadline=None)
@given(rates, ticks)
def test_any_second_of_any_run_of_ticks_keeps_the_rate(cps, steps):
    state, now = SlotState(), NOW
    slots: list[datetime] = []
    for pause, count, lead in steps:
        now += timedelta(seconds=pause)
        given_now, state = take_slots(state, now, now + timedelta(seconds=0.7), cps, count, lead)
        assert len(given_now) <= count
        assert all(
            now + timedelta(seconds=lead) <= slot < now + timedelta(seconds=0.7)
            for slot in given_now
        )
        slots += given_now
    gaps = [later - earlier for earlier, later in pairwise(slots)]
    assert all(gap >= spacing(cps) for gap in gaps)
    most = most_in_a_second(slots)
    assert most <= cps + 1
    if cps >= 50 or cps == int(cps):
        assert most <= cps


@settings(deadline=None)
@given(st.lists(rates, min_size=1, max_size=4), ticks)
def test_several_scopes_each_keep_their_rate(all_cps, steps):
    states = [SlotState() for _ in all_cps]
    now = NOW
    slots: list[datetime] = []
    for pause, count, lead in steps:
        now += timedelta(seconds=pause)
        scopes = [Scope(state, cps) for state, cps in zip(states, all_cps, strict=True)]
        found, states = take_slots_in(scopes, now, now + timedelta(seconds=0.7), count, lead)
        slots += found
    slowest = spacing(min(all_cps))
    gaps = [later - earlier for earlier, later in pairwise(slots)]
    assert all(gap >= slowest for gap in gaps)


def test_a_rate_is_held_not_only_bounded():
    state = SlotState()
    slots: list[datetime] = []
    for tick in range(40):
        found, state = take_slots(state, at(tick / 4), at(tick / 4 + 0.7), 50, 99, 0.2)
        slots += found
    assert len(slots) >= 50 / 1.02 * 10


def test_a_state_from_before_the_clock_went_back_is_clamped():
    far = SlotState(at(3600))
    assert clamp(far, NOW, 10, 0.7) == SlotState(at(0.102))
    assert clamp(far, at(3599.5), 10, 0.7) == far


@given(rates, st.integers(1, 50), st.floats(0, 5))
def test_an_honest_state_is_never_clamped(cps, count, later):
    _, state = take_slots(SlotState(), NOW, at(0.7), cps, count, 0.1)
    assert clamp(state, at(later), cps, 0.7) == state


def test_nothing_to_clamp():
    assert clamp(SlotState(), NOW, 10, 0.7) == SlotState()


@pytest.mark.parametrize(
    ("slots", "missed", "failing", "probing"),
    [
        (0, 0, False, False),
        (0, 0, True, True),
        (10, 4, False, False),
        (10, 5, False, True),
        (1, 1, False, True),
        (3, 1, False, False),
        (10, 0, True, True),
    ],
)
def test_probe_mode(slots, missed, failing, probing):
    assert probe_mode(slots, missed, failing) is probing


@pytest.mark.parametrize(
    ("level", "retry_after", "seconds"),
    [
        (0, None, 1),
        (1, None, 2),
        (5, None, 32),
        (6, None, 60),
        (7, None, 60),
        (10**6, None, 60),
        (-1, None, 1),
        (0, 30.0, 30),
        (6, 30.0, 60),
        (0, 300.0, 300),
        (0, 86400.0, 300),
        (0, math.inf, 300),
        (2, math.nan, 4),
        (2, -5.0, 4),
        (2, 0.0, 4),
    ],
)
def test_back_off(level, retry_after, seconds):
    assert back_off(level, NOW, retry_after) == at(seconds)


def test_a_resumed_campaign_has_no_arrears():
    assert rejoin_vtime(3.0, [10.0, 12.0]) == 10.0
    assert rejoin_vtime(11.0, [10.0, 12.0]) == 11.0
    assert rejoin_vtime(3.0, []) == 3.0


@pytest.mark.parametrize(
    ("count", "part", "over", "expected"),
    [
        (8, 0.25, {}, (6, 2)),
        (3, 0.25, {}, (3, 0)),
        (1, 0.25, {"split_before": 3}, (0, 1)),
        (0, 0.25, {}, (0, 0)),
        (8, 0.0, {}, (8, 0)),
        (8, 1.0, {}, (0, 8)),
        (10, 0.1, {}, (9, 1)),
        (8, 0.25, {"first_due": 3}, (3, 5)),
        (8, 0.25, {"retries_due": 1}, (7, 1)),
        (8, 0.25, {"first_due": 3, "retries_due": 1}, (3, 1)),
        (8, 0.25, {"first_due": 100, "retries_due": 100}, (6, 2)),
        (8, 0.25, {"first_due": 0, "retries_due": 0}, (0, 0)),
    ],
)
def test_split(count, part, over, expected):
    assert split(count, part, **over) == expected


@pytest.mark.parametrize("part", [-0.1, 1.1, math.nan])
def test_a_senseless_share_of_retries_is_refused(part):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        split(8, part)


def test_slots_split_one_by_one_keep_the_ratio():
    done = [split(1, 0.25, split_before=before) for before in range(400)]
    assert sum(retries for _, retries in done) == 100
    assert sum(first for first, _ in done) == 300


@given(
    st.integers(0, 500), st.floats(0, 1), st.integers(0, 500), st.integers(0, 500), st.integers(0)
)
def test_no_slot_is_wasted_while_somebody_is_due(count, part, first_due, retries_due, before):
    first, retries = split(
        count, part, split_before=before, first_due=first_due, retries_due=retries_due
    )
    assert 0 <= first <= first_due
    assert 0 <= retries <= retries_due
    assert first + retries == min(count, first_due + retries_due)
