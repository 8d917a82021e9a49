"""`outdial verify`: honest rows keep each promise, and one row is enough to break it."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer
from sqlalchemy import null, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from campaigns.cli import context, verify
from campaigns.db import transaction
from campaigns.errors import Unavailable
from campaigns.models import Account, Attempt, Campaign, OptOut, Recipient
from campaigns.proving import prove_against_carrier, prove_database
from campaigns.store.gate_proofs import GATE_CLAIMS
from campaigns.store.proofs import CLAIMS
from campaigns.vault import Vault
from tests.factories import (
    SECRET,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)

PROMISES = {claim.name for claim in (*CLAIMS, *GATE_CLAIMS)} | {"legal_hours", "counters"}
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # a Friday, 12 o'clock in New York
MINUTE = timedelta(minutes=1)


class Books:
    """A campaign that ran properly an hour ago, and ways to add to it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.campaign = make_campaign(session, make_account(session), windows="daily 09:00-18:00")
        session.execute(text("UPDATE gate_history SET at = :at"), {"at": NOON - timedelta(days=1)})

    def call(self, at: datetime = NOON, *, campaign: Campaign | None = None, **columns) -> Attempt:
        """An attempt claimed at `at` that ended a minute later, of a person of its own."""
        person = columns.pop("person", None) or make_recipient(
            self.session, campaign or self.campaign, **columns.pop("recipient", {})
        )
        values = {
            "slot_at": at - timedelta(milliseconds=20),
            "not_after": at + timedelta(milliseconds=200),
            "open_until": at + timedelta(hours=4),
            "claimed_at": at,
            "ended_at": at + MINUTE,
        } | columns
        attempt = make_attempt(self.session, person, "ended", **values)
        self.execute(
            "UPDATE recipients SET status = 'completed', next_attempt_at = NULL,"
            " attempts_spent = (SELECT count(*) FROM attempts WHERE recipient_id = :id AND spent)"
            " WHERE id = :id",
            id=person.id,
        )
        self.session.refresh(person)
        return attempt

    def person(self, attempt: Attempt) -> Recipient:
        return self.session.get_one(Recipient, attempt.recipient_id)

    def execute(self, sql: str, **values) -> None:
        self.session.flush()
        self.session.execute(text(sql), values)

    def opt_out(self, number: str, **columns) -> None:
        values = {"source": "cli", "created_at": NOON - MINUTE, "in_force_at": NOON - MINUTE}
        self.session.add(OptOut(number=number, **values | columns))

    def consent(self, number: str, **columns) -> int:
        values = {"given_at": NOON - MINUTE, "expires_at": None, "revoked_at": None} | columns
        names = ", ".join(values)
        self.session.flush()
        made = self.session.execute(
            text(
                "INSERT INTO consents (number, basis, evidence, source, revoked_by, revoked_why,"
                f" {names}) VALUES (:number, 'express', 'form', 'cli',"
                " CASE WHEN CAST(:revoked_at AS timestamptz) IS NOT NULL THEN 'Ada' END,"
                " CASE WHEN CAST(:revoked_at AS timestamptz) IS NOT NULL THEN 'letter' END,"
                f" {', '.join(f':{name}' for name in values)}) RETURNING id"
            ),
            {"number": number, **values},
        )
        return int(made.scalar_one())

    def event(self, attempt: Attempt, call: str | None = None, **columns) -> None:
        values = {"received": NOON, "applied": NOON} | columns
        self.execute(
            "INSERT INTO call_events (attempt_id, source, kind, dedupe_key, event, raw,"
            " received_at, applied_at) VALUES (:id, 'webhook', 'ended', :key,"
            " jsonb_build_object('provider_call_id', CAST(:call AS text)), '', :received,"
            " :applied)",
            id=attempt.id, key=f"{call}", call=call, **values,
        )  # fmt: skip

    def answer(self, attempt: Attempt, meaning: str = "opt_out") -> None:
        self.execute(
            "INSERT INTO responses (attempt_id, recipient_id, campaign_id, digit, meaning, at)"
            " VALUES (:id, :recipient, :campaign, '9', :meaning, :at)",
            id=attempt.id, recipient=attempt.recipient_id, campaign=attempt.campaign_id,
            meaning=meaning, at=NOON,
        )  # fmt: skip


@pytest.fixture
def broken(engine):
    """What is broken after somebody did something to honest books."""

    def judge(spoil: Callable[[Books], object]) -> dict[str, list[str]]:
        with transaction(engine) as session:
            books = Books(session)
            books.event(books.call(provider_call_id="call-1"), "call-1")
            honest = books.call(NOON + timedelta(hours=1))
            books.call(NOON + timedelta(hours=2), person=books.person(honest), n=2)
            spoil(books)
        return {one.name: one.examples for one in prove_database(engine) if one.broken}

    return judge


def test_honest_books_keep_every_promise(engine, broken) -> None:
    assert broken(lambda books: None) == {}
    found = {one.name: one.rows for one in prove_database(engine)}
    assert found["posted_once"] == found["legal_hours"] == 3
    assert found["nobody_forgotten"] == 2
    assert found["counters"] == 1
    assert set(found) == PROMISES


def _second_call(books: Books) -> None:
    books.event(books.call(provider_call_id="call-2"), "call-3")


def _overlap(books: Books) -> None:
    first = books.call(provider_call_id="call-4")
    person = books.person(first)
    books.call(NOON + MINUTE / 2, person=person, n=2, ended_at=NOON + 3 * MINUTE)


def _two_people_one_number(books: Books) -> None:
    number = books.call().number
    books.call(NOON + MINUTE / 2, recipient={"numbers": [number]})


def _unheld(books: Books) -> None:
    books.execute("DELETE FROM attempt_numbers WHERE attempt_id = :id", id=books.call().id)


def _held_for_ever(books: Books) -> None:
    books.execute(
        "UPDATE attempt_numbers SET live = true WHERE attempt_id = :id", id=books.call().id
    )


def _late(books: Books) -> None:
    books.call(not_after=NOON - MINUTE, slot_at=NOON - 2 * MINUTE)


def _history(kind: str, value: str) -> Callable[[Books], None]:
    def spoil(books: Books) -> None:
        subject = {"campaign": books.campaign.id, "account": books.campaign.account_id}
        books.execute(
            "INSERT INTO gate_history (kind, subject_id, at, value)"
            " VALUES (:kind, :id, :at, CAST(:value AS jsonb))",
            kind=kind, id=subject.get(kind, 1), at=NOON + timedelta(hours=1, minutes=30),
            value=value,
        )  # fmt: skip

    return spoil


def _opted_out(books: Books) -> None:
    books.opt_out(books.call().number)


def _prefix_opted_out(books: Books) -> None:
    books.opt_out(books.call().number[:7], is_prefix=True)


def _other_number_opted_out(books: Books) -> None:
    call = books.call(recipient={"numbers": ["+12015550198", "+12015550197"]})
    assert call.number == "+12015550198"
    books.opt_out("+12015550197")


def _opted_out_of_the_family(books: Books) -> None:
    copy = make_campaign(
        books.session,
        books.session.get_one(Account, books.campaign.account_id),
        copied_from=books.campaign.id,
        copied_how="clone",
    )
    books.execute("UPDATE gate_history SET at = :at", at=NOON - timedelta(days=1))
    books.opt_out(books.call(campaign=copy).number, campaign_id=books.campaign.id)


def _consent(**columns) -> Callable[[Books], None]:
    """A call that rests on such a consent of its number."""

    def spoil(books: Books) -> None:
        call = books.call()
        call.consent_id = books.consent(columns.pop("number", call.number), **columns)

    return spoil


def _twice(gap: timedelta, inputs: dict[str, Any], **columns) -> Callable[[Books], None]:
    """Two calls to a number, so long apart, of which the second was judged by these rules."""

    def spoil(books: Books) -> None:
        number = books.call(**columns.pop("first", {})).number
        books.call(NOON + gap, recipient={"numbers": [number]}, gate_inputs=inputs, **columns)

    return spoil


def _to_one_person(books: Books) -> None:
    first = books.call(recipient={"numbers": ["+12015550196", "+12015550195"]})
    books.call(
        NOON + timedelta(hours=1),
        person=books.person(first),
        n=2,
        number="+12015550195",
        gate_inputs={"caps": [["own", 1, 7200, "recipient", 0]]},
    )


def _refused(**columns) -> Callable[[Books], None]:
    """A call whose rules want an hour after a refusal, and an opt-out that is over."""

    def spoil(books: Books) -> None:
        call = books.call(gate_inputs={"cooloffs": {"refusal": 3600}})
        books.opt_out(call.number, **{"expires_at": NOON - MINUTE / 2} | columns)

    return spoil


CAP = {"caps": [["us-cap", 1, 3600, "number", 0]]}
SILENT = {"cooloffs": {"abandoned": 3600}}
UNHEARD = {"answered_at": NOON, "disposition": "answered", "served_at": null()}


def _too_late(books: Books) -> None:
    books.call(recipient={"deadline_at": NOON - MINUTE})


def _forgotten(books: Books) -> None:
    books.execute(
        "UPDATE recipients SET status = 'in_flight', next_attempt_at = NULL WHERE id = :id",
        id=make_recipient(books.session, books.campaign).id,
    )


def _alive_and_settled(books: Books) -> None:
    person = make_recipient(books.session, books.campaign)
    make_attempt(books.session, person, "queued")
    books.execute("UPDATE recipients SET status = 'completed' WHERE id = :id", id=person.id)


def _miscounted(books: Books) -> None:
    call = books.call()
    books.execute("UPDATE recipients SET attempts_spent = 5 WHERE id = :id", id=call.recipient_id)


def _wrong_counter(books: Books) -> None:
    books.execute("UPDATE tally_deltas SET n = n + 1 WHERE tally = 'recipients'")


SPOILT: dict[str, list[Callable[[Books], object]]] = {
    "posted_once": [_second_call],
    "one_live_per_recipient": [_overlap],
    "one_live_per_number": [_overlap, _two_people_one_number],
    "held_number": [_unheld, _held_for_ever],
    "in_slot": [_late, lambda books: books.call(open_until=NOON - MINUTE)],
    "campaign_running": [
        _history("campaign", '{"status": "paused", "rule_set": "practice", "windows": {}}'),
        _history(
            "campaign",
            '{"status": "running", "ends_at": "2026-11-20T18:45:00Z", "rule_set": "practice",'
            ' "windows": {"days": {}}}',
        ),
        _history("account", '{"status": "off"}'),
        _history("switch", '{"enabled": false}'),
    ],
    "not_opted_out": [
        _opted_out,
        _prefix_opted_out,
        _other_number_opted_out,
        _opted_out_of_the_family,
    ],
    "before_deadline": [_too_late],
    "consent_held": [
        lambda books: books.call(gate_inputs={"consent_needed": "express"}),
        _consent(number="+12015550194"),
        _consent(given_at=NOON + MINUTE),
        _consent(expires_at=NOON),
        _consent(revoked_at=NOON - MINUTE, revoked_in_force_at=NOON - MINUTE / 2),
        _consent(revoked_at=NOON - MINUTE),
    ],
    "caps_kept": [
        _twice(timedelta(minutes=59), CAP),
        lambda books: books.call(gate_inputs={"caps": [["x", 2, 60, "number_and_subject", 2]]}),
        _to_one_person,
    ],
    "gap_kept": [_twice(3 * MINUTE, {"gap": 121.0})],
    "cooled_off": [
        _refused(),
        _refused(replaced_at=NOON - MINUTE / 2),
        _twice(timedelta(minutes=60), SILENT, first=UNHEARD),
    ],
    "keypress_kept": [lambda books: books.answer(books.call())],
    "nobody_forgotten": [_forgotten, _alive_and_settled],
    "attempts_counted": [_miscounted],
    "events_applied": [lambda books: books.event(books.call(), "call-5", applied=None)],
    "no_incident": [lambda books: books.call(incident="a second call reports here")],
    "legal_hours": [
        lambda books: books.call(NOON + timedelta(hours=9)),
        lambda books: books.call(recipient={"zone": "Asia/Tokyo"}),
        lambda books: books.call(rule_version="practice@0"),
    ],
    "counters": [_wrong_counter],
}


@pytest.mark.parametrize(
    ("name", "spoil"), [(name, spoil) for name, ways in SPOILT.items() for spoil in ways]
)
def test_each_promise_can_be_broken(broken, name: str, spoil) -> None:
    found = broken(spoil)
    assert name in found
    assert all(found[name])


def test_there_is_a_way_to_break_every_promise() -> None:
    assert set(SPOILT) == PROMISES


@pytest.mark.parametrize(
    "spoil",
    [
        _twice(timedelta(minutes=60), CAP),
        _twice(timedelta(minutes=59), CAP, first={"spent": False}),
        _twice(timedelta(minutes=59), {"caps": [["us-cap", 2, 3600, "number", 1]]}),
        _twice(timedelta(minutes=59), {**CAP, "time_scale": 0.5}),
        _twice(3 * MINUTE, {"gap": 120.0}),
        _twice(timedelta(minutes=61), SILENT, first=UNHEARD),
        _twice(timedelta(minutes=60), SILENT, first=UNHEARD | {"served_at": NOON}),
        _twice(timedelta(minutes=60), SILENT, first=UNHEARD | {"answered_by": "machine"}),
        _refused(created_at=NOON - timedelta(hours=2)),
        _refused(in_force_at=NOON + MINUTE),
        _refused(lifted_at=NOON - MINUTE / 2, lifted_by="Ada", lifted_why="a mistake"),
        _consent(expires_at=NOON + MINUTE),
        _consent(revoked_at=NOON - MINUTE, revoked_in_force_at=NOON),
    ],
)
def test_what_the_gates_let_through_breaks_nothing(broken, spoil) -> None:
    assert broken(spoil) == {}


def test_an_event_of_another_attempts_call_is_no_second_call(broken) -> None:
    def spoil(books: Books) -> None:
        books.call(provider_call_id="call-6")
        books.event(books.call(provider_call_id="call-7"), "call-6")

    assert broken(spoil) == {}


@pytest.mark.parametrize(
    "harmless",
    [
        {"in_force_at": NOON + MINUTE},
        {"expires_at": NOON - MINUTE / 2},
        {"lifted_at": NOON - MINUTE / 2, "lifted_by": "Ada", "lifted_why": "a mistake"},
        {"replaced_at": NOON - MINUTE / 2},
        {"in_force_at": None, "created_at": NOON - timedelta(seconds=5)},
    ],
)
def test_an_opt_out_that_was_not_in_force_is_none(broken, harmless: dict[str, Any]) -> None:
    assert broken(lambda books: books.opt_out(books.call().number, **harmless)) == {}


def test_an_opt_out_of_another_campaign_is_none(broken) -> None:
    def spoil(books: Books) -> None:
        other = make_campaign(books.session, make_account(books.session))
        books.opt_out(books.call().number, campaign_id=other.id)

    assert broken(spoil) == {}


def test_status_changes_are_noted_with_the_clock_of_the_change(engine) -> None:
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
    with transaction(engine) as session:
        session.execute(text("SELECT pg_sleep(0.05)"))
        session.execute(
            text("UPDATE campaigns SET status = 'paused' WHERE id = :id"), {"id": campaign.id}
        )
        session.execute(text("UPDATE campaigns SET vtime = 3 WHERE id = :id"), {"id": campaign.id})
        session.execute(text("UPDATE dialing_switch SET enabled = false"))
        began = session.execute(text("SELECT now()")).scalar_one()
    with transaction(engine) as session:
        rows = session.execute(
            text("SELECT kind, value, at FROM gate_history ORDER BY id DESC LIMIT 2")
        ).all()
    assert [(row[0], row[1].get("status"), row[1].get("enabled")) for row in rows] == [
        ("switch", None, False),
        ("campaign", "paused", None),
    ]
    assert rows[1][2] >= began + timedelta(seconds=0.05)


@pytest.fixture
def outdial(engine, monkeypatch):
    """Runs `outdial verify`."""

    @contextmanager
    def opened():
        yield engine

    monkeypatch.setattr(context, "open_engine", opened)
    app = typer.Typer()
    app.command()(verify.verify)
    app.command("other")(lambda: None)

    def run(*words):
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["verify", *words])

    return run


def _next_reminder(books: Books) -> None:
    """The calls of the reminder before count no more against the person."""
    call = books.call()
    books.execute(
        "UPDATE recipients SET attempts_spent = 0, counted_from = :at WHERE id = :id",
        id=call.recipient_id,
        at=NOON + MINUTE,
    )


def test_calls_about_an_earlier_reminder_are_not_counted(broken) -> None:
    assert broken(_next_reminder) == {}


def test_nothing_to_prove_is_no_success(outdial) -> None:
    done = outdial()
    assert done.exit_code == 1
    assert "nothing is proved" in done.output
    told = json.loads(outdial("--json").stdout)
    assert (told["passed"], told["calls"]) == (False, 0)


def test_a_carrier_that_shows_no_log_is_named(engine, broken) -> None:
    assert broken(lambda books: None) == {}
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 shows no call log"):
        prove_against_carrier(engine, Vault(SECRET))


def test_the_command_says_what_was_proved(broken, outdial) -> None:
    assert broken(lambda books: None) == {}
    done = outdial()
    assert done.exit_code == 0, done.output
    assert "Every promise was kept, over 3 calls." in done.output


def test_the_command_names_the_rows(broken, outdial) -> None:
    assert "in_slot" in broken(_late)
    done = outdial("--json")
    assert done.exit_code == 1
    told = {one["name"]: one for one in json.loads(done.stdout)["proofs"]}
    assert told["in_slot"]["broken"] == 1
    assert told["in_slot"]["examples"][0].startswith("attempt 4 was claimed at")
    assert "in_slot: attempt 4" in outdial().output
