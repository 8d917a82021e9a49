"""What follows for a recipient: a next time, or a reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.lifecycle import Disposition
from campaigns.models import Account, Attempt, Campaign, Recipient
from campaigns.outcomes import conclude, release_cancelled
from campaigns.store.attempts import Cancelled
from campaigns.store.call_status import lock_attempt
from tests.factories import (
    fiction_number,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)
from tests.integration.core.conftest import Bench

WAITS = {"waits": {"busy": [100, 200], "no_answer": [50]}, "jitter": 0.0}
NOON = datetime(2027, 1, 13, 17, 0, tzinfo=UTC)  # in New York; a Wednesday


@pytest.fixture
def tried(bench: Bench, account: Account) -> Campaign:
    """A campaign with simple waits, 9 to 17 in the callee's zone."""
    return bench.run(make_campaign, account, retry_policy=WAITS, windows="daily 09:00-17:00")


def attempted(bench: Bench, campaign: Campaign, **recipient: Any) -> Attempt:
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign, **recipient), "dialing"))


def over(bench: Bench, attempt: Attempt, disposition: str, now: datetime = NOON) -> Any:
    """The attempt ends at `now`; returns its recipient."""

    def end(session: Session) -> None:
        row = session.get_one(Attempt, attempt.id)
        row.status, row.disposition, row.ended_at = "ended", disposition, now
        row.claimed_at = now
        session.flush()
        locked = lock_attempt(session, attempt.id)
        assert locked is not None
        conclude(session, locked, Disposition(disposition), now)

    bench.run(end)
    return bench.recipient(attempt.recipient_id)


def again(bench: Bench, recipient_id: int, n: int) -> Attempt:
    return bench.run(lambda s: make_attempt(s, s.get_one(Recipient, recipient_id), "dialing", n=n))


def test_busy_is_tried_again_after_the_policys_wait(bench: Bench, tried: Campaign) -> None:
    attempt = attempted(bench, tried)
    row = over(bench, attempt, "busy")
    assert (row.status, row.reason, row.attempts_spent) == ("pending", "after busy", 1)
    assert row.next_attempt_at == NOON + timedelta(seconds=100)
    second = over(bench, again(bench, row.id, 2), "busy", NOON + timedelta(hours=1))
    assert second.next_attempt_at == NOON + timedelta(hours=1, seconds=200)


def test_waits_shrink_with_the_accounts_time_scale(bench: Bench) -> None:
    account = bench.run(make_account, time_scale=0.1)
    campaign = bench.run(make_campaign, account, retry_policy=WAITS)
    row = over(bench, attempted(bench, campaign), "busy")
    assert row.next_attempt_at == NOON + timedelta(seconds=10)


def test_numbers_take_turns_and_the_zone_follows_the_number(bench: Bench, account: Account) -> None:
    """Without a zone of its own the recipient's hours are those of the number called next:
    New York's, then Los Angeles'."""
    campaign = bench.run(make_campaign, account, retry_policy=WAITS | {"max_attempts": 9})
    numbers = ["+12125550101", "+12135550102"]
    attempt = attempted(bench, campaign, numbers=numbers, zone="America/New_York")
    bench.set("recipients", attempt.recipient_id, zone=None)
    seen = []
    for n in range(2, 5):
        row = over(bench, attempt, "no_answer", NOON + timedelta(hours=n))
        zones = bench.value("SELECT zones FROM zone_keys WHERE id = :id", id=row.zone_key)
        seen.append((row.numbers[row.number_index], zones))
        attempt = again(bench, row.id, n)
    assert seen == [
        (numbers[1], ["America/Los_Angeles"]),
        (numbers[0], ["America/New_York"]),
        (numbers[1], ["America/Los_Angeles"]),
    ]


def test_a_number_that_does_not_exist_is_left_out_of_the_turns(
    bench: Bench, tried: Campaign
) -> None:
    numbers = [fiction_number() for _ in range(3)]
    attempt = attempted(bench, tried, numbers=numbers, number_index=1)
    row = over(bench, attempt, "invalid_number")
    assert (row.numbers, row.number_index) == ([numbers[0], numbers[2]], 1)
    assert row.next_attempt_at == NOON


def test_after_hours_the_next_opening_counts(bench: Bench, tried: Campaign) -> None:
    late = datetime(2027, 1, 13, 21, 59, tzinfo=UTC)  # 16:59 in New York
    row = over(bench, attempted(bench, tried), "busy", late)
    assert row.next_attempt_at == datetime(2027, 1, 14, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "opening"),
    [
        (datetime(2027, 3, 13, 21, 59, tzinfo=UTC), datetime(2027, 3, 14, 13, 0, tzinfo=UTC)),
        (datetime(2027, 11, 6, 20, 59, tzinfo=UTC), datetime(2027, 11, 7, 14, 0, tzinfo=UTC)),
    ],
)
def test_the_next_opening_is_right_on_days_when_clocks_change(
    bench: Bench, tried: Campaign, day: datetime, opening: datetime
) -> None:
    assert over(bench, attempted(bench, tried), "busy", day).next_attempt_at == opening


def test_a_deadline_before_the_next_opening_expires(bench: Bench, tried: Campaign) -> None:
    late = datetime(2027, 1, 13, 21, 59, tzinfo=UTC)
    attempt = attempted(bench, tried, deadline_at=late + timedelta(hours=8))
    row = over(bench, attempt, "busy", late)
    assert (row.status, row.reason) == ("expired", "deadline before the next legal hour")


def test_an_unknown_zone_is_for_review_never_for_calling(bench: Bench, account: Account) -> None:
    campaign = bench.run(make_campaign, account, retry_policy=WAITS)
    attempt = attempted(bench, campaign, numbers=["+12125550105"])
    bench.rows("UPDATE recipients SET zone = NULL, numbers = ARRAY['+18005550199']")
    row = over(bench, attempt, "busy")
    assert (row.status, row.reason) == ("review", "time zone unknown")


@pytest.mark.parametrize(
    ("disposition", "status", "reason"),
    [
        ("answered_human", "completed", "answered by a person"),
        ("answered", "completed", "answered"),
        ("answered_machine", "completed", "answered by a machine"),
        ("rejected", "exhausted", "declined"),
        ("opted_out", "blocked", "asked not to be called again"),
        ("unknown", "review", "a call may have been made; how it ended is not known"),
        ("failed", "exhausted", "failed is not retried"),
        ("invalid_number", "exhausted", "no valid number left"),
    ],
)
def test_these_ends_are_final(
    bench: Bench, tried: Campaign, disposition: str, status: str, reason: str
) -> None:
    row = over(bench, attempted(bench, tried), disposition)
    assert (row.status, row.reason, row.next_attempt_at) == (status, reason, None)


def test_the_last_allowed_attempt_exhausts(bench: Bench, account: Account) -> None:
    campaign = bench.run(make_campaign, account, retry_policy=WAITS | {"max_attempts": 2})
    attempt = attempted(bench, campaign)
    assert over(bench, attempt, "busy").status == "pending"
    row = over(bench, again(bench, attempt.recipient_id, 2), "busy")
    assert (row.status, row.reason) == ("exhausted", "all 2 attempts were made")


def test_whoever_opted_out_meanwhile_is_blocked_whatever_the_end(
    bench: Bench, tried: Campaign
) -> None:
    attempt = attempted(bench, tried)
    bench.rows("INSERT INTO opt_outs (number, source) VALUES (:n, 'cli')", n=attempt.number)
    assert over(bench, attempt, "busy").status == "blocked"


def test_a_daily_limit_puts_the_next_call_a_day_away(bench: Bench, account: Account) -> None:
    policy = WAITS | {"max_per_day": 1, "other_hour": False}
    campaign = bench.run(make_campaign, account, retry_policy=policy)
    row = over(bench, attempted(bench, campaign), "busy")
    assert row.next_attempt_at == NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("reason", "counted"),
    [
        ("paused", 0),
        ("stopped", 0),
        ("account_fault", 0),
        ("not_placed", 1),
        ("window_closed", 0),
        ("late_slot", 1),
        ("stale_claim", 1),
        ("congested", 1),
        ("not_sent", 1),
    ],
)
def test_every_cancel_gives_a_next_time(
    bench: Bench, campaign: Campaign, reason: str, counted: int
) -> None:
    attempt = attempted(bench, campaign)
    cancelled = [
        Cancelled(attempt.id, attempt.recipient_id, campaign.account_id, campaign.id, reason)
    ]
    bench.run(release_cancelled, cancelled, NOON)
    row = bench.recipient(attempt.recipient_id)
    assert (row.status, row.reason, row.cancels_in_row) == ("pending", reason, counted)
    assert NOON <= row.next_attempt_at <= NOON + timedelta(seconds=1.1 * counted)


def test_a_cancel_says_nothing_about_a_recipient_that_is_settled(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = attempted(bench, campaign)
    bench.set("recipients", attempt.recipient_id, status="completed")
    cancelled = [
        Cancelled(attempt.id, attempt.recipient_id, campaign.account_id, campaign.id, "paused")
    ]
    bench.run(release_cancelled, cancelled, NOON)
    assert bench.recipient(attempt.recipient_id).status == "completed"


def test_a_call_breaks_a_row_of_cancels(bench: Bench, tried: Campaign) -> None:
    attempt = attempted(bench, tried, cancels_in_row=7)
    assert over(bench, attempt, "busy").cancels_in_row == 0


def test_a_cancel_of_somebody_whose_zone_cannot_be_read_fails_nobody_elses(
    bench: Bench, campaign: Campaign
) -> None:
    broken, fine = attempted(bench, campaign), attempted(bench, campaign)
    bench.set("recipients", broken.recipient_id, zone="Nowhere/Atall")
    cancelled = [
        Cancelled(one.id, one.recipient_id, campaign.account_id, campaign.id, "window_closed")
        for one in (broken, fine)
    ]
    bench.run(release_cancelled, cancelled, NOON)
    assert bench.recipient(fine.recipient_id).status == "pending"
    row = bench.recipient(broken.recipient_id)
    assert (row.status, "Nowhere/Atall" in row.reason) == ("review", True)
