"""Several reminders of one appointment: each with its own time, deadline, and attempts."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.db import database_now
from campaigns.models import Account, Attempt, Campaign, Recipient
from campaigns.reminders import Due, ReminderRule, due_times
from campaigns.store import responses
from campaigns.store.recipients import expire_overdue_recipients
from tests.factories import fiction_number, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_outcomes import over

HOUR = timedelta(hours=1)
RULE = {"offsets": [72 * 3600, 24 * 3600, 2 * 3600], "deadlines": [24 * 3600, 2 * 3600, 0]}
POLICY = {"waits": {"no_answer": [60]}, "jitter": 0.0, "max_attempts": 2, "other_hour": False}


def reminding(bench: Bench, account: Account, **more: Any) -> Campaign:
    return bench.run(
        make_campaign,
        account,
        kind="reminder",
        reminder={**RULE, **more},
        retry_policy=POLICY,
    )


@pytest.fixture
def visits(bench: Bench, account: Account) -> Campaign:
    """Reminders three days, a day, and two hours ahead."""
    return reminding(bench, account)


def patient(bench: Bench, campaign: Campaign, ahead: timedelta, **more: Any) -> Any:
    """Somebody with an appointment so far ahead, waiting for their first reminder."""
    now = bench.now()
    values = {"appointment_at": now + ahead, "deadline_at": now + ahead - 24 * HOUR, "due": now}
    return bench.run(make_recipient, campaign, **{**values, **more})


def call(bench: Bench, who: Recipient, disposition: str, key: str | None = None) -> Any:
    """One call to them, begun and ended now; `key` is the meaning of the key they pressed."""

    def dial(session: Session) -> Attempt:
        row = session.get_one(Recipient, who.id)
        n = 1 + session.query(Attempt).filter_by(recipient_id=row.id).count()
        attempt = make_attempt(session, row, "dialing", n=n, stage=row.stage)
        if key is not None:
            responses.insert_response(session, attempt.id, "1", key, database_now(session))
        return attempt

    return over(bench, bench.run(dial), disposition, bench.now())


@pytest.mark.parametrize("how", ["answered_human", "answered_machine", "rejected"])
def test_after_a_reminder_the_next_one_is_due_at_its_time(
    bench: Bench, visits: Campaign, how: str
) -> None:
    row = call(bench, who := patient(bench, visits, 50 * HOUR), how)
    assert (row.status, row.reason, row.stage) == ("pending", "next_reminder", 1)
    assert row.next_attempt_at == who.appointment_at - 24 * HOUR
    assert row.deadline_at == who.appointment_at - 2 * HOUR
    assert (row.attempts_spent, row.retry) == (0, False)


def test_attempts_are_counted_anew_for_each_reminder(bench: Bench, visits: Campaign) -> None:
    who = patient(bench, visits, 50 * HOUR)
    assert call(bench, who, "no_answer").reason == "after no_answer"
    row = call(bench, who, "no_answer")  # both attempts of the first reminder
    assert (row.stage, row.status, row.attempts_spent) == (1, "pending", 0)
    row = call(bench, who, "no_answer")
    assert (row.stage, row.reason, row.attempts_spent) == (1, "after no_answer", 1)
    row = call(bench, who, "no_answer")
    assert (row.stage, row.reason) == (2, "next_reminder")
    call(bench, who, "no_answer")
    row = call(bench, who, "no_answer")
    assert (row.stage, row.status) == (2, "exhausted")
    stages = bench.rows("SELECT stage FROM attempts ORDER BY n")
    assert [one.stage for one in stages] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("key", ["cancel", "reschedule", "confirm"])
def test_who_has_answered_is_not_reminded_again(bench: Bench, visits: Campaign, key: str) -> None:
    row = call(bench, patient(bench, visits, 50 * HOUR), "answered_human", key)
    assert (row.status, row.stage) == ("completed", 0)


def test_who_confirmed_is_reminded_again_where_the_campaign_says_so(
    bench: Bench, account: Account
) -> None:
    thorough = reminding(bench, account, again_when_confirmed=True)
    assert call(bench, patient(bench, thorough, 50 * HOUR), "answered_human", "confirm").stage == 1
    row = call(bench, patient(bench, thorough, 50 * HOUR), "answered_human", "cancel")
    assert row.status == "completed"


def test_an_opt_out_ends_all_reminders(bench: Bench, visits: Campaign) -> None:
    row = call(bench, patient(bench, visits, 50 * HOUR), "opted_out", "opt_out")
    assert (row.status, row.stage) == ("blocked", 0)


def test_without_a_number_there_is_no_further_reminder(bench: Bench, visits: Campaign) -> None:
    row = call(bench, patient(bench, visits, 50 * HOUR), "invalid_number")
    assert (row.status, row.reason) == ("exhausted", "no valid number left")


def test_a_reminder_that_passed_is_skipped_for_the_next_that_is_of_use(
    bench: Bench, visits: Campaign
) -> None:
    who = patient(bench, visits, 90 * timedelta(minutes=1), deadline_at=bench.now() + HOUR)
    row = call(bench, who, "answered_human")  # about the first one, late as it is
    assert (row.stage, row.status) == (2, "pending")
    assert row.next_attempt_at <= bench.now()
    assert row.deadline_at == who.appointment_at


def test_the_sweeper_goes_on_to_the_next_reminder(bench: Bench, visits: Campaign) -> None:
    now = bench.now()
    between = patient(bench, visits, 23 * HOUR)
    last = patient(bench, visits, HOUR * -1, stage=2, deadline_at=now - HOUR)
    plain = bench.run(make_recipient, visits, deadline_at=now - HOUR)
    assert sum(one.people for one in bench.run(expire_overdue_recipients, now)) == 3
    row = bench.recipient(between.id)
    assert (row.status, row.stage, row.reason) == ("pending", 1, "next_reminder")
    assert row.deadline_at == between.appointment_at - 2 * HOUR
    for one in (last, plain):
        assert (bench.recipient(one.id).status, bench.recipient(one.id).reason) == (
            "expired",
            "deadline passed",
        )


def test_the_tick_goes_on_to_the_next_reminder(
    bench: Bench, visits: Campaign, ticker: Ticker
) -> None:
    ago = bench.now() - HOUR
    worn_out = patient(bench, visits, 50 * HOUR, attempts_spent=2, due=ago)
    late = patient(bench, visits, 23 * HOUR, due=ago)
    assert ticker.tick().given == 0
    for one in (worn_out, late):
        row = bench.recipient(one.id)
        assert (row.status, row.stage, row.reason) == ("pending", 1, "next_reminder")


def test_a_late_word_about_an_earlier_reminder_plans_no_call(
    bench: Bench, visits: Campaign
) -> None:
    who = patient(bench, visits, 50 * HOUR)
    before = call(bench, who, "no_answer")
    (attempt,) = bench.queued()
    bench.rows("UPDATE recipients SET stage = 1, counted_from = now() + interval '1 second'")
    for word in ("no_answer", "answered_human", "busy"):
        row = over(bench, attempt, word, attempt.claimed_at)
        assert (row.status, row.stage) == ("pending", 1)
        assert row.next_attempt_at == before.next_attempt_at
    bench.run(lambda s: responses.insert_response(s, attempt.id, "1", "confirm", database_now(s)))
    row = over(bench, attempt, "answered_human", attempt.claimed_at)  # the key came late
    assert (row.status, row.reason) == ("completed", "answered by a person")


def test_the_earliest_deadline_comes_first_and_retries_keep_their_share(
    bench: Bench, account: Account, visits: Campaign, ticker: Ticker
) -> None:
    now = bench.now()
    order = [7, 2, 5, 1, 8, 3, 6, 4]
    for retried in (0, 1):
        for place, hours in enumerate(order):
            bench.run(
                make_recipient,
                visits,
                due=now - HOUR + timedelta(seconds=place),
                deadline_at=now + hours * HOUR,
                appointment_at=now + 72 * HOUR,
                attempts_spent=retried,
            )
    for _ in range(12):
        ticker.tick(0.25, claiming=True)
    rows = bench.rows("""
        SELECT r.retry, r.deadline_at FROM attempts a JOIN recipients r ON r.id = a.recipient_id
        ORDER BY a.slot_at""")
    assert len(rows) == 16
    for retry in (False, True):
        deadlines = [row.deadline_at for row in rows if row.retry == retry]
        assert deadlines == sorted(deadlines)
    assert 1 <= sum(row.retry for row in rows[:8]) <= 3  # a quarter, as ticks come


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=5, unique=True),
    st.integers(0, 5),
    st.integers(-10, 250),
    st.integers(0, 5),
)
def test_the_database_plans_by_the_same_rule(
    engine: Any, hours: list[int], deadline: int, ahead: int, first: int
) -> None:
    if deadline >= min(hours):
        return
    rule = ReminderRule.of([hour * 3600 for hour in hours], deadline * 3600)
    now = datetime.fromisoformat("2026-11-24T12:00:00+00:00")
    appointment = now + ahead * HOUR
    planned = due_times(rule, appointment, now, first)
    with Session(engine) as session:
        found = session.execute(
            text("SELECT * FROM planned_stage(CAST(:rule AS jsonb), :at, :first, :now)"),
            {
                "rule": json.dumps(rule.serialise()),
                "at": appointment,
                "first": first,
                "now": now,
            },
        ).one_or_none()
    if isinstance(planned, Due):
        assert found is not None
        assert (found.stage, found.due_at, found.deadline_at) == (
            planned.stage,
            planned.due_at,
            planned.deadline_at,
        )
    else:
        assert found is None


def test_numbers_keep_their_turn_from_one_reminder_to_the_next(
    bench: Bench, visits: Campaign
) -> None:
    numbers = [fiction_number(), fiction_number()]
    who = patient(bench, visits, 50 * HOUR, numbers=numbers)
    assert call(bench, who, "no_answer").number_index == 1
    row = call(bench, who, "answered_human")
    assert (row.stage, row.number_index) == (1, 1)  # where they were reached
