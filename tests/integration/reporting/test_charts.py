"""What the charts of a campaign show, and who waits when very many do."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from campaigns import reporting
from campaigns.compliance import Place
from campaigns.db import transaction
from campaigns.errors import InvalidInput
from campaigns.flows.model import CallFlow
from campaigns.reporting import Surroundings
from campaigns.store import recipients, reports
from tests.integration.reporting.seed import (
    NEW_YORK,
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


def report_of(session: Session, campaign_id: int):
    return reporting.campaign_report(session, campaign_id, NOW, AROUND)


def test_the_funnel_counts_people_and_each_only_once(session):
    campaign_id = make_campaign(session, kind="reminder")
    make_recipient(session, campaign_id, 1)
    make_recipient(session, campaign_id, 2, attempts_spent=2)
    for n, (key, meaning) in enumerate((("1", "confirm"), ("3", "cancel")), 3):
        one = make_recipient(session, campaign_id, n, status="completed", attempts_spent=1)
        for _ in range(2):
            make_response(session, make_attempt(session, one), key, meaning)
    make_recipient(
        session,
        campaign_id,
        9,
        status="blocked",
        reason="asked not to be called again",
        attempts_spent=1,
    )
    steps = {step.key: step.people for step in report_of(session, campaign_id).funnel}
    assert steps == {"people": 5, "called": 4, "reached": 3, "pressed": 2, "confirmed": 1}


@pytest.mark.parametrize(
    ("keys", "last"),
    [({}, "reached"), ({"9": "opt_out"}, "pressed"), ({"1": "confirm"}, "confirmed")],
)
def test_the_funnel_goes_as_far_as_the_call_flow(session, keys, last):
    campaign_id = make_campaign(session, flow=flow_with(keys))
    assert [step.key for step in report_of(session, campaign_id).funnel][-1] == last


def flow_with(keys):
    answers = {key: {"meaning": meaning, "reply": "Thank you."} for key, meaning in keys.items()}
    prompt = {"prompt": "Press a key.", "answers": answers} if keys else {}
    return CallFlow.from_json({"kind": "announcement", "message": "Hello.", **prompt})


def test_calls_per_minute_are_sixty_minutes_with_their_zeros_and_a_cap(session):
    campaign_id = make_campaign(session, max_cps=0.5)
    recipient = make_recipient(session, campaign_id, 1, status="completed")
    for seconds in (5, 20, 70, 3_590, 3_700):
        make_attempt(session, recipient, slot_at=NOW - timedelta(seconds=seconds))
    make_attempt(session, recipient, "cancelled", slot_at=NOW - timedelta(seconds=10))

    report = report_of(session, campaign_id)

    assert len(report.minutes) == 60
    assert report.minutes[-1].minute == NOW
    found = {(NOW - one.minute).seconds // 60: one.calls for one in report.minutes if one.calls}
    assert found == {1: 2, 2: 1}  # 60 minutes ago is the one that has just left the picture
    assert report.calls_last_minute == 2
    assert report.calls_per_minute_cap == 30.0


def test_the_answer_rate_and_the_endings_of_each_hour(session):
    campaign_id = make_campaign(session)
    recipient = make_recipient(session, campaign_id, 1, status="completed")
    make_attempt(session, recipient, disposition="busy")
    make_attempt(session, recipient, disposition="answered_human", answered_at=NOW)
    hour_ago = NOW - timedelta(hours=1)
    make_attempt(session, recipient, disposition="busy", slot_at=hour_ago)
    make_attempt(session, recipient, "cancelled")

    report = report_of(session, campaign_id)

    assert (report.calls, report.answer_rate) == (3, 1 / 3)
    assert reporting.dispositions_by_hour(report.hours) == {
        "answered_human": [0, 1],
        "busy": [1, 1],
    }


def test_the_heat_map_is_on_the_wall_clock_of_the_zone_that_is_asked_for(session):
    campaign_id = make_campaign(session)
    recipient = make_recipient(session, campaign_id, 1, status="completed")
    make_attempt(session, recipient, disposition="answered", answered_at=NOW)
    # An hour that is a Sunday in New York and a Monday in UTC.
    make_attempt(session, recipient, slot_at=NOW - timedelta(hours=12))
    hours = report_of(session, campaign_id).hours

    def busy(zone: str) -> list[tuple[int, int, int, float | None]]:
        cells = reporting.answer_heat_map(hours, ZoneInfo(zone))
        assert len(cells) == 168
        return [(c.weekday, c.hour, c.calls, c.rate) for c in cells if c.calls]

    assert busy("UTC") == [(0, 2, 1, 0.0), (0, 14, 1, 1.0)]
    assert busy("America/New_York") == [(0, 9, 1, 1.0), (6, 21, 1, 0.0)]


def many(session: Session, campaign_id: int, count: int, first, step: float) -> None:
    key = recipients.zone_key_for(session, Place("US", ("NY",), NEW_YORK))
    session.execute(
        text("""
            INSERT INTO recipients (campaign_id, dedupe_key, numbers, zone_key, next_attempt_at)
            SELECT :id, 'many ' || n || ' ' || CAST(:first AS text), ARRAY['+12125550100'], :key,
                   CAST(:first AS timestamptz) + make_interval(secs => n * :step)
            FROM generate_series(1, :count) n
        """),
        {"id": campaign_id, "count": count, "key": key, "first": first, "step": step},
    )


@pytest.mark.parametrize(
    ("due", "later", "exact"),
    [(5000, 7, True), (7, 5000, True), (0, 3000, True), (150, 150, False)],
)
def test_who_is_due_is_exact_unless_very_many_are_due_around_now(session, due, later, exact):
    campaign_id = make_campaign(session)
    now = NOW + timedelta(minutes=5)
    if due:
        many(session, campaign_id, due, now - timedelta(seconds=120), 110 / due)
    if later:
        many(session, campaign_id, later, now, 110 / later)
    wait = reporting.campaign_with_counts(session, campaign_id, now, AROUND).waiting
    assert wait.exact is exact
    assert wait.due + wait.later == due + later
    if exact:
        assert (wait.due, wait.later) == (due, later)
    assert reports.COUNTED_ONE_BY_ONE < 150


def test_problems_and_the_next_window_are_said(session):
    campaign_id = make_campaign(session, windows="daily 10:00-12:00")
    make_recipient(session, campaign_id, 1)
    make_recipient(session, campaign_id, 2, status="review", reason="time zone unknown")
    doubtful = make_recipient(session, campaign_id, 3, status="in_flight")
    make_attempt(session, doubtful, "dialing", in_doubt_at=NOW)
    counts = reporting.campaign_with_counts(session, campaign_id, NOW, AROUND)
    assert counts.window == (
        "The next window opens Mon 23 Nov 2026, 10:00 in New York, in 30 minutes."
    )
    assert counts.problems[1:] == ["1 call is in doubt.", "1 person needs a decision."]
    assert counts.problems[0].startswith("Nobody is called: no web process")


def test_the_overview_goes_on_where_its_first_page_ended(session):
    ids = [make_campaign(session, status="completed", name=f"old {n}") for n in range(35)]
    running = make_campaign(session)
    first = reporting.overview(session, NOW, AROUND)
    second = reporting.overview(session, NOW, AROUND, first.after)
    shown = [one.campaign.id for page in (first, second) for one in page.campaigns]
    assert shown == [running, *reversed(ids)]
    assert second.after is None
    for wrong in ("x", "1-x", "9-1", "1-", "1-" + "9" * 30):
        with pytest.raises(InvalidInput):
            reporting.overview(session, NOW, AROUND, wrong)


def test_missed_slots_and_callbacks_that_wait_are_said(session):
    campaign_id = make_campaign(session)
    recipient = make_recipient(session, campaign_id, 1)
    for _ in range(2):
        make_attempt(session, recipient, "cancelled", slot_at=NOW - timedelta(seconds=30))
    make_attempt(session, recipient, "cancelled", slot_at=NOW - timedelta(seconds=90))
    attempt = make_attempt(session, recipient)
    session.execute(
        text("""
            INSERT INTO call_events (attempt_id, source, kind, dedupe_key, event, raw, received_at)
            VALUES (:id, 'webhook', 'ended', 'k', '{}', '', :at)
        """),
        {"id": attempt, "at": NOW - timedelta(seconds=30)},
    )
    health = reporting.system_health(session, NOW, AROUND)
    told = {line.part: line.sentence for line in health.lines}
    assert told["Slots"].startswith("2 were missed in the last minute")
    assert told["Callbacks"] == "The oldest one has waited 30 seconds to be applied."
