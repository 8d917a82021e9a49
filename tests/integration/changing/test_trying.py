"""Retries, reminders and households, changed while a campaign runs for what is not dialled yet."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns import changing
from campaigns.access import CLI
from campaigns.changing import TryingChange
from campaigns.db import database_now
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Account, Campaign, Recipient
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker, ended, tell

HOUR = timedelta(hours=1)


@pytest.fixture
def visits(bench: Bench, account: Account) -> Campaign:
    """Reminders three days and a day before each appointment."""
    rule = {"offsets": [72 * 3600, 24 * 3600], "deadlines": [24 * 3600, 0]}
    return bench.run(make_campaign, account, kind="reminder", reminder=rule)


def change(bench: Bench, campaign: Campaign, **asked: Any) -> Any:
    wanted = TryingChange.model_validate(asked)
    bench.run(lambda s: changing.change_trying(s, campaign.id, wanted, CLI, database_now(s)))
    (row,) = bench.rows("SELECT * FROM campaigns WHERE id = :id", id=campaign.id)
    return row


def patient(bench: Bench, campaign: Campaign, ahead: timedelta, **more: Any) -> Any:
    at = bench.now() + ahead
    values = {"appointment_at": at, "deadline_at": at - 24 * HOUR, "due": at - 72 * HOUR}
    return bench.run(make_recipient, campaign, **{**values, **more})


def said(bench: Bench) -> list[str]:
    return [row.sentence for row in bench.rows("SELECT sentence FROM campaign_log ORDER BY id")]


def test_the_retries_of_the_next_ending_are_those_of_the_change(
    bench: Bench, campaign: Campaign
) -> None:
    who = bench.run(make_recipient, campaign)
    attempt = bench.run(lambda s: make_attempt(s, s.get_one(Recipient, who.id), "ringing"))
    row = change(bench, campaign, retry_policy="once")
    assert row.retry_policy["max_attempts"] == 1
    tell(bench, attempt.id, ended("no_answer"))
    assert bench.recipient(who.id).status == "exhausted"
    assert said(bench) == [
        "The retries were changed (“Everybody is called once”) by the command line."
    ]
    change(bench, campaign, retry_policy="once")  # nothing is different: nothing is said
    assert len(said(bench)) == 1


def test_another_meaning_of_a_shared_number_is_told(bench: Bench, campaign: Campaign) -> None:
    assert change(bench, campaign, household="merge").household == "merge"
    assert said(bench) == [
        "People who share a number get one call for all of them from now on; that was changed by "
        "the command line."
    ]


def test_reminders_that_are_put_off_move_what_is_queued(
    bench: Bench, visits: Campaign, ticker: Ticker
) -> None:
    who = patient(bench, visits, 60 * HOUR)
    ticker.tick()
    assert bench.recipient(who.id).status == "in_flight"
    change(bench, visits, offsets=["48h", "2h"])
    (attempt,) = bench.queued()
    assert (attempt.status, attempt.cancel_reason) == ("cancelled", "reminders_changed")
    row = bench.recipient(who.id)
    assert (row.status, row.stage, row.reason) == ("pending", 0, "reminders_changed")
    assert row.next_attempt_at == who.appointment_at - 48 * HOUR
    assert row.deadline_at == who.appointment_at - 2 * HOUR
    assert "2 days and 2 hours before the appointment" in said(bench)[0]


def test_who_was_reminded_is_not_reminded_at_once_again(bench: Bench, visits: Campaign) -> None:
    who = patient(bench, visits, 60 * HOUR)
    attempt = bench.run(lambda s: make_attempt(s, s.get_one(Recipient, who.id), "in_progress"))
    tell(bench, attempt.id, ended("answered_human"))
    change(bench, visits, offsets=["70h", "12h", "2h"])  # the time of the first has passed
    row = bench.recipient(who.id)
    assert (row.stage, row.next_attempt_at) == (1, who.appointment_at - 12 * HOUR)


def test_who_is_between_two_attempts_stays_there(bench: Bench, visits: Campaign) -> None:
    soon = bench.now() + HOUR
    who = patient(bench, visits, 60 * HOUR, attempts_spent=1, due=soon)
    change(bench, visits, offsets=["48h"])
    assert bench.recipient(who.id).next_attempt_at == soon


def test_what_cannot_be_is_refused_and_nothing_changed(
    bench: Bench, account: Account, campaign: Campaign, visits: Campaign
) -> None:
    with pytest.raises(InvalidInput, match="Only a reminder"):
        change(bench, campaign, household="merge", offsets=["24h"])
    assert bench.rows("SELECT household FROM campaigns WHERE id = :id", id=campaign.id) == [
        ("wait",)
    ]
    with pytest.raises(InvalidInput, match="same time"):
        change(bench, visits, offsets=["24h", "1d"])
    with pytest.raises(InvalidInput, match="no retry policy"):
        change(bench, visits, retry_policy="wild")
    for status in ("draft", "stopped", "completed"):
        over = bench.run(make_campaign, account, status=status)
        with pytest.raises(NotAllowed):
            change(bench, over, household="merge")
