"""People who share a telephone number: never at once, and with `merge` one call for all."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.calls import AnsweredBy
from campaigns.lifecycle import Disposition
from campaigns.models import Account, Campaign, Recipient
from campaigns.stopping import opt_out_number
from tests.factories import fiction_number, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker, said, tell

POLICY = {"waits": {"no_answer": [1], "busy": [1]}, "jitter": 0.0, "other_hour": False}


@pytest.fixture
def merging(bench: Bench, account: Account) -> Campaign:
    """A campaign in which one call is for everybody who shares the number."""
    return bench.run(make_campaign, account, household="merge", retry_policy=POLICY)


def person(bench: Bench, campaign: Campaign, *numbers: str, **more: Any) -> Recipient:
    return bench.run(make_recipient, campaign, numbers=list(numbers), **more)


def finish(bench: Bench, ticker: Ticker, disposition: str) -> int:
    """The one attempt that is queued is dialled and ends; returns its recipient."""
    (row,) = [row for row in bench.queued() if row.status == "queued"]
    bench.set("attempts", row.id, status="dialing", claimed_at=ticker.now, claimed_by="w")
    by = {"answered_by": AnsweredBy.MACHINE} if disposition == "answered_machine" else {}
    facts = {"disposition": Disposition(disposition), "end_reason": "because", **by}
    tell(bench, row.id, said("ended", f"call-{row.id}", **facts))
    return int(row.recipient_id)


def later(bench: Bench, ticker: Ticker, seconds: float = 30.0) -> Any:
    """A tick after everybody's wait, the last second's slots forgotten."""
    bench.rows(
        "UPDATE recipients SET next_attempt_at = :at WHERE status = 'pending'", at=ticker.now
    )
    return ticker.tick(seconds)


def test_two_who_share_a_number_never_ring_at_once(
    bench: Bench, campaign: Campaign, ticker: Ticker
) -> None:
    number = fiction_number()
    first, second = (person(bench, campaign, number) for _ in range(2))
    assert ticker.tick().given == 1
    assert bench.recipient(first.id).status == "in_flight"
    waiting = bench.recipient(second.id)
    assert (waiting.status, waiting.reason) == ("pending", "number_busy")
    assert finish(bench, ticker, "answered_human") == first.id
    assert later(bench, ticker).given == 1  # by default each of them is called
    assert finish(bench, ticker, "answered_human") == second.id


def test_a_merged_household_is_reached_together(
    bench: Bench, merging: Campaign, ticker: Ticker
) -> None:
    shared = fiction_number()
    one, other = (person(bench, merging, shared) for _ in range(2))
    ticker.tick()
    assert finish(bench, ticker, "answered_human") == one.id
    assert later(bench, ticker).given == 0
    row = bench.recipient(other.id)
    assert (row.status, row.reason) == ("completed", f"reached together with recipient {one.id}")
    assert bench.value("SELECT count(*) FROM attempt_numbers WHERE live") == 0


def test_the_same_rule_holds_for_a_second_number(
    bench: Bench, merging: Campaign, ticker: Ticker
) -> None:
    shared, own = fiction_number(), fiction_number()
    person(bench, merging, shared)
    ticker.tick()
    finish(bench, ticker, "answered_human")
    other = person(bench, merging, own, shared)
    later(bench, ticker)
    assert finish(bench, ticker, "no_answer") == other.id
    assert bench.recipient(other.id).number_index == 1  # the shared one has its turn
    assert later(bench, ticker).given == 0
    row = bench.recipient(other.id)
    assert (row.reason, row.number_index) == ("household", 0)  # and passes it on


def test_who_has_another_number_is_called_there(
    bench: Bench, merging: Campaign, ticker: Ticker
) -> None:
    shared, own = fiction_number(), fiction_number()
    person(bench, merging, shared)
    other = person(bench, merging, shared, own)
    ticker.tick()
    finish(bench, ticker, "answered_human")
    assert later(bench, ticker).given == 0
    assert bench.recipient(other.id).reason == "household"
    assert ticker.tick(1.0).given == 1
    assert bench.queued()[-1].number == own
    assert finish(bench, ticker, "no_answer") == other.id
    later(bench, ticker)  # back at the shared one: nobody needs to be called there
    ticker.tick(1.0)
    assert bench.queued()[-1].number == own


@pytest.mark.parametrize("how", ["no_answer", "busy", "failed"])
def test_a_call_that_reached_nobody_merges_nobody(
    bench: Bench, account: Account, ticker: Ticker, how: str
) -> None:
    policy = {**POLICY, "max_attempts": 1}
    merging = bench.run(make_campaign, account, household="merge", retry_policy=policy)
    number = fiction_number()
    person(bench, merging, number)
    other = person(bench, merging, number)
    ticker.tick()
    finish(bench, ticker, how)
    assert later(bench, ticker).given == 1
    assert bench.recipient(other.id).status == "in_flight"


def test_a_machine_merges_only_where_it_counts_as_reached(
    bench: Bench, account: Account, ticker: Ticker
) -> None:
    policy = {**POLICY, "machine_counts_as_reached": False}
    strict = bench.run(make_campaign, account, household="merge", retry_policy=policy)
    number = fiction_number()
    person(bench, strict, number)
    other = person(bench, strict, number)
    ticker.tick()
    finish(bench, ticker, "answered_machine")
    bench.rows("UPDATE recipients SET status = 'exhausted', next_attempt_at = NULL"
               " WHERE attempts_spent > 0")  # fmt: skip
    assert later(bench, ticker).given == 1
    assert bench.recipient(other.id).status == "in_flight"


def test_another_campaign_and_another_appointment_merge_nobody(
    bench: Bench, account: Account, merging: Campaign, ticker: Ticker
) -> None:
    number, at = fiction_number(), bench.now() + timedelta(days=2)
    person(bench, merging, number, appointment_at=at)
    ticker.tick()
    finish(bench, ticker, "answered_human")
    later_visit = person(bench, merging, number, appointment_at=at + timedelta(days=1))
    assert later(bench, ticker).given == 1
    assert finish(bench, ticker, "answered_human") == later_visit.id
    elsewhere = bench.run(make_campaign, account, household="merge", retry_policy=POLICY)
    stranger = person(bench, elsewhere, number, appointment_at=at)
    assert later(bench, ticker).given == 1
    assert finish(bench, ticker, "answered_human") == stranger.id


def test_an_opt_out_blocks_the_whole_household_and_merges_nobody(
    bench: Bench, merging: Campaign, ticker: Ticker
) -> None:
    shared = fiction_number()
    person(bench, merging, shared)
    other = person(bench, merging, fiction_number(), shared)
    ticker.tick()
    ids = [row.id for row in bench.queued()]
    bench.run(lambda s: opt_out_number(s, shared, "keypress", bench.now()))
    assert {bench.attempt(one).cancel_reason for one in ids} == {"opted_out"}
    assert bench.recipient(other.id).status == "blocked"
