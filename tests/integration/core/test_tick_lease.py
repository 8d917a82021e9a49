"""Who may tick, and when no slot is given at all."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from campaigns.db import transaction
from campaigns.dispatcher import TickRules
from campaigns.models import Account, Campaign
from campaigns.store import dispatch
from tests.factories import make_campaign, make_recipient, make_recipients
from tests.integration.core.conftest import Bench, Ticker

LEASE = "SELECT holder, term, expires_at FROM leases"


def test_a_lease_from_before_the_clock_was_put_back_is_free(bench: Bench) -> None:
    """Or nobody would lead, look up or recall until the clock was there again."""
    assert bench.run(dispatch.take_lease, "one", 5.0) == 1
    bench.rows("UPDATE leases SET expires_at = expires_at + interval '1 hour'")
    assert bench.run(dispatch.take_lease, "two", 5.0) == 2
    assert bench.run(dispatch.renew_lease, "one", 1, 5.0) is False


def test_a_tick_pushes_the_lease_ahead(bench: Bench, ticker: Ticker) -> None:
    bench.rows("UPDATE leases SET expires_at = clock_timestamp() + interval '1 second'")
    assert ticker.tick().leader
    ((_, _, expires),) = bench.rows(LEASE)
    assert expires > bench.now() + timedelta(seconds=3000)


@pytest.mark.parametrize(
    "lost",
    [
        "UPDATE leases SET term = term + 1",
        "UPDATE leases SET holder = 'somebody else'",
        "UPDATE leases SET expires_at = clock_timestamp() - interval '1 millisecond'",
    ],
)
def test_a_tick_under_a_lost_term_changes_nothing(
    bench: Bench, ticker: Ticker, campaign: Campaign, lost: str
) -> None:
    bench.run(make_recipients, campaign, 3)
    bench.rows(lost)
    before = bench.rows(LEASE), bench.rows("SELECT * FROM recipients ORDER BY id")
    report = ticker.tick()
    assert (report.leader, report.given) == (False, 0)
    assert (bench.rows(LEASE), bench.rows("SELECT * FROM recipients ORDER BY id")) == before
    assert bench.queued() == []


def test_nobody_takes_a_lease_that_has_not_expired(bench: Bench) -> None:
    assert bench.run(dispatch.take_lease, "one", 60.0) == 1
    assert bench.run(dispatch.take_lease, "two", 60.0) is None
    bench.rows("UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'")
    assert bench.run(dispatch.take_lease, "two", 60.0) == 2
    assert not bench.run(dispatch.renew_lease, "one", 1, 60.0)


def test_nobody_takes_a_lease_whose_holder_is_in_mid_tick(bench: Bench) -> None:
    bench.run(dispatch.take_lease, "one", 0.3)
    with transaction(bench.engine) as ticking:
        assert dispatch.renew_lease(ticking, "one", 1, 0.01)
        ticking.execute(text("SELECT pg_sleep(0.05)"))  # its own lease has run out by now
        assert bench.run(dispatch.take_lease, "two", 60.0) is None
    assert bench.run(dispatch.take_lease, "two", 60.0) == 2


def test_of_many_schedulers_that_start_together_one_leads(bench: Bench) -> None:
    terms: list[int | None] = []
    threads = [
        threading.Thread(
            target=lambda n: terms.append(bench.run(dispatch.take_lease, f"s{n}", 60.0)),
            args=(n,),
        )
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(term is not None for term in terms) == [False] * 5 + [True]


def test_a_lease_given_up_can_be_taken_at_once(bench: Bench) -> None:
    bench.run(dispatch.take_lease, "one", 60.0)
    bench.run(dispatch.give_up_lease, "one", 7)  # another term: not ours to give
    assert bench.run(dispatch.take_lease, "two", 60.0) is None
    bench.run(dispatch.give_up_lease, "one", 1)
    assert bench.run(dispatch.take_lease, "two", 60.0) == 2


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("DELETE FROM heartbeats WHERE kind = 'web'", "no web process"),
        ("UPDATE heartbeats SET ready = false WHERE kind = 'web'", "no web process"),
        (
            "UPDATE heartbeats SET at = clock_timestamp() - interval '4 s' WHERE kind = 'web'",
            "no web process",
        ),
        ("UPDATE heartbeats SET ready = false WHERE kind = 'public_url'", "public URL"),
        (
            "UPDATE heartbeats SET at = clock_timestamp() - interval '11 s' "
            "WHERE kind = 'public_url'",
            "public URL",
        ),
        ("DELETE FROM heartbeats WHERE kind = 'public_url'", "public URL"),
        ("UPDATE dialing_switch SET enabled = false", "switched off"),
    ],
)
def test_no_slot_while_a_callee_would_hear_silence_or_dialling_is_off(
    bench: Bench, ticker: Ticker, campaign: Campaign, trouble: str, said: str
) -> None:
    bench.run(make_recipient, campaign)
    bench.rows(trouble)
    report = ticker.tick()
    assert said in (report.blocked or "")
    assert report.given == 0
    assert bench.queued() == []


def test_what_is_overdue_is_released_even_while_nothing_may_be_dialled(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.run(make_recipient, campaign)
    assert ticker.tick().given == 1
    bench.rows("DELETE FROM heartbeats")
    assert ticker.tick(after=5).released == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": "paused"},
        {"status": "off"},
        {"live": True},
    ],
)
def test_no_slot_on_an_account_that_may_not_dial(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign, change: dict[str, object]
) -> None:
    bench.run(make_recipient, campaign)
    bench.set("accounts", account.id, **change)
    assert ticker.tick().given == 0
    assert bench.queued() == []


def test_a_live_account_is_dialled_once_that_is_allowed(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.run(make_recipient, campaign)
    bench.set("accounts", account.id, live=True)
    ticker.rules = TickRules(lease=3600.0, live_allowed=True)
    assert ticker.tick().given == 1


def test_no_slot_while_an_account_backs_off(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.run(make_recipient, campaign)
    bench.set("accounts", account.id, backoff_until=ticker.now + timedelta(seconds=2))
    assert ticker.tick(after=1.9).given == 0
    assert ticker.tick(after=0.1).given == 1


@pytest.mark.parametrize(
    "change",
    [{"status": "paused"}, {"status": "draft"}, {"status": "stopped"}, {"ends_at": "now"}],
)
def test_no_slot_for_a_campaign_that_does_not_run(
    bench: Bench, ticker: Ticker, campaign: Campaign, change: dict[str, object]
) -> None:
    bench.run(make_recipient, campaign)
    if change.get("ends_at") == "now":
        change = {"ends_at": ticker.now}
    bench.set("campaigns", campaign.id, **change)
    assert ticker.tick().given == 0


def test_a_row_that_somebody_else_holds_does_not_stop_the_others(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    """Waiting for a campaign that is just being paused would hold up every other one, and a tick
    that waits while it holds overdue attempts could end in a deadlock with the pause."""
    other = bench.run(make_campaign, account)
    bench.run(make_recipient, campaign)
    spared = bench.run(make_recipient, other)
    with transaction(bench.engine) as pausing:
        pausing.execute(
            text("SELECT 1 FROM campaigns WHERE id = :id FOR UPDATE"), {"id": campaign.id}
        )
        assert ticker.tick().given == 1
    (queued,) = bench.queued()
    assert queued.recipient_id == spared.id


def test_an_account_paused_while_the_tick_reads_gets_no_slot(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.run(make_recipient, campaign)
    with transaction(bench.engine) as pausing:
        pausing.execute(
            text("UPDATE accounts SET status = 'paused' WHERE id = :id"), {"id": account.id}
        )
        assert ticker.tick().given == 0


def test_a_campaign_whose_rules_cannot_be_read_does_not_stop_the_others(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    broken = bench.run(make_campaign, account, retry_policy={"no such": "setting"})
    unruly = bench.run(make_campaign, account, rule_set="of another version")
    for one in (broken, unruly, campaign):
        bench.run(make_recipient, one)
    assert ticker.tick().given == 1
    (queued,) = bench.queued()
    assert queued.campaign_id == campaign.id
