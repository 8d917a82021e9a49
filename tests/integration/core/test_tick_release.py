"""Attempts that nobody claimed: released, retried with growing waits, and bounded in number."""

from datetime import timedelta

import pytest

from campaigns.models import Account, Campaign
from tests.factories import make_attempt, make_recipient, make_recipients
from tests.integration.core.conftest import Bench, Ticker


def test_an_overdue_attempt_is_released_and_its_recipient_waits_a_second(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    recipient = bench.run(make_recipient, campaign)
    ticker.tick()
    report = ticker.tick(after=2)
    assert report.released == 1
    (attempt,) = bench.queued()
    assert (attempt.status, attempt.cancel_reason, attempt.spent) == (
        "cancelled",
        "late_slot",
        False,
    )
    row = bench.recipient(recipient.id)
    assert (row.status, row.reason, row.cancels_in_row) == ("pending", "late_slot", 1)
    wait = row.next_attempt_at - ticker.now
    assert timedelta(seconds=1) <= wait <= timedelta(seconds=1.1)


def test_the_waits_double_to_a_minute_and_the_twentieth_cancel_is_for_review(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    recipient = bench.run(make_recipient, campaign)
    waits = []
    for _ in range(19):
        ticker.tick()
        ticker.tick(after=2)
        row = bench.recipient(recipient.id)
        waits.append((row.next_attempt_at - ticker.now).total_seconds())
        ticker.now = row.next_attempt_at
    for wait, wanted in zip(waits, [1, 2, 4, 8, 16, 32, 60], strict=False):
        assert wanted <= wait <= 1.1 * wanted
    assert all(60 <= wait <= 66 for wait in waits[6:])
    ticker.tick()
    ticker.tick(after=2)
    row = bench.recipient(recipient.id)
    assert row.status == "review"
    assert "20 attempts in a row were cancelled before any call: late_slot" in row.reason


def test_a_slot_that_a_stepped_clock_left_in_the_far_future_is_released(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    far = ticker.now + timedelta(hours=1)
    attempt = bench.run(
        lambda s: make_attempt(s, make_recipient(s, campaign), slot_at=far, not_after=far)
    )
    assert ticker.tick().released == 1
    assert bench.attempt(attempt.id).status == "cancelled"


def test_an_attempt_that_is_still_in_time_is_left_alone(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.run(make_recipient, campaign)
    ticker.tick()
    (row,) = bench.queued()
    ticker.now = row.not_after
    assert ticker.tick().released == 0
    assert ticker.tick(after=0.000001).released == 1


def test_an_opt_out_that_came_between_blocks_at_release(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    recipient = bench.run(make_recipient, campaign)
    ticker.tick()
    bench.rows("INSERT INTO opt_outs (number, source) VALUES (:n, 'api')", n=recipient.numbers[0])
    ticker.tick(after=2)
    assert bench.recipient(recipient.id).status == "blocked"


def test_a_deadline_that_passed_between_expires_at_release(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    deadline = ticker.now + timedelta(seconds=1)
    recipient = bench.run(make_recipient, campaign, deadline_at=deadline)
    ticker.tick()
    ticker.tick(after=2)
    assert bench.recipient(recipient.id).status == "expired"


@pytest.mark.parametrize("cps", [2.0, 50.0])
def test_with_all_workers_dead_rows_stay_at_one_a_second(
    bench: Bench, ticker: Ticker, account: Account, campaign: Campaign, cps: float
) -> None:
    bench.set("accounts", account.id, cps=cps)
    bench.run(make_recipients, campaign, 400)
    for _ in range(8):  # the first seconds, until it shows that nobody claims
        ticker.tick(after=0.25)
    before = len(bench.queued())
    for _ in range(240):
        ticker.tick(after=0.25)
    assert before <= 1.3 * cps + 2
    assert 45 <= len(bench.queued()) - before <= 61
    lost = bench.value(
        "SELECT count(*) FROM recipients WHERE status NOT IN ('pending', 'in_flight')"
    )
    assert lost == 0


def test_full_speed_returns_as_soon_as_the_probe_is_claimed(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.run(make_recipients, campaign, 100)
    for _ in range(12):
        ticker.tick(after=0.25)
    probes = ticker.tick(after=1.3).given
    assert probes == 1
    bench.rows(
        "UPDATE attempts SET status = 'dialing', claimed_at = slot_at, claimed_by = 'w' "
        "WHERE status = 'queued'"
    )
    assert ticker.tick(after=0.5).given >= 5


def test_while_hints_cannot_be_published_one_slot_a_second_is_given(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.run(make_recipients, campaign, 50)
    given = [ticker.tick(after=0.25, publish_failing=True).given for _ in range(12)]
    assert sum(given) == 3
    assert max(given) == 1
