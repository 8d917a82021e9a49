"""Campaigns that show several numbers: chosen per call, each within limits of its own."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.models import Account, CallerId, Campaign, CampaignCallerId
from campaigns.pacing import spacing
from tests.factories import (
    make_attempt,
    make_caller_id,
    make_campaign,
    make_recipient,
    make_recipients,
)
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_claim import claim, queue
from tests.integration.core.test_tick_slots import finish


def add(bench: Bench, campaign: Campaign, number: str, **columns: object) -> CallerId:
    """One more number that a campaign shows."""

    def act(session: Session) -> CallerId:
        account = session.get_one(Account, campaign.account_id)
        row = make_caller_id(session, account, number, **columns)
        session.add(CampaignCallerId(campaign_id=campaign.id, caller_id_id=row.id))
        return row

    return bench.run(act)


@pytest.fixture
def pool(bench: Bench, campaign: Campaign) -> list[int]:
    """Three caller ids: the campaign's first one, and two more."""
    more = [add(bench, campaign, f"+1646555010{n}").id for n in range(2)]
    return [campaign.caller_id_id, *more]


def shown(bench: Bench) -> Counter[int]:
    return Counter(row.caller_id_id for row in bench.queued() if row.cancel_reason is None)


def test_the_one_that_was_used_least_recently_is_shown(
    bench: Bench, ticker: Ticker, campaign: Campaign, pool: list[int]
) -> None:
    bench.run(make_recipients, campaign, 18)
    for _ in range(7):
        ticker.tick(after=0.25)
        finish(bench)
    order = [row.caller_id_id for row in bench.queued()]
    assert len(order) == 18
    assert order == pool * 6


def test_whoever_is_called_again_is_shown_the_same_number(
    bench: Bench, ticker: Ticker, campaign: Campaign, pool: list[int]
) -> None:
    people = bench.run(make_recipients, campaign, 12, attempts_spent=1)
    before = {one.id: pool[n % 2] for n, one in enumerate(people)}
    long_ago = ticker.now - timedelta(hours=1)
    for one in people:
        past = {"caller_id_id": before[one.id], "slot_at": long_ago, "ended_at": long_ago}
        bench.run(make_attempt, one, "ended", **past)
    for _ in range(5):
        ticker.tick(after=0.25)
        finish(bench)
    again = [row for row in bench.queued() if row.n == 2]
    assert len(again) == 12
    assert {row.recipient_id: row.caller_id_id for row in again} == before


def test_another_number_is_shown_when_the_former_one_is_paused(
    bench: Bench, ticker: Ticker, campaign: Campaign, pool: list[int]
) -> None:
    person = bench.run(make_recipient, campaign, attempts_spent=1)
    past = {"slot_at": ticker.now - timedelta(hours=1), "ended_at": ticker.now - timedelta(hours=1)}
    bench.run(make_attempt, person, "ended", caller_id_id=pool[1], **past)
    bench.set("caller_ids", pool[1], status="paused")
    ticker.tick()
    (row,) = (row for row in bench.queued() if row.n == 2)
    assert row.caller_id_id == pool[0]


def test_a_number_of_the_callees_own_area_is_shown_where_there_is_one(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    campaign = bench.run(make_campaign, account, local_presence=True)
    near = {area: add(bench, campaign, f"+1{area}5550177").id for area in (212, 415)}
    numbers = [f"+1{area}555{n:04d}" for n in range(110, 113) for area in (212, 415, 303)]
    for number in numbers:
        bench.run(make_recipient, campaign, numbers=[number])
    for _ in range(4):
        ticker.tick(after=0.25)
        finish(bench)
    chosen = {row.number: row.caller_id_id for row in bench.queued()}
    assert len(chosen) == 9
    for number, caller in chosen.items():
        area = int(number[2:5])
        assert caller == near[area] if area in near else caller in (*near.values(), 1)


def test_each_number_keeps_its_own_pace_and_several_are_faster_than_one(
    bench: Bench, ticker: Ticker, campaign: Campaign, pool: list[int]
) -> None:
    bench.rows("UPDATE caller_ids SET cps = 2")
    bench.run(make_recipients, campaign, 60)
    for _ in range(12):
        ticker.tick(after=0.25, claiming=True)
    rows = bench.queued()
    assert len(rows) >= 18  # three times two a second, for more than three seconds
    for caller in pool:
        slots = [row.slot_at for row in rows if row.caller_id_id == caller]
        assert min(b - a for a, b in pairwise(slots)) >= spacing(2)


def test_a_number_makes_no_more_calls_a_day_than_it_may(
    bench: Bench, ticker: Ticker, campaign: Campaign, pool: list[int]
) -> None:
    bench.rows("UPDATE caller_ids SET max_per_day = 4")
    yesterday = ticker.now - timedelta(hours=23, minutes=59)
    for _ in range(3):
        old = {"slot_at": yesterday, "ended_at": yesterday, "caller_id_id": pool[0]}
        person = bench.run(make_recipient, campaign, status="exhausted")
        bench.run(make_attempt, person, "ended", **old)
    bench.run(make_recipients, campaign, 40)
    for _ in range(12):
        ticker.tick(after=0.25)
        finish(bench)
    new = Counter(
        row.caller_id_id for row in bench.queued() if row.slot_at > ticker.now - timedelta(hours=1)
    )
    assert new == {pool[0]: 1, pool[1]: 4, pool[2]: 4}
    ticker.tick(after=70.0)  # what was called a day ago counts no more
    finish(bench)
    ticker.tick(after=0.5)
    new = Counter(
        row.caller_id_id for row in bench.queued() if row.slot_at > ticker.now - timedelta(hours=1)
    )
    assert new == {pool[0]: 4, pool[1]: 4, pool[2]: 4}


def test_what_made_no_call_does_not_count(bench: Bench, ticker: Ticker, campaign: Campaign) -> None:
    bench.rows("UPDATE caller_ids SET max_per_day = 2")
    for _ in range(5):
        person = bench.run(make_recipient, campaign, status="exhausted")
        bench.run(make_attempt, person, "cancelled")
    bench.run(make_recipients, campaign, 5)
    assert ticker.tick().given == 2


def test_a_campaign_all_of_whose_numbers_are_paused_waits_and_holds_up_nobody(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign, pool: list[int]
) -> None:
    other = bench.run(
        make_campaign, account, caller_id_id=bench.run(make_caller_id, account, "+16465550150").id
    )
    bench.run(make_recipients, campaign, 10)
    bench.run(make_recipients, other, 10)
    for one in pool:
        bench.set("caller_ids", one, status="paused")
    for _ in range(4):
        ticker.tick(after=0.25)
        finish(bench)
    assert {row.campaign_id for row in bench.queued()} == {other.id}
    assert len(bench.queued()) == 10
    assert (
        bench.value(
            "SELECT count(*) FROM recipients WHERE campaign_id = :id AND status = 'pending'",
            id=campaign.id,
        )
        == 10
    )


def test_a_claim_refuses_a_number_that_was_paused_since(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    bench.set("caller_ids", campaign.caller_id_id, status="paused")
    assert claim(bench.engine, [attempt.id], account.id) == []
    bench.set("caller_ids", campaign.caller_id_id, status="active")
    assert len(claim(bench.engine, [attempt.id], account.id)) == 1


def test_a_number_that_somebody_changes_at_this_instant_is_left_out_of_the_tick(
    bench: Bench, ticker: Ticker, campaign: Campaign, pool: list[int]
) -> None:
    bench.run(make_recipients, campaign, 6)
    with bench.engine.connect() as changing:
        changing.execute(
            text("SELECT 1 FROM caller_ids WHERE id = :id FOR UPDATE"), {"id": pool[0]}
        )
        ticker.tick()
    assert set(shown(bench)) == set(pool[1:])
