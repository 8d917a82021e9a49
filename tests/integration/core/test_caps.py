"""Caps and gaps over the real tick: across campaigns and accounts, spaced and never dropped."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import gates
from campaigns.gates import spacing
from campaigns.models import Account, Campaign
from campaigns.store import attempts
from tests.factories import (
    fiction_number,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_recipients,
)
from tests.integration.core.conftest import Bench, Ticker

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def capped(*caps: tuple[int, float, str]) -> list[dict[str, Any]]:
    return [{"calls": calls, "hours": hours, "scope": scope} for calls, hours, scope in caps]


def called(bench: Bench, campaign: Campaign, number: str, at: datetime, **columns: Any) -> None:
    """A call to a number that is over, for somebody who is done with."""
    ended_at = at + timedelta(minutes=1)
    values: dict[str, Any] = {"claimed_at": at, "slot_at": at, "ended_at": ended_at}
    someone = bench.run(make_recipient, campaign, numbers=[number], status="exhausted")
    bench.run(make_attempt, someone, columns.pop("status", "ended"), **values | columns)


def state(bench: Bench, recipient_id: int) -> tuple[str, str | None, datetime | None]:
    row = bench.recipient(recipient_id)
    return row.status, row.reason, row.next_attempt_at


@pytest.fixture
def narrow(bench: Bench, account: Account) -> Campaign:
    """A campaign that calls a number at most twice within a day."""
    return bench.run(make_campaign, account, caps=capped((2, 24, "number")))


def test_a_cap_counts_over_all_campaigns_and_opens_when_the_oldest_call_leaves(
    bench: Bench, ticker: Ticker, campaign: Campaign, narrow: Campaign
) -> None:
    number = fiction_number()
    elsewhere = bench.run(lambda s: make_campaign(s, make_account(s)))
    called(bench, campaign, number, ticker.now - 30 * HOUR)  # has left the window
    called(bench, campaign, number, ticker.now - 20 * HOUR)
    called(bench, elsewhere, number, ticker.now - 2 * HOUR)
    waits = bench.run(make_recipient, narrow, numbers=[number])
    assert ticker.tick().given == 0
    opens = ticker.now - 20 * HOUR + DAY
    assert state(bench, waits.id) == ("pending", "cap", opens)
    ticker.now = opens - timedelta(seconds=1)
    assert ticker.tick().given == 0
    assert ticker.tick(after=1.0).given == 1


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ({"status": "ended", "disposition": "unknown", "provisional": True}, True),
        ({"status": "ended", "disposition": "canceled", "spent": False}, False),
        ({"status": "cancelled", "cancel_reason": "not_placed", "spent": False}, False),
    ],
    ids=["in doubt", "recalled before it rang", "not placed"],
)
def test_what_may_have_been_a_call_counts_and_what_was_none_does_not(
    bench: Bench,
    ticker: Ticker,
    account: Account,
    campaign: Campaign,
    columns: dict[str, Any],
    counts: bool,
) -> None:
    once = bench.run(make_campaign, account, caps=capped((1, 24, "number")))
    number = fiction_number()
    called(bench, campaign, number, ticker.now - HOUR, **columns)
    waits = bench.run(make_recipient, once, numbers=[number])
    assert ticker.tick().given == (0 if counts else 1)
    assert state(bench, waits.id)[1] == ("cap" if counts else None)


def test_a_cap_by_subject_counts_calls_on_that_subject_alone(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    """Each campaign may call a number once within a day about its subject."""
    own = {"caps": capped((1, 24, "subject"))}
    loans = bench.run(make_campaign, account, subject="Loans", **own)
    also_loans = bench.run(make_campaign, account, subject="Loans", **own)
    rent = bench.run(make_campaign, account, subject="Rent", **own)
    alone = bench.run(make_campaign, account, **own)
    copy = bench.run(make_campaign, account, copied_from=alone.id, copied_how="clone", **own)
    first, second = fiction_number(), fiction_number()
    called(bench, loans, first, ticker.now - HOUR)
    called(bench, alone, second, ticker.now - HOUR)
    waiting = {
        one.id: bench.run(make_recipient, one, numbers=[number])
        for one, number in (
            (also_loans, first),
            (copy, second),
        )
    }
    free = bench.run(make_recipient, rent, numbers=[first])
    assert ticker.tick().given == 1
    assert bench.recipient(free.id).status == "in_flight"
    assert {state(bench, one.id)[1] for one in waiting.values()} == {"cap"}


def test_a_cap_by_person_counts_all_of_their_numbers(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    one = bench.run(make_campaign, account, caps=capped((1, 24, "person")))
    numbers = [fiction_number(), fiction_number()]
    person = bench.run(make_recipient, one, numbers=numbers, number_index=1, attempts_spent=1)
    at = ticker.now - HOUR
    bench.run(make_attempt, person, "ended", number=numbers[0], claimed_at=at, ended_at=at)
    assert ticker.tick().given == 0
    assert state(bench, person.id) == ("pending", "cap", at + DAY)


def test_two_accounts_that_tick_together_do_not_exceed_a_numbers_cap(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    """Two campaigns on two accounts want the last call that a number's cap leaves.

    The number is held by whoever gets it, and counts by the time it is free again.
    """
    own = {"caps": capped((2, 24, "number"))}
    one, other = (bench.run(lambda s: make_campaign(s, make_account(s), **own)) for _ in range(2))
    number = fiction_number()
    called(bench, campaign, number, ticker.now - HOUR)
    people = [bench.run(make_recipient, each, numbers=[number]) for each in (one, other)]
    assert ticker.tick().given == 1
    reasons = {state(bench, person.id)[1] for person in people}
    assert reasons == {None, "number_busy"}
    for _ in range(3):  # while the first call lasts the second person waits for it
        ticker.tick(after=20.0, claiming=True)
    assert bench.value("SELECT count(*) FROM attempts WHERE number = :n", n=number) == 2
    bench.rows(
        "UPDATE attempts SET status = 'ended', disposition = 'busy', ended_at = :now "
        "WHERE number = :n AND status = 'dialing'",
        n=number,
        now=ticker.now,
    )
    assert ticker.tick(after=20.0).given == 0
    waiting = next(person for person in people if bench.recipient(person.id).status == "pending")
    assert state(bench, waiting.id) == ("pending", "cap", ticker_first(bench, number) + DAY)


def ticker_first(bench: Bench, number: str) -> datetime:
    """When the oldest counted call to a number was made."""
    found: datetime = bench.value(
        "SELECT min(claimed_at) FROM attempts WHERE number = :n AND spent", n=number
    )
    return found


def test_of_two_workers_with_the_last_call_of_a_cap_one_claims_it(
    bench: Bench, ticker: Ticker
) -> None:
    """Nothing can be claimed for a number beside the attempt that the tick let through."""
    own = {"caps": capped((1, 24, "number"))}
    accounts = [bench.run(make_account) for _ in range(2)]
    number = fiction_number()
    for account in accounts:
        bench.run(
            lambda s, a=account: make_recipient(s, make_campaign(s, a, **own), numbers=[number])
        )
    ticker.tick()
    ids = [row.id for row in bench.queued()]
    bench.rows(
        "UPDATE attempts SET slot_at = clock_timestamp() - interval '10 ms', "
        "not_after = clock_timestamp() + interval '1 minute'"
    )
    claimed = []
    with bench.engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        for account in accounts:
            claimed += attempts.claim_attempts(
                autocommit, account.id, ids, "w", live_allowed=False, period=0.1, window=1.0
            )
    assert len(claimed) == 1


def test_a_gap_ends_where_the_rules_say_and_a_time_scale_shortens_it(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    scaled = bench.run(lambda s: make_campaign(s, make_account(s, time_scale=0.1)))
    numbers = [fiction_number(), fiction_number()]
    for number in numbers:
        called(
            bench,
            campaign,
            number,
            ticker.now - HOUR,
            ended_at=ticker.now - timedelta(milliseconds=50),
        )
    waits, waits_less = (
        bench.run(make_recipient, each, numbers=[number])
        for each, number in zip((campaign, scaled), numbers, strict=True)
    )
    ticker.tick()
    assert state(bench, waits.id) == ("pending", "gap", ticker.now + timedelta(seconds=0.95))
    assert state(bench, waits_less.id) == ("pending", "gap", ticker.now + timedelta(seconds=0.05))


def test_whoever_waits_for_a_cap_expires_at_their_deadline(
    bench: Bench, ticker: Ticker, campaign: Campaign, narrow: Campaign
) -> None:
    number = fiction_number()
    for hours in (1, 2):
        called(bench, campaign, number, ticker.now - hours * HOUR)
    late = bench.run(make_recipient, narrow, numbers=[number], deadline_at=ticker.now + HOUR)
    ticker.tick()
    assert state(bench, late.id)[:2] == ("pending", "cap")
    ticker.now = state(bench, late.id)[2] or ticker.now
    ticker.tick()
    assert state(bench, late.id) == ("expired", "deadline passed", None)


def test_a_batch_costs_a_bounded_number_of_statements(
    bench: Bench, ticker: Ticker, account: Account, counting: Any
) -> None:
    """A tick over 100 due people asks as many times as one over 10."""
    bench.set("accounts", account.id, cps=500.0)
    policy = {"max_per_day": 3}
    own = {"caps": capped((5, 24, "number"), (5, 24, "subject")), "retry_policy": policy}
    one = bench.run(make_campaign, account, **own)
    asked = []
    for people in (10, 100):
        bench.run(make_recipients, one, people)
        with counting(bench.engine) as statements:
            assert ticker.tick(after=0.3, claiming=True).given == people
        asked.append(len(statements))
    assert asked[0] == asked[1]
    assert asked[1] < 40


def test_who_cannot_be_judged_is_not_called_and_asked_about_a_minute_later(
    bench: Bench, ticker: Ticker, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error inside a gate means no call; nobody is lost by it, and the others are called."""
    unlucky, other = bench.run(make_recipients, campaign, 2)
    real = spacing.gap

    def broken(facts: gates.Facts, now: datetime) -> gates.Verdict:
        if facts.person.id == unlucky.id:
            raise ZeroDivisionError("a mistake in a gate")
        return real(facts, now)

    changed = tuple((name, broken if name == "gap" else gate) for name, gate in gates.PERSONAL)
    with monkeypatch.context() as patch:
        patch.setattr(gates, "PERSONAL", changed)
        assert ticker.tick().given == 1
    assert bench.recipient(other.id).status == "in_flight"
    again = ticker.now + timedelta(seconds=60)
    assert state(bench, unlucky.id) == ("pending", "not_judged", again)
    assert ticker.tick(after=60.0).given == 1


def test_an_attempt_keeps_what_its_gates_were_told(
    bench: Bench, ticker: Ticker, narrow: Campaign
) -> None:
    person = bench.run(make_recipient, narrow)
    called(bench, narrow, person.numbers[0], ticker.now - HOUR)
    ticker.tick()
    (row,) = bench.rows("SELECT * FROM attempts WHERE status = 'queued'")
    assert row.gate_inputs == {
        "at": ticker.now.isoformat(timespec="milliseconds"),
        "country": "US",
        "subdivisions": row.gate_inputs["subdivisions"],
        "zones": ["America/New_York"],
        "line": "unknown",
        "rules": ["practice"],
        "purpose": "informational",
        "attempts_before": 0,
        "last_call": row.id - 1,
        "gap": 1.0,
        "caps": [["the campaign's own cap", 2, 86400.0, "number", 1]],
    }
    assert len(json.dumps(row.gate_inputs)) < 600
