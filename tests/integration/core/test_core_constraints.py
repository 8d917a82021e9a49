"""What the database itself refuses, so that no code path can get around it."""

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from campaigns.lifecycle import RANK, AttemptStatus, moves_forward
from campaigns.models import Campaign
from tests.factories import make_attempt, make_recipient
from tests.integration.core.conftest import Bench

LEGAL_COLUMNS = {
    "ended": "disposition = 'busy', ended_at = now(), cancel_reason = NULL",
    "cancelled": "cancel_reason = 'x', ended_at = now(), spent = false, disposition = NULL",
}


@pytest.mark.parametrize("now", [*AttemptStatus])
def test_an_attempt_moves_forward_only(
    bench: Bench, campaign: Campaign, now: AttemptStatus
) -> None:
    for then in AttemptStatus:
        attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), now.value))
        columns = LEGAL_COLUMNS.get(
            then, "ended_at = NULL, disposition = NULL, cancel_reason = NULL"
        )
        move = f"UPDATE attempts SET status = '{then}', {columns} WHERE id = {attempt.id}"
        if RANK[then] < RANK[now]:
            with pytest.raises(DBAPIError, match=f"is {now} and cannot become {then}"):
                bench.rows(move)
        elif moves_forward(now, then):
            bench.rows(move)
            assert bench.attempt(attempt.id).status == then


@pytest.mark.parametrize("status", ["ended", "cancelled"])
def test_a_number_is_free_again_when_its_attempt_is_over(
    bench: Bench, campaign: Campaign, status: str
) -> None:
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "ringing"))
    held = "SELECT live FROM attempt_numbers WHERE attempt_id = :id"
    assert bench.value(held, id=attempt.id) is True
    bench.rows(
        f"UPDATE attempts SET status = '{status}', {LEGAL_COLUMNS[status]} WHERE id = {attempt.id}"
    )
    assert bench.value(held, id=attempt.id) is False


def test_a_recipient_has_at_most_one_live_attempt(bench: Bench, campaign: Campaign) -> None:
    recipient = bench.run(make_recipient, campaign, numbers=["+12015550101", "+12015550102"])
    bench.run(make_attempt, recipient, "dialing")
    with pytest.raises(IntegrityError, match="uq_attempts_live_recipient"):
        bench.run(make_attempt, recipient, "queued", number="+12015550102")


def test_a_number_has_at_most_one_live_attempt(bench: Bench, campaign: Campaign) -> None:
    first = bench.run(make_recipient, campaign, numbers=["+12015550103"])
    second = bench.run(make_recipient, campaign, numbers=["+12015550103"])
    bench.run(make_attempt, first, "in_progress")
    with pytest.raises(IntegrityError, match="uq_attempt_numbers_live"):
        bench.run(make_attempt, second, "queued")


def test_a_cancelled_attempt_is_never_counted(bench: Bench, campaign: Campaign) -> None:
    with pytest.raises(IntegrityError, match="cancelled_is_free"):
        bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "cancelled", spent=True))


def test_a_live_account_cannot_shorten_its_waits(bench: Bench, campaign: Campaign) -> None:
    with pytest.raises(IntegrityError, match="time_scale"):
        bench.set("accounts", campaign.account_id, live=True, time_scale=0.5)


def test_whoever_waits_has_a_zone_key_or_would_be_forgotten(
    bench: Bench, campaign: Campaign
) -> None:
    with pytest.raises(IntegrityError, match="pending_has_a_zone"):
        bench.run(make_recipient, campaign, zone_key=None)
    bench.run(make_recipient, campaign, zone_key=None, status="review", next_attempt_at=None)
