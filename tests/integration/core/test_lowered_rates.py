"""Rates that are lowered for a while, as the tick, the claim and the answers to calls have them."""

from datetime import timedelta
from itertools import pairwise

import pytest

from campaigns import operating
from campaigns.access import CLI
from campaigns.calls import Answer, DialAnswer
from campaigns.campaigning import pause_campaign, resume_campaign, start_campaign
from campaigns.db import database_now
from campaigns.models import Account, Campaign
from campaigns.pacing import REGAIN_SECONDS, spacing
from campaigns.recording import record_answer
from campaigns.slowing import note_full_rates
from campaigns.store import attempts
from tests.factories import (
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_recipients,
)
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_claim import claim, queue


def refuse(
    bench: Bench,
    campaign: Campaign,
    kind: Answer = Answer.CONGESTED,
    retry_after: float | None = None,
) -> None:
    """A call of the campaign is out, and the provider refuses it."""
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "dialing"))
    answer = DialAnswer(kind, reason="429", retry_after=retry_after)
    bench.run(lambda s: record_answer(s, attempt.id, "worker", answer, database_now(s)))


def rested(bench: Bench, account: Account) -> None:
    """The account's rest is over, and it is so long ago as its rate was halved."""
    bench.rows(
        "UPDATE accounts SET backoff_until = now(), slowed_at = now() WHERE id = :id", id=account.id
    )


def part(bench: Bench, account: Account) -> float | None:
    found: float | None = bench.value(
        "SELECT slowed_part FROM accounts WHERE id = :id", id=account.id
    )
    return found


def told(bench: Bench) -> list[str]:
    return [row[0] for row in bench.rows("SELECT sentence FROM campaign_log ORDER BY id")]


def test_a_refusal_halves_the_rate_of_the_slots_and_of_the_claims(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign
) -> None:
    refuse(bench, campaign)
    rested(bench, account)
    bench.run(make_recipients, campaign, 60)
    ticker.now = bench.now()
    for _ in range(8):
        ticker.tick(after=0.25, claiming=True)
    slots = [row.slot_at for row in bench.queued() if row.cancel_reason is None]
    assert len(slots) >= 8
    # Growing back: after three seconds it is not more than 5.3 calls a second yet.
    assert min(b - a for a, b in pairwise(slots)) >= spacing(10 * (0.5 + 3 / REGAIN_SECONDS))
    ids = [row.id for row in bench.queued() if row.status == "queued"]
    with bench.engine.connect() as connection:
        rates = {slot.cps for slot in attempts.load_queued_slots(connection, ids)}
    assert len(rates) == 1
    assert 5 <= rates.pop() < 5.5


def test_a_burst_of_refusals_is_halved_once_and_told_once(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    for _ in range(5):
        refuse(bench, campaign)
    assert part(bench, account) == 0.5
    rested(bench, account)
    refuse(bench, campaign)
    assert part(bench, account) == pytest.approx(0.25, abs=0.01)
    assert told(bench) == [
        f"The provider refused a call for now, so the account {account.name} goes on at 5 of its "
        "10 calls a second and comes back to its full rate by itself while all is well."
    ]


def test_growth_begins_after_the_rest_that_the_provider_asked_for(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    refuse(bench, campaign, retry_after=120.0)
    rest, since = bench.rows("SELECT backoff_until, slowed_at FROM accounts")[0]
    assert since == rest
    assert rest > bench.now() + timedelta(seconds=110)


def test_a_lost_connection_rests_the_account_and_leaves_its_rate(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    refuse(bench, campaign, Answer.NOT_SENT)
    assert bench.value("SELECT backoff_until > now() FROM accounts") is True
    assert part(bench, account) is None


def test_the_full_rate_is_told_once_when_it_is_reached(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    refuse(bench, campaign)
    assert bench.run(lambda s: note_full_rates(s, database_now(s))) == 0
    bench.rows("UPDATE accounts SET slowed_at = now() - interval '61 seconds'")
    assert bench.run(lambda s: note_full_rates(s, database_now(s))) == 1
    assert bench.run(lambda s: note_full_rates(s, database_now(s))) == 0
    assert part(bench, account) is None
    sentence = f"The account {account.name} is back at its full rate, 10 calls a second."
    assert told(bench)[1:] == [sentence]


def test_a_person_who_resumes_an_account_gives_it_its_full_rate(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    refuse(bench, campaign)
    bench.run(lambda s: operating.resume_account(s, account.name, CLI, database_now(s)))
    assert part(bench, account) is None


def test_a_campaign_starts_and_resumes_at_a_part_of_its_rate(
    bench: Bench, ticker: Ticker, account: Account
) -> None:
    ramp = {"start": 0.2, "seconds": 600}
    campaign = bench.run(make_campaign, account, status="draft", ramp=ramp)
    bench.run(make_recipients, campaign, 60)

    def slots_in_two_seconds() -> int:
        before = len(bench.queued())
        for _ in range(8):
            ticker.tick(after=0.25, claiming=True)
        return len(bench.queued()) - before

    bench.run(lambda s: start_campaign(s, campaign.id, ticker.now))
    assert 3 <= slots_in_two_seconds() <= 6  # two calls a second
    ticker.now += timedelta(seconds=600)
    assert 19 <= slots_in_two_seconds() <= 24
    bench.run(lambda s: pause_campaign(s, campaign.id, ticker.now, "test"))
    bench.run(lambda s: resume_campaign(s, campaign.id, ticker.now))
    assert 3 <= slots_in_two_seconds() <= 6


def test_two_accounts_of_one_group_that_both_come_late_keep_the_groups_rate(bench: Bench) -> None:
    """Each account's late batch keeps its own distance; the provider counts both together."""
    bench.rows("INSERT INTO pacing_groups (name, cps) VALUES ('space', 10)")
    accounts = [bench.run(make_account, pacing_group="space", cps=10.0) for _ in range(2)]
    campaigns = [bench.run(make_campaign, account) for account in accounts]
    ids = [[queue(bench, campaign).id for _ in range(5)] for campaign in campaigns]
    found = [
        one
        for n in range(4)
        for which in (0, 1)
        for one in claim(
            bench.engine,
            ids[which],
            accounts[which].id,
            period=0.101,
            window=0.102 * (2 * n + which),
        )
    ]
    posts = sorted(one.post_at for one in found)
    assert len(posts) >= 5
    assert len({one.account_id for one in found}) == 2
    assert min(b - a for a, b in pairwise(posts)) >= timedelta(seconds=0.1)


def test_a_group_is_no_faster_than_its_own_rate_for_a_fast_account(bench: Bench) -> None:
    bench.rows("INSERT INTO pacing_groups (name, cps) VALUES ('space', 4)")
    account = bench.run(make_account, pacing_group="space", cps=50.0)
    campaign = bench.run(make_campaign, account)
    ids = [queue(bench, campaign).id for _ in range(5)]
    posts = sorted(one.post_at for one in claim(bench.engine, ids, account.id, window=1.0))
    assert 4 <= len(posts) <= 5
    assert min(b - a for a, b in pairwise(posts)) >= timedelta(seconds=0.25)


def test_a_groups_pace_that_a_clock_set_back_left_in_the_future_is_cut(bench: Bench) -> None:
    bench.rows("INSERT INTO pacing_groups (name, cps) VALUES ('space', 4)")
    bench.rows("INSERT INTO group_paces VALUES ('space', clock_timestamp() + interval '1 hour')")
    account = bench.run(make_account, pacing_group="space", cps=50.0)
    attempt = queue(bench, bench.run(make_campaign, account))
    (claimed,) = claim(bench.engine, [attempt.id], account.id, window=0.3)
    assert claimed.post_at - claimed.claimed_at <= timedelta(seconds=0.26)
