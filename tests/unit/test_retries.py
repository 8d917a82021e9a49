"""What follows from how an attempt ended, as a table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition, RecipientStatus
from campaigns.retries import (
    RETRYABLE,
    RetryAt,
    RetryPolicy,
    Stop,
    cancel_backoff,
    choose_number,
    decide,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HUMAN_ONLY = RetryPolicy(machine_counts_as_reached=False)
REDIAL = RetryPolicy(redial_unknown=True)


def after(seconds: float, *, next_number: bool = False) -> RetryAt:
    return RetryAt(NOW + timedelta(seconds=seconds), next_number)


def decided(disposition: str, policy: RetryPolicy | None = None, **over: Any) -> RetryAt | Stop:
    facts: dict[str, Any] = {
        "attempts_spent": 1,
        "attempts_last_day": 1,
        "now": NOW,
        "numbers_left": 0,
        "fraction": 0.0,
    }
    return decide(policy or RetryPolicy(), Disposition(disposition), **{**facts, **over})


@pytest.mark.parametrize(
    ("disposition", "status", "says"),
    [
        ("answered_human", RecipientStatus.COMPLETED, "person"),
        ("answered", RecipientStatus.COMPLETED, "answered"),
        ("answered_machine", RecipientStatus.COMPLETED, "machine"),
        ("opted_out", RecipientStatus.BLOCKED, "not to be called"),
        ("rejected", RecipientStatus.EXHAUSTED, "declined"),
        ("invalid_number", RecipientStatus.EXHAUSTED, "no valid number left"),
        ("unknown", RecipientStatus.REVIEW, "may have been made"),
    ],
)
def test_endings_that_stop(disposition, status, says):
    outcome = decided(disposition)
    assert isinstance(outcome, Stop)
    assert outcome.status is status
    assert says in outcome.reason


@pytest.mark.parametrize(
    ("disposition", "spent", "seconds"),
    [
        ("busy", 1, 300),
        ("busy", 2, 600),
        ("no_answer", 1, 900),
        ("no_answer", 2, 1800),
        ("failed", 1, 300),
        ("failed", 2, 900),
        ("carrier_congestion", 1, 120),
        ("busy", 0, 300),  # an attempt that was not counted still waits the first wait
    ],
)
def test_endings_that_are_retried(disposition, spent, seconds):
    assert decided(disposition, attempts_spent=spent) == after(seconds)


@pytest.mark.parametrize("disposition", sorted(RETRYABLE))
def test_the_last_attempt_exhausts(disposition):
    policy = RetryPolicy(machine_counts_as_reached=False, redial_unknown=True)
    assert isinstance(decided(disposition, policy, attempts_spent=2), RetryAt)
    for spent in (3, 4):
        outcome = decided(disposition, policy, attempts_spent=spent)
        assert outcome == Stop(RecipientStatus.EXHAUSTED, "all 3 attempts were made")


def test_the_last_wait_repeats():
    policy = RetryPolicy(waits={Disposition.BUSY: (60, 120)}, max_attempts=9)
    waits = [decided("busy", policy, attempts_spent=spent) for spent in range(1, 9)]
    assert waits == [after(60), *[after(120)] * 7]


def test_an_ending_without_waits_is_not_retried():
    policy = RetryPolicy(waits={Disposition.BUSY: ()})
    for disposition in ("busy", "no_answer"):
        outcome = decided(disposition, policy)
        assert outcome == Stop(RecipientStatus.EXHAUSTED, f"{disposition} is not retried")


def test_a_machine_is_tried_again_when_only_people_count():
    assert decided("answered_machine", HUMAN_ONLY, numbers_left=2) == after(3600)


def test_an_unknown_ending_is_redialled_only_on_request():
    assert decided("unknown", REDIAL, numbers_left=2) == after(3600)
    outcome = decided("unknown", attempts_spent=3)
    assert isinstance(outcome, Stop)
    assert outcome.status is RecipientStatus.REVIEW  # not hidden behind "exhausted"


@pytest.mark.parametrize("disposition", ["busy", "no_answer", "failed"])
def test_these_move_on_to_the_next_number(disposition):
    stays, moves = decided(disposition), decided(disposition, numbers_left=1)
    assert isinstance(stays, RetryAt)
    assert isinstance(moves, RetryAt)
    assert (stays.next_number, moves.next_number) == (False, True)


def test_congestion_says_nothing_about_the_number():
    assert decided("carrier_congestion", numbers_left=1) == after(120)


def test_an_invalid_number_gives_its_turn_to_the_next_at_once():
    assert decided("invalid_number", numbers_left=1) == after(0, next_number=True)
    # nobody was rung, so even the last attempt does
    assert decided("invalid_number", numbers_left=1, attempts_spent=3) == after(0, next_number=True)


def test_a_recalled_call_spends_nothing():
    for spent in (0, 3, 99):
        assert decided("canceled", attempts_spent=spent, attempts_last_day=99) == after(0)


def test_a_full_day_waits_a_whole_day():
    policy = RetryPolicy(max_per_day=2, max_attempts=9)
    assert decided("busy", policy, attempts_last_day=1) == after(300)
    for today in (2, 3):
        assert decided("busy", policy, attempts_last_day=today) == after(86400)
    full = decided("invalid_number", policy, attempts_last_day=2, numbers_left=1)
    assert full == after(86400, next_number=True)
    long_wait = RetryPolicy(waits={Disposition.BUSY: (200_000,)}, max_per_day=1)
    assert decided("busy", long_wait) == after(200_000)


def test_jitter_only_lengthens():
    policy = RetryPolicy(jitter=0.2)
    assert decided("busy", policy, fraction=0.0) == after(300)
    assert decided("busy", policy, fraction=0.5) == after(330)
    assert decided("busy", policy, fraction=1.0) == after(360)


def test_the_time_scale_shortens_waits_and_days():
    assert decided("busy", time_scale=0.01) == after(3)
    policy = RetryPolicy(max_per_day=1)
    assert decided("busy", policy, time_scale=0.01) == after(864)


@pytest.mark.parametrize(
    "over",
    [
        {"fraction": -0.1},
        {"fraction": 1.1},
        {"fraction": float("nan")},
        {"time_scale": 0.0},
        {"time_scale": 1.5},
    ],
)
def test_fractions_outside_their_range_are_refused(over):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        decided("busy", **over)


@given(
    st.sampled_from(sorted(Disposition)),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 3),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(1, 20),
)
def test_every_ending_has_an_outcome(
    disposition, spent, today, left, fraction, machine, redial, per_day
):
    policy = RetryPolicy(
        machine_counts_as_reached=machine, redial_unknown=redial, max_per_day=per_day
    )
    outcome = decide(
        policy,
        disposition,
        attempts_spent=spent,
        attempts_last_day=today,
        now=NOW,
        numbers_left=left,
        fraction=fraction,
    )
    if isinstance(outcome, RetryAt):
        assert outcome.at >= NOW
        assert left > 0 or not outcome.next_number
        assert spent < policy.max_attempts or disposition in {"canceled", "invalid_number"}
    else:
        assert outcome.status not in {RecipientStatus.PENDING, RecipientStatus.IN_FLIGHT}
        assert outcome.reason


@pytest.mark.parametrize(
    ("row", "seconds"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (19, 60)],
)
def test_cancels_back_off_to_a_minute(row, seconds):
    assert cancel_backoff("late slot", row, NOW, 0.0) == after(seconds)
    assert cancel_backoff("late slot", row, NOW, 1.0) == after(seconds * 1.1)


@pytest.mark.parametrize("row", [20, 21, 10**9])
def test_after_twenty_cancels_in_a_row_somebody_looks(row):
    outcome = cancel_backoff("late slot", row, NOW, 0.0)
    assert isinstance(outcome, Stop)
    assert outcome.status is RecipientStatus.REVIEW
    assert "late slot" in outcome.reason


def test_a_cancel_checks_its_dice():
    with pytest.raises(InvalidInput, match="fraction"):
        cancel_backoff("late slot", 1, NOW, 2.0)


def test_policies_read_back_to_an_equal_value():
    for policy in (RetryPolicy(), HUMAN_ONLY, RetryPolicy(max_per_day=2, jitter=0)):
        assert RetryPolicy.parse(policy.serialise()) == policy


def test_what_is_left_out_has_its_default():
    assert RetryPolicy.parse({}) == RetryPolicy()
    policy = RetryPolicy.parse({"waits": {"busy": [60]}, "max_attempts": 5})
    assert dict(policy.waits) == {Disposition.BUSY: (60,)}
    assert policy.max_attempts == 5
    assert policy.machine_counts_as_reached is True


def test_a_policy_cannot_be_changed():
    waits = {Disposition.BUSY: (60,)}
    policy = RetryPolicy(waits=waits)
    waits[Disposition.BUSY] = (1,)
    assert policy.waits[Disposition.BUSY] == (60,)
    with pytest.raises(TypeError):
        policy.waits[Disposition.BUSY] = (1,)  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "table with any of"),
        ([], "table with any of"),
        ({"max_attemps": 3}, "max_attempts"),
        ({7: 3}, "table with any of"),
        ({"waits": None}, "table from an ending"),
        ({"waits": [60]}, "table from an ending"),
        ({"waits": {"busy": 60}}, "list of seconds"),
        ({"waits": {"rejected": [60]}}, "list of seconds"),
        ({"waits": {"answered_human": [60]}}, "list of seconds"),
        ({"waits": {3: [60]}}, "list of seconds"),
        ({"waits": {"busy": ["60"]}}, "whole seconds"),
        ({"waits": {"busy": [60.5]}}, "whole seconds"),
        ({"waits": {"busy": [True]}}, "whole seconds"),
        ({"waits": {"busy": [-1]}}, "whole seconds"),
        ({"waits": {"busy": [10**9]}}, "whole seconds"),
        ({"waits": {"busy": [1] * 21}}, "more than 20"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": 21}, "max_attempts"),
        ({"max_attempts": "3"}, "max_attempts"),
        ({"max_attempts": True}, "max_attempts"),
        ({"max_attempts": None}, "max_attempts"),
        ({"max_per_day": 0}, "max_per_day"),
        ({"max_per_day": 1.5}, "max_per_day"),
        ({"jitter": -0.1}, "jitter"),
        ({"jitter": 1.1}, "jitter"),
        ({"jitter": "0.1"}, "jitter"),
        ({"jitter": True}, "jitter"),
        ({"jitter": float("nan")}, "jitter"),
        ({"machine_counts_as_reached": 1}, "machine_counts_as_reached"),
        ({"redial_unknown": "yes"}, "redial_unknown"),
        ({"message_then_person": "yes"}, "message_then_person"),
        ({"other_hour": None}, "other_hour"),
        ({"limits": [2]}, "limits is a table"),
        ({"limits": {"answered": 2}}, "limits is a table"),
        ({"limits": {"busy": 0}}, "limit of busy"),
        ({"limits": {"busy": True}}, "limit of busy"),
        ({"per_number": 3}, "per_number is a list"),
        ({"per_number": [0]}, "per_number must be"),
        ({"per_number": [1] * 11}, "more than 10"),
    ],
)
def test_what_cannot_be_a_policy_is_explained(value, says):
    with pytest.raises(InvalidInput, match=says):
        RetryPolicy.parse(value)


def test_an_ending_has_its_own_limit_within_the_attempts():
    policy = RetryPolicy(limits={Disposition.BUSY: 2, Disposition.NO_ANSWER: 3}, max_attempts=9)
    assert decided("busy", policy, attempts_spent=4, ended_alike=1) == after(1200)
    outcome = decided("busy", policy, attempts_spent=4, ended_alike=2)
    assert outcome == Stop(RecipientStatus.EXHAUSTED, "busy 2 times, as often as is allowed")
    assert isinstance(decided("no_answer", policy, attempts_spent=4, ended_alike=2), RetryAt)
    # the limit on all attempts holds as well
    assert isinstance(decided("busy", policy, attempts_spent=9, ended_alike=1), Stop)


def test_a_message_is_left_and_then_a_person_is_called_for():
    policy = RetryPolicy(message_then_person=True)  # goes before "a machine counts as reached"
    assert decided("answered_machine", policy, message_left=True) == after(3600)
    for last in ("answered_machine", "busy"):
        outcome = decided(last, policy, attempts_spent=3, message_left=True)
        assert isinstance(outcome, Stop)
        assert outcome.status is RecipientStatus.COMPLETED
        assert "message was left" in outcome.reason
    nobody = decided("busy", policy, attempts_spent=3)
    assert isinstance(nobody, Stop)
    assert nobody.status is RecipientStatus.EXHAUSTED


NUMBERS = ["A", "B", "C"]


@pytest.mark.parametrize(
    ("per_number", "calls", "index", "move_on", "place"),
    [
        ((), {"A": 1}, 0, True, 1),
        ((), {"A": 1}, 2, True, 0),
        ((), {"A": 2}, 0, False, 0),
        ((1,), {"A": 1}, 0, True, 1),
        ((1,), {"A": 1}, 0, False, 1),  # used up: the turn passes on
        ((1,), {"A": 1, "B": 1}, 1, True, 2),
        ((1,), {"A": 1, "B": 1, "C": 1}, 2, True, None),
        ((3, 1), {"A": 1, "B": 1, "C": 1}, 2, True, 0),  # in order, the first one more often
        ((3, 1), {"A": 2, "B": 1, "C": 1}, 0, True, 0),  # the others are used up
        ((3, 1), {"A": 3, "B": 1, "C": 1}, 0, True, None),
    ],
)
def test_numbers_are_called_in_order_each_as_often_as_it_may_be(
    per_number, calls, index, move_on, place
):
    policy = RetryPolicy(per_number=per_number)
    assert choose_number(policy, NUMBERS, index, calls, move_on=move_on) == place


def test_all_that_a_policy_says_is_read_back():
    policy = RetryPolicy(
        limits={Disposition.BUSY: 2},
        per_number=(3, 1),
        message_then_person=True,
        other_hour=False,
    )
    assert RetryPolicy.parse(policy.serialise()) == policy
    assert RetryPolicy.parse({"machine_counts_as_reached": False}) == HUMAN_ONLY  # as it was


def test_final_endings_cannot_be_given_waits():
    with pytest.raises(InvalidInput, match="final"):
        RetryPolicy(waits={Disposition.OPTED_OUT: (60,)})
