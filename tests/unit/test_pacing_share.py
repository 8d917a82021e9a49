"""The division of an allowance between running campaigns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.pacing import Share, share


def test_equal_campaigns_take_turns():
    given_slots, vtimes = share(4, [Share("a", 1, 0.0, 9), Share("b", 1, 0.0, 9)])
    assert given_slots == {"a": 2, "b": 2}
    assert vtimes == {"a": 2.0, "b": 2.0}


def test_the_smallest_virtual_time_goes_first_and_ties_go_by_order():
    assert share(1, [Share(1, 1, 5.0, 9), Share(2, 1, 4.0, 9)])[0] == {1: 0, 2: 1}
    assert share(1, [Share(7, 1, 0.0, 9), Share(3, 1, 0.0, 9)])[0] == {7: 1, 3: 0}


def test_weights_divide_in_proportion():
    campaigns = [Share("a", 1, 0.0, 1000), Share("b", 3, 0.0, 1000)]
    given_slots, _ = share(400, campaigns)
    assert given_slots == {"a": 100, "b": 300}


def test_what_one_does_not_want_goes_to_the_others():
    campaigns = [Share("a", 1, 0.0, 2), Share("b", 1, 0.0, 100), Share("c", 5, 0.0, 0)]
    assert share(10, campaigns)[0] == {"a": 2, "b": 8, "c": 0}
    assert share(1000, campaigns)[0] == {"a": 2, "b": 100, "c": 0}


@pytest.mark.parametrize("allowance", [0, -5])
def test_without_an_allowance_nobody_gets_anything(allowance):
    campaigns = [Share("a", 1, 3.0, 2), Share("b", 1, 1.0, 2)]
    assert share(allowance, campaigns) == ({"a": 0, "b": 0}, {"a": 3.0, "b": 1.0})


def test_no_campaigns_no_shares():
    assert share(10, []) == ({}, {})


def test_a_negative_wish_is_no_wish():
    assert share(3, [Share("a", 1, 0.0, -5), Share("b", 1, 0.0, 2)])[0] == {"a": 0, "b": 2}


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_senseless_weight_is_refused(weight):
    with pytest.raises(InvalidInput, match="weight"):
        share(1, [Share("a", weight, 0.0, 1)])


def test_an_idle_campaign_saves_nothing_up():
    busy, idle = 0.0, 0.0
    for _ in range(50):  # only one of the two has anything due
        _, vtimes = share(10, [Share("busy", 1, busy, 99), Share("idle", 1, idle, 0)])
        busy, idle = vtimes["busy"], vtimes["idle"]
    given_slots, _ = share(10, [Share("busy", 1, busy, 99), Share("idle", 1, idle, 99)])
    assert given_slots == {"busy": 5, "idle": 5}


def test_campaigns_that_all_got_what_they_wanted_start_level():
    _, vtimes = share(100, [Share("large", 1, 0.0, 60), Share("small", 1, 0.0, 1)])
    assert vtimes["small"] == vtimes["large"]


def test_small_campaigns_finish_in_their_fair_time_beside_a_huge_one():
    """One campaign of 100,000 and five of 100: each gets a sixth while it has recipients."""
    left = {"huge": 100_000, **{f"small {n}": 100 for n in range(5)}}
    vtimes = dict.fromkeys(left, 0.0)
    ticks = 0
    while any(left[name] for name in left if name != "huge"):
        wishes = [Share(name, 1, vtimes[name], left[name]) for name in left if left[name]]
        given_slots, moved = share(12, wishes)
        vtimes.update(moved)
        for name, count in given_slots.items():
            left[name] -= count
        ticks += 1
    assert ticks <= 2 * 600 / 12


campaigns = st.lists(
    st.builds(
        Share,
        id=st.integers(0, 10**6),
        weight=st.floats(0.1, 100),
        vtime=st.floats(0, 1000),
        wanted=st.integers(0, 50),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)


@given(st.integers(0, 200), campaigns)
def test_the_allowance_is_used_up_and_never_exceeded(allowance, wishes):
    given_slots, vtimes = share(allowance, wishes)
    assert sum(given_slots.values()) == min(allowance, sum(one.wanted for one in wishes))
    for one in wishes:
        assert 0 <= given_slots[one.id] <= one.wanted
        assert vtimes[one.id] >= one.vtime


@given(st.integers(1, 300), st.lists(st.floats(0.1, 10), min_size=2, max_size=5))
def test_nobody_is_ahead_by_more_than_one_turn(allowance, weights):
    wishes = [Share(place, weight, 0.0, 1000) for place, weight in enumerate(weights)]
    given_slots, _ = share(allowance, wishes)
    served = [given_slots[place] / weight for place, weight in enumerate(weights)]
    assert max(served) - min(served) <= 1 / min(weights) + 1e-6
