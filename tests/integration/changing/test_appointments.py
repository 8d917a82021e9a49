"""Appointments that are moved or cancelled: what is not dialled moves or ends with them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import changing
from campaigns.access import CLI
from campaigns.callbacks import conversation, fields_of
from campaigns.db import database_now
from campaigns.errors import NotAllowed, NotFound
from campaigns.models import Account, Campaign, Recipient
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker, ended, tell

HOUR = timedelta(hours=1)
RULE = {"offsets": [72 * 3600, 24 * 3600], "deadlines": [24 * 3600, 0]}
POLICY = {"waits": {"no_answer": [60]}, "jitter": 0.0, "max_attempts": 2, "other_hour": False}


@pytest.fixture
def visits(bench: Bench, account: Account) -> Campaign:
    """Reminders three days and a day before each appointment."""
    return bench.run(make_campaign, account, kind="reminder", reminder=RULE, retry_policy=POLICY)


def patient(bench: Bench, campaign: Campaign, ahead: timedelta = 50 * HOUR, **more: Any) -> Any:
    at = bench.now() + ahead
    values = {"appointment_at": at, "deadline_at": at - 24 * HOUR, "dedupe_key": f"+1|{at}"}
    return bench.run(make_recipient, campaign, **{**values, **more})


def move(bench: Bench, who: Any, at: datetime) -> list[int]:
    return bench.run(lambda s: changing.move_appointment(s, who.id, at, CLI, database_now(s)))


def cancel(bench: Bench, who: Any) -> list[int]:
    return bench.run(lambda s: changing.cancel_appointment(s, who.id, CLI, database_now(s)))


def live(bench: Bench, who: Any, status: str) -> Any:
    return bench.run(lambda s: make_attempt(s, s.get_one(Recipient, who.id), status))


@pytest.mark.parametrize("status", ["pending", "completed", "exhausted", "expired"])
def test_a_moved_appointment_is_reminded_of_anew(
    bench: Bench, visits: Campaign, status: str
) -> None:
    who = patient(bench, visits, status=status, stage=1, attempts_spent=2)
    at = bench.now() + 200 * HOUR
    assert move(bench, who, at) == []
    row = bench.recipient(who.id)
    assert (row.status, row.stage, row.attempts_spent) == ("pending", 0, 0)
    assert (row.appointment_at, row.next_attempt_at) == (at, at - 72 * HOUR)
    assert row.deadline_at == at - 24 * HOUR
    assert row.dedupe_key.endswith(at.isoformat())
    move(bench, who, at)  # once more changes nothing
    assert bench.value("SELECT count(*) FROM audit_log WHERE action = 'recipient.move'") == 1


@pytest.mark.parametrize("status", ["blocked", "removed", "review"])
def test_these_are_not_called_again_by_a_move(bench: Bench, visits: Campaign, status: str) -> None:
    who = patient(bench, visits, status=status)
    with pytest.raises(NotAllowed, match="not moved"):
        move(bench, who, bench.now() + 200 * HOUR)
    assert bench.recipient(who.id).status == status


def test_moved_into_the_past_it_ends_without_a_call(bench: Bench, visits: Campaign) -> None:
    who = patient(bench, visits)
    move(bench, who, bench.now() - HOUR)
    assert (bench.recipient(who.id).status, bench.recipient(who.id).reason) == (
        "expired",
        "deadline passed",
    )


def test_what_is_queued_is_put_back_when_the_appointment_moves(
    bench: Bench, visits: Campaign, ticker: Ticker
) -> None:
    who = patient(bench, visits)
    ticker.tick()
    at = bench.now() + 200 * HOUR
    move(bench, who, at)
    (attempt,) = bench.queued()
    assert (attempt.status, attempt.cancel_reason) == ("cancelled", "appointment_moved")
    row = bench.recipient(who.id)
    assert (row.status, row.next_attempt_at) == ("pending", at - 72 * HOUR)


@pytest.mark.parametrize("end", ["answered_human", "no_answer", "unknown"])
def test_a_call_that_is_on_says_the_new_time_and_the_reminders_begin_anew(
    bench: Bench, visits: Campaign, end: str
) -> None:
    who = patient(bench, visits)
    attempt = live(bench, who, "ringing")
    at = bench.now() + 200 * HOUR
    assert move(bench, who, at) == []
    talk = bench.run(conversation, attempt.id)
    assert talk.appointment_at == at
    assert "appointment" in fields_of(talk)
    bench.rows("UPDATE attempts SET answered_at = now()") if end == "answered_human" else None
    tell(bench, attempt.id, ended(end if end != "unknown" else "no_answer"))
    row = bench.recipient(who.id)
    assert (row.status, row.stage, row.attempts_spent) == ("pending", 0, 0)
    assert row.next_attempt_at == at - 72 * HOUR


@pytest.mark.parametrize("status", ["pending", "review"])
def test_a_cancelled_appointment_is_not_called_about(
    bench: Bench, visits: Campaign, ticker: Ticker, status: str
) -> None:
    who = patient(bench, visits, status=status)
    assert cancel(bench, who) == []
    row = bench.recipient(who.id)
    assert (row.status, row.reason) == ("removed", "appointment_cancelled")
    assert ticker.tick().given == 0
    cancel(bench, who)
    assert bench.value("SELECT count(*) FROM audit_log WHERE action = 'recipient.cancel'") == 1


def test_what_was_settled_stays_but_no_further_reminder_comes(
    bench: Bench, visits: Campaign
) -> None:
    who = patient(bench, visits, status="completed", reason="answered")
    cancel(bench, who)
    assert bench.recipient(who.id).status == "completed"


def test_what_is_on_its_way_is_taken_back_when_the_appointment_is_cancelled(
    bench: Bench, visits: Campaign, ticker: Ticker
) -> None:
    queued, dialing, talking = (patient(bench, visits, hours * HOUR) for hours in (40, 41, 42))
    calls = {
        "queued": live(bench, queued, "queued"),
        "dialing": live(bench, dialing, "dialing"),
        "in_progress": live(bench, talking, "in_progress"),
    }
    assert cancel(bench, queued) == []
    assert cancel(bench, dialing) == [calls["dialing"].id]
    assert cancel(bench, talking) == []
    assert bench.attempt(calls["queued"].id).cancel_reason == "appointment_cancelled"
    assert bench.recipient(queued.id).status == "removed"
    assert bench.attempt(calls["dialing"].id).recall_reason == "appointment_cancelled"
    tell(bench, calls["dialing"].id, ended("canceled", call_id="a"))
    tell(bench, calls["in_progress"].id, ended("answered_human", call_id="b"))
    for who in (dialing, talking):
        row = bench.recipient(who.id)
        assert (row.status, row.reason) == ("removed", "appointment_cancelled")
    assert ticker.tick(60.0).given == 0


def test_a_cancelled_appointment_that_is_made_again_is_reminded_of(
    bench: Bench, visits: Campaign
) -> None:
    who = patient(bench, visits)
    cancel(bench, who)
    at = bench.now() + 100 * HOUR
    move(bench, who, at)
    row = bench.recipient(who.id)
    assert (row.status, row.appointment_cancelled_at) == ("pending", None)
    assert row.next_attempt_at == at - 72 * HOUR


def test_an_answer_about_the_old_time_is_none_about_the_new(bench: Bench, visits: Campaign) -> None:
    who = patient(bench, visits)
    attempt = live(bench, who, "in_progress")
    bench.rows(
        "INSERT INTO responses (attempt_id, recipient_id, campaign_id, digit, meaning, at)"
        " SELECT id, recipient_id, campaign_id, '1', 'confirm', now() FROM attempts"
    )
    tell(bench, attempt.id, ended("answered_human"))
    assert bench.recipient(who.id).status == "completed"
    move(bench, who, bench.now() + 60 * HOUR)
    row = bench.recipient(who.id)
    assert (row.status, row.stage) == ("pending", 0)


def test_a_move_onto_another_entry_of_the_same_person_is_refused(
    bench: Bench, visits: Campaign
) -> None:
    first, second = patient(bench, visits), patient(bench, visits, 99 * HOUR)
    key = f"+1|{second.appointment_at.isoformat()}"
    bench.set("recipients", second.id, dedupe_key=key)
    with pytest.raises(NotAllowed, match="another entry"):
        move(bench, first, second.appointment_at)


def test_only_appointments_of_campaigns_that_go_on_are_changed(
    bench: Bench, campaign: Campaign, visits: Campaign
) -> None:
    with pytest.raises(NotAllowed, match="no appointment"):
        cancel(bench, bench.run(make_recipient, campaign))
    who = patient(bench, visits)
    bench.set("campaigns", visits.id, status="stopped")
    with pytest.raises(NotAllowed, match="calls nobody any more"):
        move(bench, who, bench.now() + 60 * HOUR)
    with pytest.raises(NotFound):
        bench.run(lambda s: changing.cancel_appointment(s, 999, CLI, database_now(s)))
