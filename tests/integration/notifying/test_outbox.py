"""Events are stored with the facts they tell of: none without its fact, none forgotten."""

from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns import campaigning
from campaigns.access import CLI
from campaigns.calls import Answer, AnsweredBy, DialAnswer
from campaigns.lifecycle import RECIPIENT_TERMINAL
from campaigns.models import Campaign
from campaigns.notifying.events import EVENT_TYPES
from campaigns.operating import pause_account_named, resume_account
from campaigns.recording import end_without_word, note_keypress, record_answer
from campaigns.store.call_status import lock_attempt
from campaigns.store.recipients import expire_overdue_recipients
from campaigns.store.responses import insert_response
from tests.factories import make_attempt, make_campaign, make_recipient, make_recipients
from tests.integration.core.conftest import Bench, ended, said, tell


@pytest.fixture
def live_call(bench, campaign):
    """A call that rings, to a person with a name."""
    recipient = bench.run(make_recipient, campaign, fields={"name": "Ada", "ref": "C-17"})
    return bench.run(
        make_attempt, recipient, "ringing", provider_call_id="call-1", accepted_at=bench.now()
    )


def press(session: Session, attempt_id: int, digit: str, meaning: str, now: datetime) -> None:
    insert_response(session, attempt_id, digit, meaning, now)
    note_keypress(session, attempt_id, now)


def fault(bench: Bench, campaign: Campaign) -> None:
    """The provider refuses a call for a reason that concerns the account."""
    attempt = bench.run(make_attempt, bench.run(make_recipient, campaign), "dialing")
    answer = DialAnswer(Answer.FAULT, reason="the balance is used up")
    bench.run(record_answer, attempt.id, "worker", answer, bench.now())


def test_a_call_is_told_with_how_it_ended_and_what_was_pressed(bench, subscribe, told, live_call):
    subscribe()
    tell(bench, live_call.id, said("answered"))
    tell(bench, live_call.id, said("detected", answered_by=AnsweredBy.HUMAN))
    bench.run(press, live_call.id, "1", "confirm", bench.now())
    tell(bench, live_call.id, ended())
    (event,) = told("attempt.ended")
    assert event.data["disposition"] == "answered_human"
    assert event.data["answered_by"] == "human"
    assert event.data["recipient"] == {
        "id": live_call.recipient_id,
        "fields": {"name": "Ada", "ref": "C-17"},
    }
    assert event.data["campaign"]["id"] == live_call.campaign_id
    assert event.data["number"] == live_call.number
    assert [(one["digit"], one["meaning"]) for one in event.data["answers"]] == [("1", "confirm")]
    for moment in ("dialled_at", "ringing_at", "answered_at", "ended_at"):
        assert event.data[moment] is not None
    (pressed,) = told("attempt.responded")
    assert (pressed.data["attempt_id"], pressed.data["meaning"]) == (live_call.id, "confirm")
    (person,) = told("recipient.completed")
    assert person.data["last_attempt"]["disposition"] == "answered_human"
    assert [one["meaning"] for one in person.data["answers"]] == ["confirm"]


def test_a_late_word_is_told_as_a_correction(bench, subscribe, told, live_call):
    subscribe("attempt.ended", "attempt.corrected")

    def silence(session):
        locked = lock_attempt(session, live_call.id)
        assert locked is not None
        end_without_word(session, locked, bench.now())

    bench.run(silence)
    tell(bench, live_call.id, ended("busy"))
    first, second = told()
    assert (first.type, first.data["disposition"]) == ("attempt.ended", "unknown")
    assert first.data["provisional"] is True
    assert (second.type, second.data["disposition"]) == ("attempt.corrected", "busy")


def test_nothing_is_stored_while_nobody_listens(bench, subscribe, told, live_call):
    subscribe("campaign.stopped")
    paused = subscribe()
    bench.set("webhook_endpoints", paused.row.id, status="paused")
    tell(bench, live_call.id, ended("busy"))
    assert told() == []
    assert bench.value("SELECT count(*) FROM webhook_deliveries") == 0


def test_each_endpoint_is_told_what_it_asked_for(bench, subscribe, live_call):
    calls = subscribe("attempt.ended")
    both = subscribe("attempt.ended", "attempt.responded")
    bench.run(press, live_call.id, "1", "confirm", bench.now())
    tell(bench, live_call.id, ended())
    found = bench.rows("""
        SELECT d.endpoint_id, v.type FROM webhook_deliveries d
        JOIN outgoing_events v ON v.id = d.event_id ORDER BY d.endpoint_id, v.type
    """)
    assert [tuple(row) for row in found] == [
        (calls.row.id, "attempt.ended"),
        (both.row.id, "attempt.ended"),
        (both.row.id, "attempt.responded"),
    ]


def test_what_is_rolled_back_was_never_told(bench, subscribe, told, live_call, campaign):
    subscribe()
    with Session(bench.engine) as session:
        campaigning.pause_campaign(session, campaign.id, bench.now(), "wrong text")
        session.execute(
            text("""
                UPDATE attempts SET status = 'ended', disposition = 'busy', ended_at = now()
                WHERE id = :id
            """),
            {"id": live_call.id},
        )
        assert session.execute(text("SELECT count(*) FROM outgoing_events")).scalar_one() == 2
        session.rollback()
    assert told() == []
    assert bench.value("SELECT count(*) FROM webhook_deliveries") == 0


def test_an_import_is_no_news_about_anybody(bench, subscribe, told, campaign):
    subscribe()
    bench.run(make_recipients, campaign, 3, status="blocked", reason="opted out")
    bench.run(make_recipients, campaign, 3)
    assert told() == []


def test_many_who_expire_at_once_are_each_told(bench, subscribe, told, campaign):
    subscribe("recipient.expired")
    past = bench.value("SELECT now() - interval '1 hour'")
    people = bench.run(make_recipients, campaign, 5, deadline_at=past)
    assert sum(one.people for one in bench.run(expire_overdue_recipients, bench.now())) == 5
    assert sorted(row.data["recipient_id"] for row in told()) == [one.id for one in people]
    assert {row.data["reason"] for row in told()} == {"deadline passed"}


@pytest.mark.parametrize("status", sorted(RECIPIENT_TERMINAL))
def test_every_final_word_about_a_person_is_told_once(bench, subscribe, told, campaign, status):
    subscribe()
    person = bench.run(make_recipient, campaign)
    for _ in range(2):
        bench.set(
            "recipients", person.id, status=status.value, reason="because", next_attempt_at=None
        )
    (event,) = told()
    assert event.type == f"recipient.{status}"
    assert event.data["reason"] == "because"


def test_the_life_of_a_campaign_is_told(bench, subscribe, told, account):
    subscribe()
    campaign = bench.run(make_campaign, account, status="draft", name="Elm Street")
    bench.run(make_recipient, campaign, status="completed")
    now = bench.now()
    bench.run(campaigning.start_campaign, campaign.id, now)
    bench.run(campaigning.pause_campaign, campaign.id, now, "wrong text")
    bench.run(campaigning.resume_campaign, campaign.id, now)
    bench.run(campaigning.complete_drained_campaigns, now)
    other = bench.run(make_campaign, account)
    bench.run(campaigning.stop_campaign, other.id, now, "by request")
    assert [row.type.removeprefix("campaign.") for row in told()] == [
        *("started", "paused", "resumed", "completed", "stopped"),
    ]
    assert told("campaign.paused")[0].data == {
        "campaign": {"id": campaign.id, "name": "Elm Street", "kind": "announcement"},
        "account": account.name,
        "status": "paused",
        "before": "running",
        "reason": "paused: wrong text",
    }


def test_an_account_that_pauses_itself_is_told_for_each_campaign_that_stands_still(
    bench, subscribe, told, account, campaign
):
    subscribe()
    other = bench.run(make_campaign, account)
    bench.run(make_campaign, account, status="paused")
    fault(bench, campaign)
    (event,) = told("account.paused")
    assert event.data["by"] == "itself"
    assert "the balance is used up" in event.data["reason"]
    assert [one["id"] for one in event.data["campaigns"]] == [campaign.id, other.id]
    still = told("campaign.paused_itself")
    assert [row.data["campaign"]["id"] for row in still] == [campaign.id, other.id]
    assert still[0].data["reason"] == event.data["reason"]
    assert told("campaign.paused") == []


def test_a_mail_is_stored_for_it_although_no_webhook_is(bench, told, campaign):
    fault(bench, campaign)
    assert [row.type for row in told()] == ["account.paused"]
    ((kind, endpoint),) = bench.rows("SELECT kind, endpoint_id FROM webhook_deliveries")
    assert (kind, endpoint) == ("mail", None)


def test_a_persons_pause_is_told_apart_and_needs_no_mail(bench, subscribe, told, account, campaign):
    subscribe()
    bench.run(pause_account_named, account.name, "holiday", bench.now())
    (event,) = told()
    assert (event.type, event.data["by"]) == ("account.paused", "person")
    assert [one["id"] for one in event.data["campaigns"]] == [campaign.id]
    assert bench.value("SELECT count(*) FROM webhook_deliveries WHERE kind = 'mail'") == 0


def test_an_account_that_was_resumed_pauses_itself_anew(bench, subscribe, told, account, campaign):
    subscribe()
    fault(bench, campaign)
    bench.run(resume_account, account.name, CLI, bench.now())
    bench.run(pause_account_named, account.name, "holiday", bench.now())
    bench.run(resume_account, account.name, CLI, bench.now())
    assert [(row.type, row.data["by"]) for row in told() if "account." in row.type] == [
        ("account.paused", "itself"),
        ("account.resumed", "person"),
        ("account.paused", "person"),
        ("account.resumed", "person"),
    ]


def test_every_type_that_can_be_asked_for_is_told_by_a_trigger(bench, migrated_engine):
    sources = bench.rows("SELECT prosrc FROM pg_proc WHERE proname LIKE 'tell\\_of\\_%'")
    written = " ".join(row[0] for row in sources)
    conditions = " ".join(
        row[0]
        for row in bench.rows(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'tell\\_of\\_%'"
        )
    )
    for kind in EVENT_TYPES:
        noun, _, word = kind.partition(".")
        assert f"'{kind}'" in written or (
            f"'{noun}.' ||" in written and f"'{word}'" in written + conditions
        ), kind
