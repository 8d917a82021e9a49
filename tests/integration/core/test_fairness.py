"""Campaigns beside each other on one account, over the real tick: slots counted, not seconds."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns.campaigning import pause_campaign, resume_campaign, start_campaign
from campaigns.models import Account, Campaign
from tests.factories import make_campaign, make_recipients
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_tick_slots import finish, opt_out

# As many as a busy machine writes within the time that a statement has.
PORTION = 10_000


def crowd(bench: Bench, campaign: Campaign, count: int) -> None:
    """Many people at once, with numbers of their own."""
    (first,) = bench.run(make_recipients, campaign, 1)
    for begin in range(2, count + 1, PORTION):
        bench.rows(
            """
            INSERT INTO recipients
                (campaign_id, dedupe_key, numbers, zone, zone_key, next_attempt_at)
            SELECT campaign_id, 'crowd ' || n, ARRAY['+1999' || lpad(n::text, 7, '0')], zone,
                   zone_key, next_attempt_at
            FROM recipients, generate_series(CAST(:begin AS int), CAST(:end AS int)) n
            WHERE id = :first
            """,
            begin=begin,
            end=min(begin + PORTION - 1, count),
            first=first.id,
        )


def slots_until(bench: Bench, ticker: Ticker, done: Callable[[], bool], most: int) -> Counter[int]:
    """Tick, every call ending at once, until `done`; the slots each campaign had since."""
    first = bench.value("SELECT coalesce(max(id), 0) FROM attempts")
    while not done():
        ticker.tick(after=0.7)
        finish(bench)
        found = shares(bench, first)
        assert found.total() <= most, f"not done after {found}"
    return shares(bench, first)


def shares(bench: Bench, after: int) -> Counter[int]:
    rows = bench.rows(
        "SELECT campaign_id, count(*) FROM attempts WHERE id > :after GROUP BY 1", after=after
    )
    return Counter({row[0]: row[1] for row in rows})


def waiting(bench: Bench, *campaigns: Campaign) -> int:
    ids = [one.id for one in campaigns]
    sql = "SELECT count(*) FROM recipients WHERE campaign_id = ANY (:ids) AND status = 'pending'"
    return int(bench.value(sql, ids=ids))


@pytest.fixture
def fast(bench: Bench, account: Account) -> Account:
    """A hundred calls a second: about seventy slots in a tick."""
    bench.set("accounts", account.id, cps=100.0)
    return account


def test_a_hundred_thousand_cannot_starve_five_times_a_hundred(
    bench: Bench, ticker: Ticker, fast: Account
) -> None:
    huge = bench.run(make_campaign, fast)
    crowd(bench, huge, 100_000)
    small = [bench.run(make_campaign, fast) for _ in range(5)]
    for one in small:
        bench.run(make_recipients, one, 100)
    fair = 6 * 100  # the slots in which each of six equals has its hundred
    slots = slots_until(bench, ticker, lambda: waiting(bench, *small) == 0, most=2 * fair)
    assert [slots[one.id] for one in small] == [100] * 5
    assert slots[huge.id] >= 100


def test_a_resumed_campaign_has_no_burst_and_a_new_one_nothing_to_catch_up(
    bench: Bench, ticker: Ticker, fast: Account
) -> None:
    busy, paused = (bench.run(make_campaign, fast) for _ in range(2))
    for one in (busy, paused):
        bench.run(make_recipients, one, 450)
    bench.run(lambda s: pause_campaign(s, paused.id, ticker.now, "test"))
    slots_until(bench, ticker, lambda: waiting(bench, busy) <= 250, most=300)
    late = bench.run(make_campaign, fast, status="draft")
    bench.run(make_recipients, late, 200)
    bench.run(lambda s: resume_campaign(s, paused.id, ticker.now))
    bench.run(lambda s: start_campaign(s, late.id, ticker.now))
    slots = slots_until(bench, ticker, lambda: waiting(bench, busy) <= 150, most=400)
    assert slots[paused.id] == pytest.approx(slots[busy.id], abs=3)
    assert slots[late.id] == pytest.approx(slots[busy.id], abs=3)


def test_a_limit_that_is_raised_is_no_burst(bench: Bench, ticker: Ticker, fast: Account) -> None:
    """Held back by its own pace a campaign falls behind the others; it must not make up for that
    when the pace is changed while it runs."""
    busy = bench.run(make_campaign, fast)
    slow = bench.run(make_campaign, fast, max_cps=2.0)
    bench.run(make_recipients, busy, 700)
    bench.run(make_recipients, slow, 400)
    slots_until(bench, ticker, lambda: waiting(bench, busy) <= 300, most=500)
    bench.set("campaigns", slow.id, max_cps=None)
    slots = slots_until(bench, ticker, lambda: waiting(bench, busy) <= 150, most=400)
    assert slots[slow.id] == pytest.approx(slots[busy.id], abs=5)


def test_a_heavy_campaign_keeps_its_weight_at_one_slot_a_tick(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    light = bench.run(make_campaign, account, weight=1.0)
    heavy = bench.run(make_campaign, account, weight=5.0)
    for one in (light, heavy):
        bench.run(make_recipients, one, 80)
    for _ in range(60):
        ticker.tick(after=0.1)
        finish(bench)
    slots = shares(bench, 0)
    assert slots.total() >= 58
    assert slots[heavy.id] / slots.total() == pytest.approx(5 / 6, abs=0.04)


def test_near_deadlines_are_served_first_within_half_of_the_slots(
    bench: Bench, ticker: Ticker, fast: Account
) -> None:
    others = [bench.run(make_campaign, fast) for _ in range(4)]
    near, far = (bench.run(make_campaign, fast) for _ in range(2))
    for one in others:
        bench.run(make_recipients, one, 150)
    for one, minutes in ((near, 10), (far, 600)):
        bench.run(make_recipients, one, 150, deadline_at=ticker.now + timedelta(minutes=minutes))
    slots = slots_until(bench, ticker, lambda: waiting(bench, near) == 0, most=320)
    # Half of them for its deadlines and a sixth of the other half: 150 of about 257.
    assert slots.total() == pytest.approx(150 / (1 / 2 + 1 / 12), abs=75)
    rest = [slots[one.id] for one in (*others, far)]
    assert min(rest) >= slots.total() / 12 - 8
    assert max(rest) - min(rest) <= 3


def test_a_hurry_that_cannot_be_served_leaves_no_slot_unused(
    bench: Bench, ticker: Ticker, fast: Account
) -> None:
    """Those whose deadline is near may not be called: everybody else goes on at the full rate."""
    near, other = (bench.run(make_campaign, fast) for _ in range(2))
    soon = ticker.now + timedelta(minutes=5)
    blocked = bench.run(make_recipients, near, 30, deadline_at=soon)
    opt_out(bench, [one.numbers[0] for one in blocked])
    bench.run(make_recipients, other, 100)
    assert ticker.tick().given >= 55
