"""Slots divided between campaigns of which some are in a hurry: nobody keeps anybody waiting."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from campaigns.pacing import DEADLINE_SHARE, Share, share, share_with_deadlines


def divide(wishes, slots, allowance=1):
    """Give `slots` out in ticks of `allowance` to campaigns whose wishes never end; their order."""
    vtimes = {one.id: one.vtime for one in wishes}
    order: list[object] = []
    while len(order) < slots:
        now = [Share(one.id, one.weight, vtimes[one.id], 10**6, one.deadline) for one in wishes]
        division = share_with_deadlines(allowance, now, len(order))
        for one in wishes:
            charged = division.given[one.id] - division.hurried[one.id]
            vtimes[one.id] += charged / one.weight
            order += [one.id] * division.given[one.id]
    return order


def test_a_near_deadline_gets_every_other_slot_and_its_share_of_the_rest():
    wishes = [Share("late", 1, 0.0, 1, 60.0), Share("a", 1, 0.0, 1), Share("b", 2, 0.0, 1)]
    order = divide(wishes, 800)
    assert {name: order.count(name) for name in ("late", "a", "b")} == {
        "late": 500,
        "a": 100,
        "b": 200,
    }


def test_the_nearest_deadline_comes_first():
    wishes = [Share("far", 1, 0.0, 1, 900.0), Share("near", 1, 0.0, 1, 60.0)]
    assert share_with_deadlines(2, [Share(w.id, 1, 0.0, 9, w.deadline) for w in wishes], 0) == (
        share_with_deadlines(2, [Share(w.id, 1, 0.0, 9, w.deadline) for w in wishes], 2)
    )
    division = share_with_deadlines(6, [Share(w.id, 1, 0.0, 2, w.deadline) for w in wishes], 0)
    assert division.hurried == {"far": 1, "near": 2}


def test_without_deadlines_it_is_the_share_by_weight():
    wishes = [Share("a", 1, 3.0, 20), Share("b", 3, 0.0, 20)]
    division = share_with_deadlines(12, wishes, 7)
    assert (division.given, division.hurried) == (share(12, wishes)[0], {"a": 0, "b": 0})


def test_when_the_hurry_is_over_nobody_has_arrears_to_make_up_for():
    wishes = [Share("late", 1, 0.0, 9, 60.0), Share("a", 1, 0.0, 9)]
    vtimes = {"late": 0.0, "a": 0.0}
    for turn in range(400):
        now = [Share(w.id, 1, vtimes[w.id], 9, w.deadline) for w in wishes]
        division = share_with_deadlines(1, now, turn)
        for name in vtimes:
            vtimes[name] += division.given[name] - division.hurried[name]
    assert abs(vtimes["late"] - vtimes["a"]) <= 1


campaigns = st.lists(
    st.builds(
        Share,
        id=st.integers(0, 10**6),
        weight=st.floats(0.2, 20),
        vtime=st.floats(0, 1000),
        wanted=st.integers(-1, 50),
        deadline=st.none() | st.floats(0, 3600),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)


@given(st.integers(-3, 200), campaigns, st.integers(0, 10**9))
def test_no_slot_is_unused_while_somebody_may_be_called(allowance, wishes, turn):
    division = share_with_deadlines(allowance, wishes, turn)
    wanted = sum(max(one.wanted, 0) for one in wishes)
    assert sum(division.given.values()) == max(min(allowance, wanted), 0)
    for one in wishes:
        assert 0 <= division.hurried[one.id] <= division.given[one.id] <= max(one.wanted, 0)
        assert one.deadline is not None or division.hurried[one.id] == 0


some = st.lists(
    st.tuples(st.floats(0.5, 5), st.none() | st.floats(0, 3600)), min_size=2, max_size=5
)


@given(some, st.integers(1, 9))
def test_nobody_waits_longer_than_a_bound(asked, allowance):
    """However the deadlines lie: each has a slot within the time its weight entitles it to in the
    half that is shared by weight."""
    wishes = [Share(n, weight, 0.0, 1, deadline) for n, (weight, deadline) in enumerate(asked)]
    total = sum(one.weight for one in wishes)
    bounds = {
        one.id: (total / one.weight + len(wishes)) / (1 - DEADLINE_SHARE) + allowance
        for one in wishes
    }
    order = divide(wishes, int(3 * max(bounds.values())) + allowance, allowance)
    for one in wishes:
        places = [-1, *(n for n, name in enumerate(order) if name == one.id), len(order)]
        waits = [b - a for a, b in pairwise(places)]
        assert max(waits) <= bounds[one.id]


@given(some, st.integers(1, 9))
def test_shares_converge_to_the_weights(asked, allowance):
    wishes = [Share(n, weight, 0.0, 1) for n, (weight, _) in enumerate(asked)]
    order = divide(wishes, 600, allowance)
    total = sum(one.weight for one in wishes)
    for one in wishes:
        assert abs(order.count(one.id) - len(order) * one.weight / total) <= len(wishes) + 1
