"""Pause, stop, opt-out and recall: what is taken back, and what is left alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns import campaigning, recalling
from campaigns.calls import HangUp
from campaigns.db import database_now, transaction
from campaigns.errors import IllegalTransition, NotAllowed
from campaigns.models import Account, Attempt, Campaign
from campaigns.operating import pause_account_named
from campaigns.recalling import recall
from campaigns.stopping import (
    opt_out_number,
    opt_out_numbers,
    switch_dialling_off,
    switch_dialling_on,
)
from campaigns.sweeping import recalls_due
from tests.factories import (
    fiction_number,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)
from tests.integration.core.conftest import Bench, Ticker, said, tell
from tests.integration.core.fakes import FakeProvider

LIVE = ("queued", "dialing", "ringing", "in_progress")


def one_of_each(bench: Bench, campaign: Campaign) -> dict[str, Attempt]:
    return {
        status: bench.run(
            lambda s, status=status: make_attempt(
                s,
                make_recipient(s, campaign),
                status,
                provider_call_id=None if status == "queued" else f"call {status}",
            )
        )
        for status in LIVE
    }


def statuses(bench: Bench, attempts: dict[str, Attempt]) -> dict[str, tuple[str, bool]]:
    """Each attempt's status now, and whether its call is wanted back."""
    rows = {name: bench.attempt(attempt.id) for name, attempt in attempts.items()}
    return {name: (r.status, r.recall_requested_at is not None) for name, r in rows.items()}


def pause(bench: Bench, campaign: Campaign) -> list[int]:
    return bench.run(lambda s: campaigning.pause_campaign(s, campaign.id, database_now(s), "test"))


def test_a_pause_lets_what_rings_ring(bench: Bench, campaign: Campaign) -> None:
    attempts = one_of_each(bench, campaign)
    assert pause(bench, campaign) == [attempts["dialing"].id]
    assert statuses(bench, attempts) == {
        "queued": ("cancelled", False),
        "dialing": ("dialing", True),
        "ringing": ("ringing", False),
        "in_progress": ("in_progress", False),
    }
    row = bench.recipient(attempts["queued"].recipient_id)
    assert (row.status, row.reason, row.cancels_in_row) == ("pending", "paused", 0)
    assert row.next_attempt_at <= bench.now()


def test_a_stop_takes_back_what_nobody_has_answered(bench: Bench, campaign: Campaign) -> None:
    attempts = one_of_each(bench, campaign)
    recalled = bench.run(
        lambda s: campaigning.stop_campaign(s, campaign.id, database_now(s), "test")
    )
    assert sorted(recalled) == [attempts["dialing"].id, attempts["ringing"].id]
    assert statuses(bench, attempts)["in_progress"] == ("in_progress", False)
    assert bench.value("SELECT finished_at IS NOT NULL FROM campaigns")


def test_another_campaign_is_left_alone(bench: Bench, account: Account, campaign: Campaign) -> None:
    other = bench.run(make_campaign, account)
    attempts = one_of_each(bench, other)
    pause(bench, campaign)
    assert statuses(bench, attempts) == {name: (name, False) for name in LIVE}


def test_a_paused_campaign_may_be_resumed_at_once_and_joins_without_arrears(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    bench.set("campaigns", campaign.id, vtime=3.0)
    bench.run(make_campaign, account, vtime=70.0)
    one_of_each(bench, campaign)
    pause(bench, campaign)
    bench.run(lambda s: campaigning.resume_campaign(s, campaign.id, database_now(s)))
    row = bench.rows("SELECT status, vtime FROM campaigns WHERE id = :id", id=campaign.id)
    assert row == [("running", 70.0)]


@pytest.mark.parametrize("status", ["draft", "scheduled", "running", "stopped", "completed"])
def test_only_a_paused_campaign_is_resumed(bench: Bench, campaign: Campaign, status: str) -> None:
    bench.set("campaigns", campaign.id, status=status)
    with pytest.raises(NotAllowed):
        bench.run(lambda s: campaigning.resume_campaign(s, campaign.id, database_now(s)))
    assert bench.value("SELECT status FROM campaigns") == status


def test_a_scheduled_campaign_is_not_paused_since_it_would_resume_before_its_time(
    bench: Bench, campaign: Campaign
) -> None:
    bench.set("campaigns", campaign.id, status="scheduled")
    with pytest.raises(IllegalTransition, match="running, stopped"):
        pause(bench, campaign)
    assert bench.value("SELECT status FROM campaigns") == "scheduled"


@pytest.mark.parametrize("status", ["stopped", "completed"])
def test_what_is_over_is_neither_paused_nor_stopped(
    bench: Bench, campaign: Campaign, status: str
) -> None:
    bench.set("campaigns", campaign.id, status=status)
    with pytest.raises(IllegalTransition):
        pause(bench, campaign)
    with pytest.raises(IllegalTransition):
        bench.run(lambda s: campaigning.stop_campaign(s, campaign.id, database_now(s), "x"))


def test_a_pause_does_not_wait_for_a_running_import(bench: Bench, campaign: Campaign) -> None:
    """Rows that are being stored hold a key-share lock on their campaign."""
    with transaction(bench.engine) as importing:
        make_recipient(importing, campaign)
        pause(bench, campaign)
    assert bench.value("SELECT status FROM campaigns") == "paused"


def test_a_pause_and_a_tick_that_has_overdue_attempts_do_not_wait_for_each_other(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    attempt = bench.run(
        lambda s: make_attempt(
            s, make_recipient(s, campaign), not_after=ticker.now - timedelta(seconds=1)
        )
    )
    with transaction(bench.engine) as pausing:
        pausing.execute(
            text("SELECT 1 FROM campaigns WHERE id = :id FOR NO KEY UPDATE"), {"id": campaign.id}
        )
        assert ticker.tick().released == 1
    assert bench.attempt(attempt.id).status == "cancelled"


def test_pausing_an_account_stops_all_its_campaigns_and_says_why(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempts = one_of_each(bench, campaign)
    elsewhere = one_of_each(bench, bench.run(lambda s: make_campaign(s, make_account(s))))
    recalled = bench.run(
        lambda s: pause_account_named(s, account.name, "wrong bill", database_now(s))
    )
    assert recalled == [attempts["dialing"].id]
    assert statuses(bench, attempts)["queued"] == ("cancelled", False)
    assert statuses(bench, attempts)["ringing"] == ("ringing", False)
    assert statuses(bench, elsewhere) == {name: (name, False) for name in LIVE}
    (row,) = bench.rows("SELECT * FROM campaign_log")
    assert (row.account_id, "wrong bill" in row.sentence) == (account.id, True)


def test_the_kill_switch_stops_every_account_until_it_is_switched_on_again(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    attempts = one_of_each(bench, campaign)
    elsewhere = bench.run(lambda s: make_recipient(s, make_campaign(s, make_account(s))))
    recalled = bench.run(lambda s: switch_dialling_off(s, "test", database_now(s)))
    assert sorted(recalled) == [attempts["dialing"].id, attempts["ringing"].id]
    assert statuses(bench, attempts)["queued"] == ("cancelled", False)
    assert "switched off" in (ticker.tick().blocked or "")
    assert bench.recipient(elsewhere.id).status == "pending"
    bench.run(lambda s: switch_dialling_on(s, database_now(s)))
    ticker.tick()
    assert bench.recipient(elsewhere.id).status == "in_flight"


@pytest.mark.parametrize(
    ("status", "then", "recalled"),
    [
        ("queued", "cancelled", False),
        ("dialing", "dialing", True),
        ("ringing", "ringing", True),
        ("in_progress", "in_progress", False),
        ("ended", "ended", False),
        ("cancelled", "cancelled", False),
    ],
)
def test_an_opt_out_in_every_status(
    bench: Bench, campaign: Campaign, status: str, then: str, recalled: bool
) -> None:
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), status))
    back = bench.run(lambda s: opt_out_number(s, attempt.number, "api", database_now(s)))
    assert back == ([attempt.id] if recalled else [])
    row = bench.attempt(attempt.id)
    assert (row.status, row.recall_reason) == (then, "opted_out" if recalled else None)
    if status == "queued":
        assert bench.recipient(attempt.recipient_id).status == "blocked"


def test_an_opt_out_of_one_number_stops_the_call_to_the_persons_other(
    bench: Bench, campaign: Campaign
) -> None:
    numbers = [fiction_number(), fiction_number()]
    attempt = bench.run(
        lambda s: make_attempt(s, make_recipient(s, campaign, numbers=numbers), "ringing")
    )
    assert bench.run(lambda s: opt_out_number(s, numbers[1], "api", database_now(s))) == [
        attempt.id
    ]


def test_opting_out_twice_keeps_the_first_record(bench: Bench, campaign: Campaign) -> None:
    number = fiction_number()
    for source in ("api", "cli"):
        bench.run(lambda s, source=source: opt_out_number(s, number, source, database_now(s)))
    assert bench.rows("SELECT number, source FROM opt_outs") == [(number, "api")]


def test_many_opt_outs_are_one_act(bench: Bench, campaign: Campaign) -> None:
    attempts = one_of_each(bench, campaign)
    numbers = [attempt.number for attempt in attempts.values()]
    many = [*numbers, *numbers, *(fiction_number() for _ in range(2000))]
    recalled = bench.run(lambda s: opt_out_numbers(s, many, "import", "a file", database_now(s)))
    assert sorted(recalled) == [attempts["dialing"].id, attempts["ringing"].id]
    assert bench.value("SELECT count(*) FROM opt_outs") == 2004
    assert bench.recipient(attempts["queued"].recipient_id).status == "blocked"


def test_no_opt_outs_at_all_are_no_act(bench: Bench, campaign: Campaign) -> None:
    attempts = one_of_each(bench, campaign)
    assert bench.run(lambda s: opt_out_numbers(s, [], "import", "", database_now(s))) == []
    assert statuses(bench, attempts) == {name: (name, False) for name in LIVE}


def wanted_back(
    bench: Bench, campaign: Campaign, status: str = "ringing", **columns: Any
) -> Attempt:
    named = {
        "provider_call_id": f"call {fiction_number()}",
        "recall_requested_at": bench.now() - timedelta(seconds=10),
        "recall_reason": "stopped",
    } | columns
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), status, **named))


def test_a_recall_cancels_the_call_at_the_provider(bench: Bench, campaign: Campaign) -> None:
    attempt, provider = wanted_back(bench, campaign), FakeProvider()
    found = recall(bench.engine, [attempt.id], lambda account: provider.carrier())
    assert found == {attempt.id: HangUp.DONE}
    assert provider.hung_up == [("cancel", attempt.provider_call_id)]
    row = bench.attempt(attempt.id)
    assert (row.status, row.recalled_at is not None) == ("ringing", True)


def test_a_recall_of_an_answered_call_ends_it(bench: Bench, campaign: Campaign) -> None:
    attempt, provider = wanted_back(bench, campaign), FakeProvider()
    provider.hang_up = lambda verb, call: HangUp.ANSWERED if verb == "cancel" else HangUp.DONE
    recall(bench.engine, [attempt.id], lambda account: provider.carrier())
    assert [verb for verb, _ in provider.hung_up] == ["cancel", "end"]


def test_a_call_that_is_gone_when_it_is_recalled_is_looked_up(
    bench: Bench, campaign: Campaign
) -> None:
    attempt, provider = wanted_back(bench, campaign), FakeProvider()
    provider.hang_up = lambda verb, call: HangUp.GONE
    recall(bench.engine, [attempt.id], lambda account: provider.carrier())
    row = bench.attempt(attempt.id)
    assert (row.status, row.looked_up_at) == ("ringing", None)
    assert row.doubt_reason == "gone when it was recalled"


def test_a_round_of_recalls_ends_in_time_and_the_rest_is_asked_for_next(
    bench: Bench, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt, provider = wanted_back(bench, campaign), FakeProvider()
    monkeypatch.setattr(recalling, "ROUND_SECONDS", -1.0)
    assert recall(bench.engine, [attempt.id], lambda account: provider.carrier()) == {}
    assert provider.hung_up == []
    assert recalls_due(bench.engine) == [attempt.id]


def test_a_recall_that_failed_is_asked_for_again(bench: Bench, campaign: Campaign) -> None:
    attempt, provider = wanted_back(bench, campaign), FakeProvider()
    provider.hang_up = lambda verb, call: HangUp.FAILED
    recall(bench.engine, [attempt.id], lambda account: provider.carrier())
    assert recalls_due(bench.engine) == []  # just now
    bench.rows("UPDATE attempts SET recalled_at = recalled_at - interval '3 seconds'")
    assert recalls_due(bench.engine) == [attempt.id]


@pytest.mark.parametrize(
    ("status", "columns"),
    [
        ("ringing", {"recall_requested_at": None}),
        ("in_progress", {}),
        ("ended", {}),
        ("cancelled", {}),
        ("dialing", {"provider_call_id": None}),
    ],
)
def test_nothing_else_is_recalled(
    bench: Bench, campaign: Campaign, status: str, columns: dict[str, Any]
) -> None:
    attempt, provider = wanted_back(bench, campaign, status, **columns), FakeProvider()
    recall(bench.engine, [attempt.id, 10**15], lambda account: provider.carrier())
    assert provider.hung_up == []
    assert recalls_due(bench.engine) == []


def test_an_account_that_cannot_be_asked_does_not_keep_others_calls_ringing(
    bench: Bench, campaign: Campaign
) -> None:
    broken = wanted_back(bench, campaign)
    other = bench.run(make_account)
    fine = wanted_back(bench, bench.run(make_campaign, other))
    provider = FakeProvider()

    def carrier_of(account_id: int) -> Any:
        if account_id != other.id:
            raise KeyError("api_token")
        return provider.carrier()

    found = recall(bench.engine, [broken.id, fine.id], carrier_of)
    assert found == {broken.id: HangUp.FAILED, fine.id: HangUp.DONE}


def test_a_call_that_should_not_exist_is_taken_back_until_it_has_ended(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "cancelled"))
    tell(bench, attempt.id, said("ringing"))
    assert recalls_due(bench.engine) == []
    later: datetime = bench.now() - timedelta(seconds=3)
    bench.set("attempts", attempt.id, recall_requested_at=later)
    assert recalls_due(bench.engine) == [attempt.id]
    provider = FakeProvider()
    recall(bench.engine, [attempt.id], lambda account: provider.carrier())
    assert provider.hung_up == [("cancel", "call-1")]
    bench.set("attempts", attempt.id, recalled_at=later)
    assert recalls_due(bench.engine) == [attempt.id]
    tell(bench, attempt.id, said("ended"))
    assert recalls_due(bench.engine) == []
