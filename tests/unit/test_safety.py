"""When calls go so badly that something is stopped, and what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compliance import AbandonLimit
from campaigns.errors import InvalidInput
from campaigns.safety import Measure, SafetyPolicy, Scope, Tally, exceeds, is_congested, judge

POLICY = SafetyPolicy()
FINE = Tally(calls=50, failed=2, answered=30, short=3)


def stops(account=FINE, callers=None, campaigns=None, policy=POLICY):
    found = judge(policy, 1, account, callers or {}, campaigns or {})
    return [(stop.scope.value, stop.id, stop.measure.value) for stop in found]


@pytest.mark.parametrize(
    ("tally", "stopped"),
    [
        (Tally(), False),
        (Tally(calls=19, failed=19), False),  # few calls say nothing
        (Tally(calls=20, failed=9), False),
        (Tally(calls=20, failed=10), True),
        (Tally(calls=50, failed=0, answered=9, short=9), False),
        (Tally(calls=50, failed=0, answered=10, short=6), True),
        (Tally(calls=50, failed=0, answered=50, short=29), False),
        (Tally(calls=50, invalid=50), False),  # a bad list is not the account's fault
    ],
)
def test_an_account_is_stopped_by_its_failed_or_short_calls(tally, stopped):
    assert bool(stops(tally)) is stopped


def test_a_caller_id_that_is_out_of_line_is_stopped_alone():
    bad, good = Tally(calls=20, failed=15), Tally(calls=40, failed=2)
    assert stops(Tally(calls=50, failed=40), {7: bad, 8: good}) == [("caller_id", 7, "failed")]


def test_several_caller_ids_may_be_out_of_line():
    bad, good = Tally(calls=20, failed=15), Tally(calls=40, failed=2)
    found = stops(Tally(calls=50, failed=30), {7: bad, 8: good, 9: bad})
    assert found == [("caller_id", 7, "failed"), ("caller_id", 9, "failed")]


@pytest.mark.parametrize(
    "callers",
    [
        {7: Tally(calls=30, failed=20)},  # the only one there is
        {7: Tally(calls=30, failed=20), 8: Tally(calls=30, failed=20)},  # all alike
        {7: Tally(calls=30, failed=20), 8: Tally(calls=9, failed=0)},  # nothing to compare with
        {7: Tally(calls=30, failed=20), 8: Tally(calls=30, failed=10)},  # not much better
    ],
)
def test_when_no_caller_id_stands_out_it_is_the_account(callers):
    assert stops(Tally(calls=50, failed=30), callers) == [("account", 1, "failed")]


def test_a_caller_id_that_fails_for_two_reasons_is_stopped_once():
    bad = Tally(calls=20, failed=15, answered=20, short=20)
    good = Tally(calls=40, failed=0, answered=40, short=0)
    assert stops(FINE, {7: bad, 8: good}) == [("caller_id", 7, "failed")]


def test_a_campaign_is_stopped_by_numbers_that_do_not_exist_and_nothing_else_is():
    list_ = Tally(calls=8, invalid=12)
    assert stops(FINE, {}, {5: list_, 6: FINE}) == [("campaign", 5, "invalid")]
    assert stops(FINE, {}, {5: Tally(calls=50, failed=50)}) == []


def test_a_policy_that_is_off_stops_nothing():
    off = SafetyPolicy.parse({"on": False})
    assert stops(Tally(calls=50, failed=50), {}, {5: Tally(invalid=50)}, policy=off) == []
    assert not is_congested(off, 50, 50)


def test_thresholds_are_the_accounts_own():
    strict = SafetyPolicy.parse({"failed": 0.1, "least": 5})
    assert stops(Tally(calls=5, failed=1), policy=strict) == [("account", 1, "failed")]


tallies = st.builds(
    lambda calls, failed, answered, short, invalid: Tally(
        calls, min(failed, calls), min(answered, calls), min(short, answered, calls), invalid
    ),
    *[st.integers(0, 60)] * 5,
)


@given(tallies, st.dictionaries(st.integers(2, 9), tallies, max_size=4))
def test_what_is_stopped_has_enough_bad_calls_and_nothing_is_stopped_twice(account, callers):
    found = judge(POLICY, 1, account, callers, callers)
    assert len({(stop.scope, stop.id) for stop in found}) == len(found)
    for stop in found:
        bad, of = stop.tally.bad(stop.measure)
        assert of >= POLICY.least / 2
        assert bad / of >= getattr(POLICY, stop.measure)
        if stop.scope is Scope.CALLER_ID:
            wrong, others = stop.others.bad(stop.measure)
            assert wrong / others < bad / of
        assert (stop.scope is Scope.CAMPAIGN) == (stop.measure is Measure.INVALID)


@pytest.mark.parametrize(
    ("congested", "calls", "slower"),
    [(2, 10, False), (3, 10, True), (3, 9, False), (3, 30, False), (5, 30, True), (0, 50, False)],
)
def test_congestion_slows_down_when_it_is_no_single_call(congested, calls, slower):
    assert is_congested(POLICY, congested, calls) is slower


def test_a_policy_reads_back_what_it_stores():
    policy = SafetyPolicy.parse({"failed": 0.3, "on": False, "window": 100})
    assert SafetyPolicy.parse(policy.serialise()) == policy
    assert SafetyPolicy.parse(None) == POLICY


@pytest.mark.parametrize(
    "value",
    [
        {"failure": 0.5},
        {"failed": 0},
        {"failed": 1.5},
        {"failed": "0.5"},
        {"failed": True},
        {"short": float("nan")},
        {"on": 1},
        {"window": 1000},
        {"window": 20.5},
        {"least": 4},
        {"least": 60},  # above the window
        {"short_seconds": 61},
    ],
)
def test_a_senseless_policy_is_refused(value):
    with pytest.raises(InvalidInput):
        SafetyPolicy.parse(value)


@pytest.mark.parametrize(
    ("abandoned", "answered", "since_resumed", "over"),
    [
        (1, 3, 1, False),  # one call of three says nothing
        (2, 50, 2, False),
        (3, 49, 3, False),
        (3, 100, 3, False),  # three per cent is what is allowed
        (4, 100, 4, True),
        (4, 100, 2, False),  # somebody let it run again, and few were abandoned since
        (3001, 100_000, 3, True),
    ],
)
def test_abandoned_calls_exceed_a_limit_when_they_are_no_chance(
    abandoned: int, answered: int, since_resumed: int, over: bool
) -> None:
    limit = AbandonLimit(3.0, 30, "us.tsr.calling")
    assert exceeds(limit, abandoned, answered, since_resumed) is over
