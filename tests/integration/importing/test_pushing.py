"""People pushed into a campaign by another program, also while it runs."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from campaigns.compliance import place_of
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.importing import PushedRecipient, push_recipients
from campaigns.models import OptOut
from campaigns.store import imports, recipients

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ANA = {"numbers": ["+12025550101"], "name": "Ana"}


@pytest.fixture
def push(engine):
    """A function that pushes people, given as dictionaries, and returns the result."""

    def pushed(campaign_id, *people, **options):
        rows = [PushedRecipient.model_validate(person) for person in people]
        with transaction(engine) as session:
            return push_recipients(session, campaign_id, rows, NOW, **options)

    return pushed


@pytest.mark.parametrize("status", ["draft", "scheduled", "running", "paused"])
def test_people_come_into_any_campaign_that_is_not_over(make_campaign, push, recipients_of, status):
    campaign = make_campaign(status=status)
    result = push(campaign, ANA)
    assert (result.created, result.duplicates, result.rejected) == (1, 0, 0)
    assert recipients_of(campaign, "id, numbers, fields, status, next_attempt_at, import_id") == [
        (result.rows[0].recipient_id, ["+12025550101"], {"name": "Ana"}, "pending", NOW, None)
    ]


@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_a_campaign_that_is_over_takes_nobody(make_campaign, push, recipients_of, status):
    campaign = make_campaign(status=status)
    with pytest.raises(NotAllowed, match=status):
        push(campaign, ANA)
    assert recipients_of(campaign) == []


def test_whoever_is_pushed_is_found_by_the_tick(engine, make_campaign, push):
    campaign = make_campaign(status="running")
    push(campaign, ANA)
    with transaction(engine) as session:
        key = recipients.zone_key_for(session, place_of("+12025550101"))
        due = recipients.due_recipients(session, campaign, [key], NOW, retry=False, limit=10)
    assert [one.numbers for one in due] == [["+12025550101"]]


def test_every_row_is_answered_on_its_own(engine, campaign, push, recipients_of):
    with transaction(engine) as session:
        session.add(OptOut(number="+12025550105", source="api"))
    push(campaign, ANA)
    result = push(
        campaign,
        {"numbers": ["911"]},
        {"numbers": ["202-555-0102", "1.2025550103E+10"]},
        ANA,
        {"numbers": ["+1 202 555 0102"], "name": "again"},
        {"numbers": ["+12025550105"]},
        {"numbers": ["+12005550100"]},
        {"numbers": ["+12025550106"], "zone": "EST"},
    )
    assert [(row.outcome, row.reason, row.status) for row in result.rows] == [
        ("rejected", "emergency", None),
        ("created", None, "pending"),
        ("duplicate", "duplicate", None),
        ("duplicate", "duplicate", None),
        ("created", None, "blocked"),
        ("created", None, "review"),
        ("rejected", "unknown_time_zone", None),
    ]
    assert result.rows[1].numbers == ["+12025550102", "+12025550103"]
    assert result.rows[3].recipient_id == result.rows[1].recipient_id
    assert (result.created, result.duplicates, result.rejected) == (3, 2, 2)
    assert recipients_of(campaign) == [
        (["+12025550101"], "pending", None),
        (["+12025550102", "+12025550103"], "pending", None),
        (["+12025550105"], "blocked", "opted out"),
        (["+12005550100"], "review", "time zone unknown"),
    ]


def test_a_file_and_a_push_know_each_others_people(campaign, push, imported, recipients_of):
    push(campaign, ANA)
    summary = imported(campaign, "phone\n202 555 0101\n202 555 0102\n")
    assert (summary.rows_imported, summary.duplicates) == (1, 1)
    assert push(campaign, {"numbers": ["+12025550102"]}).duplicates == 1
    assert len(recipients_of(campaign)) == 2


def test_live_accounts_take_no_number_reserved_for_fiction(make_campaign, push):
    assert push(make_campaign(live=True), ANA).rows[0].reason == "fictional"


def test_reminders_are_planned_from_their_appointments(make_campaign, push, recipients_of):
    reminders = make_campaign(kind="reminder", reminder={"offset": 86400, "deadline": 3600})
    at = NOW + timedelta(days=10)
    result = push(
        reminders,
        {**ANA, "appointment_at": at.isoformat()},
        {**ANA, "appointment_at": (NOW - timedelta(days=1)).isoformat()},
        ANA,
    )
    assert [(row.outcome, row.status, row.reason) for row in result.rows] == [
        ("created", "pending", None),
        ("created", "expired", None),
        ("rejected", None, "no_appointment"),
    ]
    assert recipients_of(reminders, "next_attempt_at, deadline_at, appointment_at")[0] == (
        *(at - timedelta(days=1), at - timedelta(hours=1), at),
    )


def test_whoever_lacks_what_the_texts_name_is_rejected(engine, campaign, push):
    flow = """{"kind": "announcement", "message": "Hello {name}, your table at {place}."}"""
    with transaction(engine) as session:
        session.execute(text("UPDATE flows SET definition = CAST(:flow AS jsonb)"), {"flow": flow})
    result = push(campaign, ANA, {**ANA, "fields": {"place": 7}})
    assert [(row.outcome, row.reason) for row in result.rows] == [
        ("rejected", "missing_field"),
        ("created", None),
    ]
    assert "{place}" in str(result.rows[0].detail)


def test_the_country_may_be_said(campaign, push):
    assert push(campaign, {"numbers": ["020 7946 0018"]}).rejected == 1
    result = push(campaign, {"numbers": ["020 7946 0018"]}, default_country="gb")
    assert result.rows[0].numbers == ["+442079460018"]
    with pytest.raises(InvalidInput, match="country"):
        push(campaign, ANA, default_country="XX")


def test_a_thousand_people_at_once_and_not_one_more(campaign, push, recipients_of):
    people = [{"numbers": [f"+1{area}55501{n:02}"]} for area in range(201, 220) for n in range(100)]
    result = push(campaign, *people[:1000])
    assert result.created + result.rejected == 1000
    assert len(recipients_of(campaign)) == result.created > 800
    with pytest.raises(InvalidInput, match="between 1 and 1,000"):
        push(campaign, *people[:1001])
    with pytest.raises(InvalidInput):
        push(campaign)


def test_an_unknown_campaign_is_named(push):
    with pytest.raises(NotFound, match="no campaign 77"):
        push(77, ANA)


@pytest.mark.parametrize(
    "person",
    [
        {},
        {"numbers": []},
        {"numbers": ["1"] * 11},
        {"numbers": ["\0"]},
        {"numbers": ["+12025550101"], "fields": {"Bad name": "x"}},
        {"numbers": ["+12025550101"], "fields": {"x": "a\0b"}},
        {"numbers": ["+12025550101"], "fields": {"x": ["list"]}},
        {"numbers": ["+12025550101"], "name": "\ud800"},
        {"numbers": ["+12025550101"], "appointment_at": "2026-11-24T10:00"},
        {"numbers": ["+12025550101"], "phone": "x"},
    ],
)
def test_what_is_no_person_is_refused_before_anything_is_stored(person):
    with pytest.raises(ValidationError):
        PushedRecipient.model_validate(person)


def test_a_campaign_cannot_be_declared_over_beneath_a_push(engine, make_campaign, push):
    """The sweeper that completes drained campaigns waits for a push that is not committed."""
    campaign = make_campaign(status="running")
    with transaction(engine) as session:
        push_recipients(session, campaign, [PushedRecipient.model_validate(ANA)], NOW)
        with transaction(engine) as other:
            wanted = text("SELECT id FROM campaigns FOR NO KEY UPDATE SKIP LOCKED")
            assert other.execute(wanted).all() == []
    with transaction(engine) as other:
        assert len(other.execute(wanted).all()) == 1


def test_a_push_that_waits_for_an_import_does_not_hold_up_the_tick(engine, make_campaign):
    campaign = make_campaign(status="running")
    failed = []

    def push_meanwhile():
        try:
            with transaction(engine) as session:
                person = PushedRecipient.model_validate(ANA)
                push_recipients(session, campaign, [person], database_now(session))
        except OperationalError as error:
            failed.append(error)

    with transaction(engine) as importer:
        importer.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        imports.wait_for_turn_at_campaign(importer, campaign)
        thread = threading.Thread(target=push_meanwhile)
        thread.start()
        with transaction(engine) as tick:
            tick.execute(text("UPDATE campaigns SET vtime = 1"))
        thread.join(20)
    assert failed  # after its lock time-out; the client asks again
