"""Reports over real rows: sums add up, sentences say why nothing happens."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from campaigns import reporting
from campaigns.db import transaction
from campaigns.errors import InvalidInput, NotFound
from campaigns.lifecycle import AttemptStatus, Disposition, RecipientStatus
from campaigns.reporting import Surroundings
from campaigns.reporting.values import CampaignReport
from campaigns.store import dispatch
from tests.integration.reporting.seed import (
    NOW,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_response,
)

AROUND = Surroundings()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with transaction(engine) as opened:
        make_account(opened)
        yield opened


def alive(session: Session) -> None:
    """Signs of life as of `NOW`, so that nothing keeps the tick from giving slots."""
    for name, kind in (("web:a:1", "web"), ("dial:a:2", "dial"), ("public_url", "public_url")):
        dispatch.beat(session, name, kind, ready=True, detail={"url": "http://example.test"})
    session.execute(text("UPDATE heartbeats SET at = :now"), {"now": NOW})


def report_of(session: Session, campaign_id: int) -> CampaignReport:
    return reporting.campaign_report(session, campaign_id, NOW, AROUND)


def test_every_way_of_counting_adds_up_to_the_rows(session):
    campaign_id = make_campaign(session)
    other = make_campaign(session, name="another")
    make_attempt(session, make_recipient(session, other, 90), "ended", disposition="busy")
    n = 0
    for status in RecipientStatus:
        for _ in range(n + 1):
            n += 1
            recipient = make_recipient(session, campaign_id, n, status=status.value)
        if status is not RecipientStatus.PENDING:
            for disposition in Disposition:
                hours = timedelta(hours=n % 4)
                make_attempt(session, recipient, disposition=disposition.value, slot_at=NOW - hours)
            make_attempt(session, recipient, "cancelled", cancel_reason="congested")
            make_attempt(session, recipient, ["dialing", "ringing", "in_progress"][n % 3])
    report = report_of(session, campaign_id)

    counts = report.recipients
    assert counts.total == n
    assert sum(getattr(counts, status.value) for status in RecipientStatus) == n
    wait = report.waiting
    assert wait.due + wait.hours + wait.retry + wait.later == counts.pending
    attempts = session.execute(
        text("SELECT count(*) FROM attempts WHERE campaign_id = :id"), {"id": campaign_id}
    ).scalar_one()
    assert report.attempts.total == attempts
    assert sum(report.attempts.by_status.values()) == attempts
    assert set(report.attempts.by_status) == {status.value for status in AttemptStatus}
    assert sum(report.dispositions.values()) == report.attempts.by_status["ended"]
    assert (
        sum(report.attempts.cancelled_by_reason.values()) == report.attempts.by_status["cancelled"]
    )
    assert sum(hour.attempts for hour in report.hours) == attempts
    assert sum(hour.calls + hour.cancelled for hour in report.hours) == attempts
    assert report.attempts.live == sum(report.live_calls.values()) == report.on_the_phone
    assert report.attempts.spent == attempts - report.attempts.by_status["cancelled"]
    assert report.attempts.refused == report.attempts.cancelled_by_reason["congested"]


def test_hours_are_utc_and_in_order(session):
    campaign_id = make_campaign(session)
    recipient = make_recipient(session, campaign_id, 1, status="completed")
    for hours in (30, 2, 2):
        make_attempt(session, recipient, slot_at=NOW - timedelta(hours=hours))
    make_attempt(session, recipient, answered_at=NOW, disposition="answered_human")

    found = [
        (hour.hour, hour.calls, hour.answered) for hour in report_of(session, campaign_id).hours
    ]

    top = NOW.replace(minute=0)
    assert found == [
        (top - timedelta(hours=30), 1, 0),
        (top - timedelta(hours=2), 2, 0),
        (top, 1, 1),
    ]


def test_the_last_key_of_a_person_counts_once_and_every_key_is_kept(session):
    campaign_id = make_campaign(session, kind="reminder")
    recipient = make_recipient(session, campaign_id, 1, status="completed")
    first = make_attempt(session, recipient)
    second = make_attempt(session, recipient)
    make_response(session, first, "1", "confirm", NOW - timedelta(hours=1))
    make_response(session, second, "3", "cancel", NOW)

    answers = report_of(session, campaign_id).answers

    assert answers.all == {"confirm": 1, "reschedule": 0, "cancel": 1, "opt_out": 0}
    assert answers.latest == {"confirm": 0, "reschedule": 0, "cancel": 1, "opt_out": 0}
    assert [(key.digit, key.presses, key.latest) for key in answers.keys] == [
        ("1", 1, 0),
        ("3", 1, 1),
    ]


def test_in_doubt_now_and_ever(session):
    campaign_id = make_campaign(session)
    doubtful = make_recipient(session, campaign_id, 1, status="in_flight")
    make_attempt(session, doubtful, "dialing", in_doubt_at=NOW)
    resolved = make_recipient(session, campaign_id, 2, status="completed")
    make_attempt(session, resolved, "ended", in_doubt_at=NOW, disposition="answered")

    attempts = report_of(session, campaign_id).attempts

    assert (attempts.in_doubt, attempts.ever_in_doubt) == (1, 2)


def test_a_campaign_under_closed_windows_says_so_and_when_they_open(session):
    alive(session)
    campaign_id = make_campaign(session, windows="daily 10:00-12:00")
    for n in range(12):
        make_recipient(session, campaign_id, n)

    report = report_of(session, campaign_id)

    expected = (
        "12 people wait for their calling hours; the next window opens "
        "Mon 23 Nov 2026, 10:00 in New York, in 30 minutes."
    )
    assert report.waiting.sentence == report.sentence == expected
    assert report.waiting.opens_at == report.waiting.next_due_at == NOW + timedelta(minutes=30)
    assert report.waiting.hours == 12


def test_a_zone_that_is_open_does_not_wait_with_those_that_are_closed(session):
    alive(session)
    campaign_id = make_campaign(session, windows="daily 09:00-12:00")
    make_recipient(session, campaign_id, 1)
    make_recipient(session, campaign_id, 2, zones=("America/Los_Angeles",))
    make_recipient(
        session, campaign_id, 3, attempts_spent=1, next_attempt_at=NOW + timedelta(hours=1)
    )
    make_recipient(session, campaign_id, 4, next_attempt_at=NOW + timedelta(days=3))

    wait = report_of(session, campaign_id).waiting

    assert (wait.due, wait.hours, wait.retry, wait.later) == (1, 1, 1, 1)
    assert wait.sentence == (
        "1 person can be called now; waiting: 1 for their calling hours (the next window opens "
        "Mon 23 Nov 2026, 09:00 in Los Angeles, in 2 hours), 1 to be called again, the first "
        "in 1 hour and 1 for their time, the first in 3 days."
    )


def test_a_window_that_never_meets_the_rules_is_said_to_stay_closed(session):
    campaign_id = make_campaign(session, rule_set="house", windows="sun 10:00-12:00")
    make_recipient(session, campaign_id, 1)

    wait = report_of(session, campaign_id).waiting

    assert wait.hours == 1
    assert wait.opens_at is None
    assert "no window opens within the next two weeks" in wait.sentence


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("draft", "Draft with 1 person. Start it when you are ready."),
        ("paused", "Paused."),
        ("stopped", "Stopped."),
    ],
)
def test_the_status_in_words(session, status, expected):
    campaign_id = make_campaign(session, status=status)
    make_recipient(session, campaign_id, 1)
    assert report_of(session, campaign_id).sentence == expected


def test_a_running_campaign_says_why_nobody_is_called(session):
    campaign_id = make_campaign(session)
    make_recipient(session, campaign_id, 1)
    assert "no web process has given a sign of life" in report_of(session, campaign_id).sentence
    alive(session)
    assert report_of(session, campaign_id).sentence == "Running. 1 person can be called now."
    session.execute(
        text("UPDATE accounts SET status = 'paused', status_reason = 'The provider said no.'")
    )
    told = report_of(session, campaign_id).sentence
    assert told == "Running, but the account sim is paused: The provider said no."


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("draft", "3 people are waiting for the start."),
        ("scheduled", "3 people are waiting for the start, Tue 24 Nov 2026, 14:30 UTC."),
        ("paused", "2 people were not called yet and 1 person is to be called again."),
        ("stopped", "2 people were not called and 1 person was to be called again."),
    ],
)
def test_nobody_can_be_called_in_a_campaign_that_does_not_run(session, status, expected):
    alive(session)
    start = NOW + timedelta(days=1) if status == "scheduled" else None
    campaign_id = make_campaign(session, status=status, starts_at=start)
    for n in (1, 2):
        make_recipient(session, campaign_id, n)
    make_attempt(session, make_recipient(session, campaign_id, 3, attempts_spent=1))
    assert report_of(session, campaign_id).waiting.sentence == expected


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE accounts SET status = 'paused', status_reason = 'No money.'", "sim is paused: No"),
        ("UPDATE accounts SET backoff_until = :later", "sim is backing off and dials again in 40"),
        ("DELETE FROM heartbeats WHERE kind = 'web' AND at < :later", "no web process"),
    ],
)
def test_those_who_are_due_but_held_up_are_not_said_to_be_callable(session, change, why):
    alive(session)
    campaign_id = make_campaign(session)
    make_recipient(session, campaign_id, 1)
    later = {"later": NOW + timedelta(seconds=40)} if ":later" in change else {}
    session.execute(text(change), later)

    report = report_of(session, campaign_id)

    assert report.waiting.sentence.startswith("1 person is due, but ")
    assert why in report.waiting.sentence
    assert report.sentence.startswith("Running, but ")
    assert why in report.sentence


def test_a_live_account_says_that_live_dialling_is_off(session):
    alive(session)
    make_account(session, "real", base_url="https://example.signalwire.com", live=True)
    campaign_id = make_campaign(session, account="real")
    make_recipient(session, campaign_id, 1)
    assert "live dialling is switched off" in report_of(session, campaign_id).sentence


def test_a_recipient_history_has_everything_on_their_own_clock(session):
    campaign_id = make_campaign(session, kind="reminder")
    recipient = make_recipient(
        session, campaign_id, 1, next_attempt_at=NOW + timedelta(hours=2), reason="after busy"
    )
    attempt = make_attempt(session, recipient, disposition="busy")
    make_response(session, attempt, "1", "confirm")

    history = reporting.recipient_history(session, recipient, NOW)

    assert history.numbers == ["+12125550101"]
    assert history.sentence == (
        "Is due in 2 hours, Mon 23 Nov 2026, 11:30 in New York (after busy)."
    )
    assert history.attempts[0].local_time == "Mon 23 Nov 2026, 09:20 in New York"
    assert [r.meaning for r in history.attempts[0].responses] == ["confirm"]
    assert history.campaign_name == "Water is off"


def test_local_time_shows_every_clock_that_differs(session):
    campaign_id = make_campaign(session)
    # The area code 208 lies in two time zones.
    recipient = make_recipient(session, campaign_id, 1, numbers=["+12085550101"])
    local = reporting.recipient_history(session, recipient, NOW).next_attempt_local
    assert local == "Mon 23 Nov 2026, 07:30 in Boise or Mon 23 Nov 2026, 06:30 in Los Angeles"


def test_what_does_not_exist_is_not_found(session):
    for ask in (
        lambda: reporting.campaign_report(session, 99, NOW, AROUND),
        lambda: reporting.recipient_history(session, 99, NOW),
        lambda: reporting.attempt_history(session, 99),
        lambda: reporting.list_recipients(session, 99, None, 0, 10),
        lambda: reporting.read_log(session, None, 10, campaign_id=99),
    ):
        with pytest.raises(NotFound):
            ask()


def test_an_unknown_status_is_refused_by_name(session):
    campaign_id = make_campaign(session)
    with pytest.raises(InvalidInput, match="pending"):
        reporting.list_recipients(session, campaign_id, "sleeping", 0, 10)


def test_an_empty_campaign_has_a_report_of_zeros(session):
    report = report_of(session, make_campaign(session, status="draft"))
    assert report.recipients.total == report.attempts.total == 0
    assert report.hours == []
    assert report.sentence == "Draft without recipients. Import some, then start it."
    assert report.waiting.sentence == "Nobody is waiting."


def test_the_overview_shows_active_campaigns_first_and_says_that_there_are_more(session):
    for n in range(40):
        make_campaign(session, status="completed", name=f"old {n}")
    running = make_campaign(session, name="active")
    make_campaign(session, status="completed", kind="test", name="test call")
    make_campaign(session, status="draft", name="draft")

    page = reporting.overview(session, NOW, AROUND)

    assert page.campaigns[0].campaign.id == running
    assert page.campaigns[1].campaign.name == "draft"
    assert len(page.campaigns) == 30
    assert page.more
    assert all(one.campaign.kind != "test" for one in page.campaigns)


def test_health_is_said_in_words(session):
    health = reporting.system_health(session, NOW, AROUND)
    assert not health.ok
    told = {line.part: line.sentence for line in health.lines}
    assert told["Scheduler"] == "No scheduler has led yet."
    assert told["Web"] == "No sign of life."
    alive(session)
    dispatch.take_lease(session, "scheduler:host:1:ab", 3600)
    session.execute(text("UPDATE leases SET expires_at = :at"), {"at": NOW + timedelta(seconds=2)})
    health = reporting.system_health(session, NOW, AROUND)
    assert health.ok
    version = session.execute(text("SHOW server_version")).scalar_one()
    assert [line.sentence for line in health.lines] == [
        "scheduler on host leads.",
        "1 is alive.",
        "1 is alive.",
        "http://example.test answers.",
        f"PostgreSQL {version} answers.",
        "None was missed in the last minute.",
        "None came yet.",
    ]


def test_a_snapshot_counts_one_instant_and_writes_nothing(engine):
    with transaction(engine) as session:
        make_account(session)
        campaign_id = make_campaign(session)
        make_recipient(session, campaign_id, 1)
    with transaction(engine) as reader:
        reporting.read_one_snapshot(reader)
        before = reporting.campaign_report(reader, campaign_id, NOW, AROUND)
        with transaction(engine) as writer:
            make_recipient(writer, campaign_id, 2)
        after = reporting.campaign_report(reader, campaign_id, NOW, AROUND)
    assert before.recipients == after.recipients
    assert after.recipients.total == 1
