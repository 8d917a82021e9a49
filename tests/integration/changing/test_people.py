"""One person added, changed, removed: never while they are called, never called after."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns import changing
from campaigns.access import CLI
from campaigns.changing import PersonChange
from campaigns.compliance import zone_named
from campaigns.db import database_now
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.flows.builtin import announcement_flow
from campaigns.importing import PushedRecipient
from campaigns.models import Account, Campaign, Recipient
from campaigns.stopping import opt_out_number
from tests.factories import (
    fiction_number,
    make_attempt,
    make_campaign,
    make_flow,
    make_recipient,
)
from tests.integration.core.conftest import Bench, Ticker


def change(bench: Bench, person: Recipient, **what: Any) -> Any:
    bench.run(
        lambda s: changing.change_person(s, person.id, PersonChange(**what), CLI, database_now(s))
    )
    return bench.recipient(person.id)


def remove(bench: Bench, person: Recipient, why: str = "") -> bool:
    return bench.run(lambda s: changing.remove_person(s, person.id, CLI, database_now(s), why))


def add(bench: Bench, campaign: Campaign, **person: Any) -> int:
    return bench.run(
        lambda s: changing.add_person(
            s, campaign.id, PushedRecipient(**person), CLI, database_now(s)
        )
    )


@pytest.fixture
def campaign(bench: Bench, account: Account) -> Campaign:
    """A running announcement to whoever has a name."""

    def made(session: Session) -> Campaign:
        flow = make_flow(session, announcement_flow("Hello {name}."))
        return make_campaign(session, account, flow_id=flow.id)

    return bench.run(made)


@pytest.fixture
def person(bench: Bench, campaign: Campaign) -> Recipient:
    return bench.run(make_recipient, campaign)


@pytest.fixture
def reminder(bench: Bench, campaign: Campaign) -> Campaign:
    bench.rows(
        "UPDATE campaigns SET kind = 'reminder', reminder = '{\"offset\": 86400, \"deadline\": 0}'"
    )
    return campaign


def test_who_is_added_is_called(bench, campaign, ticker: Ticker):
    number = fiction_number()
    added = add(bench, campaign, numbers=[number], name="Ana", zone="America/New_York")
    ticker.tick(1.0)
    assert [(row.recipient_id, row.number) for row in bench.queued()] == [(added, number)]
    assert bench.value("SELECT action FROM audit_log") == "recipient.add"


def test_nobody_is_added_twice_or_without_a_number(bench, campaign):
    number = fiction_number()
    add(bench, campaign, numbers=[number], name="Ana")
    with pytest.raises(NotAllowed, match="already"):
        add(bench, campaign, numbers=[number], name="Ana")
    with pytest.raises(InvalidInput, match="Nobody was added"):
        add(bench, campaign, numbers=["12"], name="Ana")
    assert bench.value("SELECT count(*) FROM recipients") == 1


def test_a_changed_number_is_the_one_that_is_called(bench, campaign, ticker, person):
    number = fiction_number()
    row = change(bench, person, numbers=[number], name="Grace", fields={"doctor": "Dr Grey"})
    assert (row.numbers, row.dedupe_key) == ([number], number)
    assert row.fields == {"name": "Grace", "doctor": "Dr Grey"}
    ticker.tick()
    assert [attempt.number for attempt in bench.queued()] == [number]


def test_a_change_moves_the_person_to_the_zone_of_the_number(bench, campaign, person):
    zones = "SELECT zones FROM zone_keys WHERE id = (SELECT zone_key FROM recipients)"
    assert bench.value(zones) == ["America/New_York"]
    row = change(bench, person, zone="Europe/Vienna")
    assert (row.zone, bench.value(zones)) == ("Europe/Vienna", ["Europe/Vienna"])
    row = change(bench, person, zone="")
    assert row.zone is None
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        change(bench, person, zone="Mars/Olympus")


@pytest.mark.parametrize("status", ["queued", "dialing", "ringing", "in_progress"])
def test_who_is_being_called_is_neither_changed_nor_removed(bench, person, status):
    bench.run(lambda s: make_attempt(s, s.get_one(Recipient, person.id), status))
    with pytest.raises(NotAllowed, match="at this moment"):
        change(bench, person, name="Late")
    with pytest.raises(NotAllowed, match="at this moment"):
        remove(bench, person)
    assert bench.recipient(person.id).fields == {"name": "Ada"}


@pytest.mark.parametrize("status", ["completed", "blocked", "removed"])
def test_a_settled_fate_is_not_changed(bench, person, status):
    bench.set("recipients", person.id, status=status, next_attempt_at=None)
    with pytest.raises(NotAllowed):
        change(bench, person, name="Late", call_again=True)
    with pytest.raises(NotAllowed):
        remove(bench, person)


def test_a_new_number_that_has_opted_out_is_not_called(bench, campaign, ticker, person):
    number = fiction_number()
    bench.run(lambda s: opt_out_number(s, number, "api", database_now(s)))
    row = change(bench, person, numbers=[number])
    assert (row.status, row.reason) == ("blocked", "opted out")
    assert ticker.tick().given == 0


def test_two_people_do_not_become_one(bench, campaign, person):
    number = fiction_number()
    add(bench, campaign, numbers=[number], name="Ana")
    with pytest.raises(NotAllowed, match="already"):
        change(bench, person, numbers=[number])
    assert bench.recipient(person.id).numbers == person.numbers


def test_texts_keep_the_columns_they_need(bench, person):
    bench.set("recipients", person.id, fields="{}")
    with pytest.raises(InvalidInput, match="need"):
        change(bench, person, fields={"doctor": "Dr Grey"})


def test_a_moved_appointment_moves_the_call(bench, reminder, person):
    appointment = bench.now() + timedelta(days=3)
    row = change(bench, person, appointment_at=appointment)
    assert row.next_attempt_at == appointment - timedelta(days=1)
    assert row.deadline_at == appointment
    assert row.dedupe_key.endswith(appointment.isoformat())
    row = change(bench, person, appointment_at=bench.now() - timedelta(hours=1))
    assert (row.status, row.next_attempt_at) == ("expired", None)
    row = change(bench, person, appointment_at=appointment, call_again=True)
    assert (row.status, row.next_attempt_at) == ("pending", appointment - timedelta(days=1))


def test_who_is_added_has_an_appointment_on_any_clock(bench, reminder):
    at = (bench.now() + timedelta(days=3)).astimezone(zone_named("America/Denver"))
    added = add(bench, reminder, numbers=["+13035550143"], name="Ana", appointment_at=at)
    assert bench.recipient(added).appointment_at == at
    with pytest.raises(NotAllowed, match="already"):
        add(
            bench, reminder, numbers=["+13035550143"], name="Ana", appointment_at=at.astimezone(UTC)
        )
    row = change(bench, bench.recipient(added), appointment_at=at + timedelta(days=1))
    assert row.dedupe_key.endswith((at + timedelta(days=1)).astimezone(UTC).isoformat())


def test_only_reminders_have_appointments(bench, person):
    with pytest.raises(InvalidInput, match="Only a reminder"):
        change(bench, person, appointment_at=bench.now() + timedelta(days=3))


def test_who_waits_for_a_decision_is_called_again_only_when_that_is_said(
    bench, campaign, ticker, person
):
    bench.set("recipients", person.id, status="review", next_attempt_at=None, cancels_in_row=20)
    assert change(bench, person, name="Grace").status == "review"
    row = change(bench, person, call_again=True)
    assert (row.status, row.reason, row.cancels_in_row) == ("pending", "decided by a person", 0)
    assert ticker.tick(1.0).given == 1


def test_nobody_is_called_again_beyond_what_the_campaign_allows(bench, person):
    bench.set("recipients", person.id, status="review", next_attempt_at=None, attempts_spent=3)
    with pytest.raises(NotAllowed, match="All 3 attempts"):
        change(bench, person, call_again=True)


def test_who_is_taken_out_before_their_first_call_does_not_come_back_with_the_next_list(
    bench, campaign, ticker, person
):
    assert remove(bench, person, "asked us not to") is True
    with pytest.raises(NotAllowed, match="already"):
        add_same(bench, campaign, person)
    assert bench.recipient(person.id).status == "removed"
    assert ticker.tick().given == 0


def test_who_is_taken_out_of_a_draft_is_deleted(bench, campaign, ticker, person):
    bench.set("campaigns", campaign.id, status="draft")
    assert remove(bench, person) is False
    assert bench.rows("SELECT 1 FROM recipients") == []
    assert ticker.tick().given == 0
    (audit,) = bench.rows("SELECT action, subject, before, after FROM audit_log")
    assert (audit.action, audit.subject) == ("recipient.remove", f"recipient:{person.id}")
    assert audit.before["numbers"] == person.numbers
    assert audit.after["status"] == "deleted"


def test_who_was_called_is_kept_and_never_called_again(bench, campaign, ticker, person):
    bench.run(lambda s: make_attempt(s, s.get_one(Recipient, person.id), "ended"))
    assert remove(bench, person, "wrong person") is True
    row = bench.recipient(person.id)
    assert (row.status, row.reason) == ("removed", "taken out by command line: wrong person")
    assert ticker.tick(60.0).given == 0
    with pytest.raises(NotAllowed, match="already"):
        add_same(bench, campaign, person)


def add_same(bench: Bench, campaign: Campaign, person: Recipient) -> int:
    """The same person once more, as a second list would bring them."""
    bench.set("recipients", person.id, dedupe_key=person.numbers[0])
    return add(bench, campaign, numbers=person.numbers, name="Ada")


def test_of_nobody_nothing_is_changed(bench, campaign, person):
    stranger = Recipient(id=person.id + 1)
    with pytest.raises(NotFound):
        change(bench, stranger, name="x")
    with pytest.raises(NotFound):
        remove(bench, stranger)


def test_nobody_is_changed_in_a_campaign_that_is_over(bench, campaign, person):
    bench.set("campaigns", campaign.id, status="stopped")
    with pytest.raises(NotAllowed, match="stopped"):
        change(bench, person, name="x")
