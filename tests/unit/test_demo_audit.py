"""The audit finds each broken promise: a checker that cannot fail proves nothing."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import phone
from campaigns.demo import people
from campaigns.demo.audit import Audit, Expectations, audit
from campaigns.errors import InvalidInput
from campaigns.proving.carrier import Dial, most_in_any_second
from campaigns.store.evidence import BookedAttempt
from campaigns.vault import Vault

VAULT = Vault("a secret that is long enough for anything")
NOON = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # 12 o'clock in New York
ZONE = "America/New_York"


def dial(attempt_id: int, **over) -> Dial:
    at = NOON + timedelta(seconds=attempt_id)
    values: dict[str, Any] = {
        "token": VAULT.attempt_token(attempt_id),
        "call_id": f"call-{attempt_id}",
        "number": f"+1202555{100 + attempt_id:04d}",
        "arrived_at": at,
        "arrived": float(attempt_id),
        "accepted": True,
        "ringing_at": at,
        "answered_at": at,
        "ended_at": at + timedelta(seconds=5),
        "end_reason": "hangup",
        "silent": False,
        "keys": (),
    }
    return Dial(**(values | over))


def booked(attempt_id: int, **over) -> BookedAttempt:
    values: dict[str, Any] = {
        "id": attempt_id,
        "number": f"+1202555{100 + attempt_id:04d}",
        "status": "ended",
        "disposition": "answered_human",
        "cancel_reason": None,
        "provider_call_id": f"call-{attempt_id}",
        "ever_in_doubt": False,
    }
    return BookedAttempt(**(values | over))


def judge(dials: list[Dial], attempts: list[BookedAttempt], **over) -> Audit:
    expected = Expectations(
        cps=10,
        recipients=10,
        rejected=0,
        opted_out=1,
        opted_out_due=1,
        closed_due=1,
        opt_outs={"+12025550150": NOON},
        guarded_zones=True,
        seconds=10,
    )
    zones = {f"+1202555{100 + n:04d}": ZONE for n in range(100)}
    return audit(
        attempts,
        over.pop("statuses", {"completed": 8, "blocked": 1, "pending": 1}),
        {"confirm": 3},
        over.pop("opted_out", {"+12025550150"}),
        zones,
        dials,
        replace(expected, **over),
        VAULT,
    )


DIALS = [dial(n) for n in range(1, 9)]
BOOKS = [booked(n) for n in range(1, 9)]


def test_a_clean_run_passes():
    result = judge(DIALS, BOOKS)
    assert result.problems == []
    assert result.passed
    assert (result.carrier_dials, result.attempts, result.lost, result.waiting) == (8, 8, 0, 1)


def test_nothing_dialled_is_no_success():
    assert "nothing was dialled" in judge([], []).problems


BROKEN = {
    "duplicate_dials": ([*DIALS, dial(3)], BOOKS, {}),
    "dials_to_opted_out": ([*DIALS[:-1], dial(8, number="+12025550150")], BOOKS, {}),
    "silent_calls": ([*DIALS[:-1], dial(8, silent=True)], BOOKS, {}),
    "optout_keypress_lost": ([*DIALS[:-1], dial(8, keys=("9",))], BOOKS, {}),
    "books_differ": ([*DIALS[:-1], dial(8, answered_at=None, end_reason="busy")], BOOKS, {}),
    "in_doubt_now": (DIALS, [*BOOKS[:-1], booked(8, status="dialing", disposition=None)], {}),
    "lost": (DIALS, BOOKS, {"statuses": {"completed": 7, "blocked": 1, "pending": 1}}),
    "dials_outside_hours": (
        [*DIALS[:-1], dial(8, arrived_at=NOON.replace(hour=3))],
        BOOKS,
        {},
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_each_broken_promise_is_found(name):
    dials, books, over = BROKEN[name]
    result = judge(dials, books, **over)
    assert getattr(result, name) > 0
    assert any(problem.startswith(f"{name} is") for problem in result.problems)
    assert not result.passed


def test_two_calls_to_one_number_at_once_are_a_duplicate():
    overlapping = dial(8, number=DIALS[6].number, arrived_at=NOON + timedelta(seconds=8))
    assert judge([*DIALS[:-1], overlapping], BOOKS).duplicate_dials == 1


def test_a_call_the_books_do_not_know_is_found():
    assert judge(DIALS, BOOKS[:-1]).books_differ == 1


def test_the_sum_must_come_out():
    extra = booked(9, status="ended", disposition="busy")
    assert any("sum" in problem for problem in judge(DIALS, [*BOOKS, extra]).problems)


def test_a_refusal_in_doubt_is_counted_once():
    refused = dial(9, accepted=False, answered_at=None)
    given_up = booked(9, status="cancelled", disposition=None, cancel_reason="not_placed")
    result = judge([*DIALS, refused], [*BOOKS, given_up])
    assert (result.carrier_refused, result.not_placed, result.problems) == (1, 0, [])


def test_too_many_in_a_second_are_found():
    crowd = [dial(n, arrived=n / 100) for n in range(1, 14)]
    result = judge(crowd, [booked(n) for n in range(1, 14)])
    assert result.max_dials_in_any_second == 13
    assert "13 dials in one second" in result.problems


def test_a_run_that_showed_nothing_says_so():
    assert judge(DIALS, BOOKS, opted_out_due=0).problems
    assert judge(DIALS, BOOKS, closed_due=0, statuses={"completed": 10}).problems


@given(st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=60))
def test_the_sliding_second_counts_like_a_plain_count(times):
    plain = max(sum(t - 1.0 < other <= t for other in times) for t in times)
    assert most_in_any_second([dial(1, arrived=t) for t in times]) == plain


@pytest.mark.parametrize("hour", range(24))
def test_at_any_hour_somebody_is_open_and_somebody_is_closed(hour):
    now = NOON.replace(hour=hour)
    inside, outside = people.zones_by_hour(now)
    assert inside
    assert outside
    for zone in inside:
        assert people.OPENS <= now.astimezone(ZoneInfo(zone)).hour < people.CLOSES
    for zone in outside:
        assert not people.OPENS <= now.astimezone(ZoneInfo(zone)).hour < people.CLOSES


def test_generated_people_are_fictional_and_unique():
    made = people.generate(500, NOON, random.Random(1))
    lines = made.csv_text.splitlines()[1:]
    numbers = [line.split(",")[1] for line in lines]
    good = [number for number in numbers if number.startswith("+1") and " " not in number]
    assert len(set(good)) == len(good) == 500
    assert all(phone.is_fictional(number) for number in good)
    assert made.closed > 0
    assert made.damaged > 0
    with pytest.raises(InvalidInput, match="fictional numbers"):
        people.generate(10**6, NOON, random.Random(1))
