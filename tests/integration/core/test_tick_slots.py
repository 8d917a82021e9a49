"""How slots are given: spaced, capped, shared, and never blocked by whoever stands in front."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from campaigns.models import Account, Campaign
from campaigns.pacing import spacing
from tests.factories import (
    fiction_number,
    make_account,
    make_attempt,
    make_caller_id,
    make_campaign,
    make_recipient,
    make_recipients,
)
from tests.integration.core.conftest import Bench, Ticker


def gaps(rows: list[Any]) -> list[timedelta]:
    slots = sorted(row.slot_at for row in rows)
    return [b - a for a, b in pairwise(slots)]


def opt_out(bench: Bench, numbers: list[str]) -> None:
    bench.rows(
        "INSERT INTO opt_outs (number, source) SELECT unnest(CAST(:n AS text[])), 'api'", n=numbers
    )


def finish(bench: Bench) -> None:
    """Every queued attempt was dialled and nobody picked up; the recipients are done."""
    bench.rows(
        "UPDATE attempts SET status = 'ended', disposition = 'no_answer', claimed_at = slot_at, "
        "ended_at = slot_at WHERE status = 'queued'"
    )
    bench.rows("UPDATE recipients SET status = 'exhausted' WHERE status = 'in_flight'")


def test_slots_are_spaced_without_a_burst_and_within_the_look_ahead(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.run(make_recipients, campaign, 60)
    for _ in range(8):
        ticker.tick(after=0.25, claiming=True)
        newest = bench.queued()[-1].slot_at
        assert newest < ticker.now + timedelta(seconds=0.7)
    rows = bench.queued()
    assert min(gaps(rows)) >= spacing(10)
    assert 20 <= len(rows) <= 24  # some 2.3 seconds at 10 a second
    assert all(row.slot_at >= row.created_at - timedelta(seconds=10) for row in rows)


def test_an_attempt_holds_its_number_and_says_until_when(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    recipient = bench.run(make_recipient, campaign)
    report = ticker.tick()
    (row,) = bench.queued()
    assert report.batches == [[row.id]]
    assert (row.recipient_id, row.number, row.n) == (recipient.id, recipient.numbers[0], 1)
    assert row.not_after == row.slot_at + timedelta(seconds=0.25)
    assert row.rule_version == "practice@1"
    assert bench.recipient(recipient.id).status == "in_flight"
    held = bench.rows("SELECT attempt_id, number FROM attempt_numbers WHERE live")
    assert held == [(row.id, row.number)]


def test_concurrency_is_a_cap_over_everything_alive(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, max_concurrent=5)
    for status in ("dialing", "ringing", "in_progress"):
        bench.run(lambda s, status=status: make_attempt(s, make_recipient(s, campaign), status))
    bench.run(make_recipients, campaign, 20)
    for _ in range(4):
        ticker.tick(after=0.05)
    assert bench.value("SELECT count(*) FROM attempts WHERE status = 'queued'") == 2


def test_calls_that_do_not_ring_yet_are_capped(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, max_waiting=4)
    for status in ("dialing", "dialing", "ringing"):
        bench.run(lambda s, status=status: make_attempt(s, make_recipient(s, campaign), status))
    bench.run(make_recipients, campaign, 20)
    ticker.tick()
    ticker.tick(after=0.1)
    assert bench.value("SELECT count(*) FROM attempts WHERE status = 'queued'") == 2


def test_a_call_in_doubt_for_a_minute_no_longer_waits_but_is_still_open(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, max_waiting=1, max_concurrent=2)
    old = {"claimed_at": ticker.now - timedelta(seconds=61)}
    bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "dialing", **old))
    bench.run(make_recipients, campaign, 5)
    assert ticker.tick().given == 1
    assert ticker.tick(after=0.1).given == 0


def test_accounts_of_one_pacing_group_share_its_limit(bench: Bench, ticker: Ticker) -> None:
    bench.rows("INSERT INTO pacing_groups (name, cps) VALUES ('space', 5)")
    for _ in range(2):
        account = bench.run(make_account, pacing_group="space", cps=50.0)
        bench.run(lambda s, a=account: make_recipients(s, make_campaign(s, a), 30))
    for _ in range(8):
        ticker.tick(after=0.25, claiming=True)
    rows = bench.queued()
    assert min(gaps(rows)) >= spacing(5)
    shares = Counter(row.account_id for row in rows)
    assert len(shares) == 2
    assert min(shares.values()) >= 3


def test_a_caller_id_and_a_campaign_have_limits_of_their_own(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    bench.set("accounts", account.id, cps=100.0)
    slow_caller = bench.run(make_caller_id, account, "+12015550198", cps=4.0)
    narrow = bench.run(make_campaign, account, max_cps=2.0)
    behind = [bench.run(make_campaign, account, caller_id_id=slow_caller.id) for _ in range(2)]
    for one in (narrow, *behind):
        bench.run(make_recipients, one, 20)
    for _ in range(12):
        ticker.tick(after=0.25, claiming=True)
    rows = bench.queued()
    assert min(gaps([r for r in rows if r.campaign_id == narrow.id])) >= spacing(2)
    assert min(gaps([r for r in rows if r.campaign_id != narrow.id])) >= spacing(4)


def test_a_slow_campaign_does_not_hold_back_a_fast_one(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    for _ in range(4):
        slow = bench.run(make_campaign, account, max_cps=0.5)
        bench.run(make_recipients, slow, 10)
    bench.run(make_recipients, campaign, 100)
    for _ in range(24):  # six seconds at 10 a second
        ticker.tick(after=0.25, claiming=True)
    assert len(bench.queued()) >= 58


def test_campaigns_share_by_weight(bench: Bench, ticker: Ticker, account: Account) -> None:
    one = bench.run(make_campaign, account, weight=1.0)
    three = bench.run(make_campaign, account, weight=3.0)
    for each in (one, three):
        bench.run(make_recipients, each, 80)
    for _ in range(24):
        ticker.tick(after=0.25, claiming=True)
    shares = Counter(row.campaign_id for row in bench.queued())
    assert shares[three.id] / shares[one.id] == pytest.approx(3, rel=0.2)


def test_a_campaign_that_was_idle_does_not_catch_up_in_a_burst(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    idle = bench.run(make_campaign, account)
    bench.run(make_recipients, campaign, 120)
    for _ in range(20):
        ticker.tick(after=0.25, claiming=True)
    bench.run(make_recipients, idle, 60)
    last = bench.queued()[-1].id
    for _ in range(12):
        ticker.tick(after=0.25, claiming=True)
    shares = Counter(row.campaign_id for row in bench.queued() if row.id > last)
    assert shares[idle.id] == pytest.approx(shares[campaign.id], abs=3)


@pytest.mark.parametrize("cps", [2.0, 10.0, 60.0])
def test_retries_get_every_fourth_slot_while_both_are_due(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign, cps: float
) -> None:
    """Also at rates at which a single tick has room for one call only."""
    bench.set("accounts", account.id, cps=cps)
    bench.run(make_recipients, campaign, 100)
    retries = {r.id for r in bench.run(make_recipients, campaign, 60, attempts_spent=1)}
    while len(bench.queued()) < 24:
        ticker.tick(after=0.25)
        finish(bench)
    chosen = [row.recipient_id in retries for row in bench.queued()]
    assert sum(chosen) / len(chosen) == pytest.approx(0.25, abs=0.05)


def test_what_first_calls_cannot_use_retries_get(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.run(make_recipients, campaign, 5, attempts_spent=1)
    bench.run(make_recipients, campaign, 1)
    assert ticker.tick().given == 6


def test_whoever_may_not_be_called_does_not_stand_in_the_way(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    """Three hundred opted-out recipients, and one behind them who is not; at a call a second."""
    bench.set("accounts", account.id, cps=1.0)
    front = bench.run(make_recipients, campaign, 300)
    opt_out(bench, [r.numbers[0] for r in front])
    good = bench.run(make_recipient, campaign, due=ticker.now - timedelta(seconds=1))
    given = [ticker.tick(after=0.25).given for _ in range(2)]
    assert sum(given) == 1
    assert bench.recipient(good.id).status == "in_flight"
    assert bench.value("SELECT count(*) FROM recipients WHERE status = 'blocked'") == 300


def test_a_second_campaign_is_served_behind_a_big_blocked_one(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    front = bench.run(make_recipients, campaign, 1000)
    opt_out(bench, [r.numbers[0] for r in front])
    good = bench.run(lambda s: make_recipient(s, make_campaign(s, account)))
    ticker.tick()
    assert bench.recipient(good.id).status == "in_flight"


def test_every_recipient_that_is_read_leaves_the_front(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.rows("UPDATE campaigns SET retry_policy = CAST(:p AS jsonb)", p='{"max_per_day": 1}')
    past = ticker.now - timedelta(minutes=5)
    opted, late, done, busy, recent, often = bench.run(make_recipients, campaign, 6)
    opt_out(bench, opted.numbers)
    bench.set("recipients", late.id, deadline_at=past)
    bench.set("recipients", done.id, attempts_spent=3)
    holder = bench.run(make_recipient, campaign, numbers=busy.numbers)
    bench.run(make_attempt, holder, "ringing")
    elsewhere = bench.run(make_recipient, campaign, numbers=recent.numbers, status="exhausted")
    bench.run(make_attempt, elsewhere, "ended", ended_at=ticker.now - timedelta(seconds=0.4))
    bench.run(make_attempt, often, "ended", ended_at=past, claimed_at=past - timedelta(minutes=1))
    bench.set("recipients", often.id, attempts_spent=1)
    assert ticker.tick().given == 0
    day = timedelta(days=1)
    assert {
        r.id: (r.status, r.reason, r.next_attempt_at)
        for r in map(bench.recipient, (one.id for one in (opted, late, done, busy, recent, often)))
    } == {
        opted.id: ("blocked", "opted out", None),
        late.id: ("expired", "deadline passed", None),
        done.id: ("exhausted", "every allowed attempt was made", None),
        busy.id: ("pending", "number_busy", ticker.now + timedelta(seconds=15)),
        recent.id: ("pending", "gap", ticker.now + timedelta(seconds=0.6)),
        often.id: (
            "pending",
            "daily_limit",
            past - timedelta(minutes=1) + day,
        ),
    }


def test_an_opt_out_of_any_of_a_persons_numbers_counts(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    numbers = [fiction_number(), fiction_number()]
    recipient = bench.run(make_recipient, campaign, numbers=numbers)
    opt_out(bench, numbers[1:])
    assert ticker.tick().given == 0
    assert bench.recipient(recipient.id).status == "blocked"


def test_a_number_that_two_recipients_share_is_called_once(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    number = fiction_number()
    other = bench.run(make_campaign, account)
    pair = [bench.run(make_recipient, one, numbers=[number]) for one in (campaign, other)]
    assert ticker.tick().given == 1
    found = sorted((r.status, r.reason) for r in (bench.recipient(one.id) for one in pair))
    assert found == [("in_flight", None), ("pending", "number_busy")]


def test_recipients_in_closed_zones_are_not_even_read(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    """12:00 UTC in January: 7 in New York, 13 in Berlin."""
    ticker.now = datetime(2027, 1, 13, 12, 0, tzinfo=UTC)
    campaign = bench.run(make_campaign, account, windows="daily 09:00-17:00")
    due = ticker.now - timedelta(hours=1)
    asleep = bench.run(make_recipient, campaign, due=due)
    awake = bench.run(make_recipient, campaign, due=due, zone="Europe/Berlin")
    assert ticker.tick().given == 1
    assert bench.recipient(awake.id).status == "in_flight"
    row = bench.recipient(asleep.id)
    assert (row.status, row.reason, row.next_attempt_at) == ("pending", None, due)
    ticker.tick(after=2 * 3600)
    assert bench.recipient(asleep.id).status == "in_flight"


def test_near_its_windows_end_an_attempt_may_not_outlive_it(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    closes = datetime(2027, 1, 13, 22, 0, tzinfo=UTC)  # 17:00 in New York
    campaign = bench.run(make_campaign, account, windows="daily 09:00-17:00")
    due = closes - timedelta(hours=1)
    recipients = bench.run(make_recipients, campaign, 10, due=due)
    ticker.now = closes - timedelta(seconds=0.3)
    ticker.tick()
    rows = bench.queued()
    assert rows
    assert {row.open_until for row in rows} == {closes}
    assert all(row.not_after == min(row.slot_at + timedelta(seconds=0.25), closes) for row in rows)
    released = ticker.tick(after=1.0)
    assert (released.released, released.given) == (len(rows), 0)
    assert {row.cancel_reason for row in bench.queued()} == {"window_closed"}
    opens = datetime(2027, 1, 14, 14, 0, tzinfo=UTC)
    again = [bench.recipient(row.recipient_id) for row in rows]
    assert {(r.status, r.next_attempt_at, r.cancels_in_row) for r in again} == {
        ("pending", opens, 0)
    }
    assert len(recipients) > len(rows)


def test_hints_carry_at_most_a_quarter_second_each(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, cps=50.0)
    bench.run(make_recipients, campaign, 60)
    report = ticker.tick()
    slots = {row.id: row.slot_at for row in bench.queued()}
    assert sorted(i for batch in report.batches for i in batch) == sorted(slots)
    assert len(report.batches) >= 2
    for batch in report.batches:
        span = [slots[i] for i in batch]
        assert span == sorted(span)
        assert span[-1] - span[0] <= timedelta(seconds=0.25)


def test_pacing_left_in_the_far_future_by_a_clock_that_stepped_back_is_corrected(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, next_free=ticker.now + timedelta(hours=1))
    bench.run(make_recipients, campaign, 5)
    assert ticker.tick().given == 5
