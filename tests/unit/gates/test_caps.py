"""Caps over rolling windows: never more than n in any window, never dropped, never too long."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import gates
from campaigns.compliance import CapScope
from campaigns.errors import InvalidInput
from campaigns.gates import Call, Calls
from tests.unit.gates.knowing import NOON, ago, but, calls, cap, rules
from tests.unit.gates.test_every_gate import of

HOUR = timedelta(hours=1)


def test_the_smallest_of_the_rules_and_the_campaigns_own_caps_binds() -> None:
    made = Calls(to_number=calls(ago(hours=1), ago(hours=2)))
    wide, narrow = cap(3, hours=24), cap(2, hours=24, rule="the campaign")
    assert of(but(rules=rules(caps=(wide,)), calls=made), "cap").passed
    facts = but(rules=rules(caps=(wide,)), campaign={"caps": (narrow,)}, calls=made)
    assert "the campaign allows 2 calls" in of(facts, "cap").evidence.replace("The", "the")
    # A campaign may narrow what the rules allow, and never widen it.
    facts = but(rules=rules(caps=(narrow,)), campaign={"caps": (wide,)}, calls=made)
    assert not of(facts, "cap").passed


def test_two_full_caps_open_when_the_later_one_does() -> None:
    made = Calls(to_number=calls(ago(hours=1), ago(hours=100)))
    facts = but(rules=rules(caps=(cap(1, hours=24), cap(2, hours=168))), calls=made)
    refused = of(facts, "cap")
    assert refused.until == ago(hours=100) + 168 * HOUR
    assert "within 1 day" in refused.evidence
    assert "within 7 days" in refused.evidence


@pytest.mark.parametrize("gate", ["cap", "daily_limit", "gap"])
def test_a_deadline_that_comes_first_is_said(gate: str) -> None:
    made = Calls(
        to_number=calls(ago(hours=1)),
        to_person=calls(ago(hours=1)),
        last_ended=Call(1, ago(hours=1)),
    )
    one = cap(1, hours=24)
    cases: dict[str, dict[str, Any]] = {
        "cap": {"rules": rules(caps=(one,))},
        "daily_limit": {"campaign": {"max_per_day": 1}},
        "gap": {"rules": rules(min_gap=86400.0)},
    }
    parts = cases[gate]
    soon = of(but(calls=made, person={"deadline_at": NOON + HOUR}, **parts), gate)
    assert "comes before that, so no call is left to be made" in soon.evidence
    assert soon.fate is None  # a call that turns out not to have been made opens the cap again
    later = of(but(calls=made, person={"deadline_at": NOON + 48 * HOUR}, **parts), gate)
    assert "deadline" not in later.evidence


def test_a_simulator_account_shortens_caps_as_it_shortens_gaps() -> None:
    made = Calls(to_number=calls(ago(minutes=1)))
    facts = but(rules=rules(caps=(cap(1, hours=24),)), calls=made, account={"time_scale": 0.001})
    refused = of(facts, "cap")
    assert refused.until == ago(minutes=1) + timedelta(seconds=86.4)
    assert "times 0.001 on this account" in refused.evidence


@given(
    minutes=st.lists(st.integers(0, 3000), max_size=12),
    n=st.integers(1, 4),
    window=st.sampled_from([60, 720, 1440]),
)
def test_a_cap_lets_a_call_through_exactly_when_fewer_than_n_are_in_the_window(
    minutes: list[int], n: int, window: int
) -> None:
    made = calls(*(ago(minutes=m) for m in minutes))
    one = cap(n, hours=window / 60)
    opens = gates.opening_of(one, made, 1.0, NOON)

    def inside(at: object) -> int:
        return sum(call.at > at - timedelta(minutes=window) for call in made)  # type: ignore[operator]

    assert (opens is None) == (inside(NOON) < n)
    if opens is not None:
        assert inside(opens) < n
        assert inside(opens - timedelta(seconds=1)) >= n


def test_a_cap_of_none_at_all_never_opens_by_itself() -> None:
    assert gates.opening_of(cap(0, hours=24), (), 1.0, NOON) == NOON + 24 * HOUR


def test_nobody_counts_calls_that_a_cap_does_not_ask_for() -> None:
    facts = but(
        rules=rules(caps=(cap(9, hours=24), cap(2, hours=1, scope=CapScope.RECIPIENT))),
        calls=Calls(to_number=calls(ago(hours=2)), to_person=calls(ago(hours=2))),
    )
    counted = [gates.counted_in(one, facts, NOON) for one in facts.rules.caps]
    assert counted == [1, 0]


@pytest.mark.parametrize(
    ("text", "calls", "hours", "scope"),
    [
        ("3 in 24h to a number", 3, 24, "number"),
        ("1 in 7d on a subject", 1, 168, "subject"),
        ("2 per 1.5 hours per person", 2, 1.5, "person"),
        ("4/24h", 4, 24, "number"),
    ],
)
def test_a_cap_in_words_is_kept_as_its_parts(
    text: str, calls: int, hours: float, scope: str
) -> None:
    kept = {"calls": calls, "hours": hours, "scope": scope}
    assert gates.caps_as_kept([text]) == gates.caps_as_kept([kept]) == [kept]
    (one,) = gates.read_caps([kept])
    assert (one.n, one.seconds, one.rule) == (calls, hours * 3600, "the campaign's own cap")


@pytest.mark.parametrize(
    "value",
    [
        "often",
        {"calls": 0, "hours": 24},
        {"calls": 1, "hours": 0},
        {"calls": True, "hours": 24},
        {"calls": 1, "hours": 24, "scope": "planet"},
        {"calls": 1, "hours": 24, "days": 3},
        {"calls": 1, "hours": 1e9},
    ],
)
def test_a_cap_that_cannot_be_kept_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        gates.caps_as_kept([value])
