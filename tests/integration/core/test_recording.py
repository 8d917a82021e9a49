"""What events make of an attempt: the same in every order, never backwards, never twice."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from campaigns import callbacks
from campaigns.calls import Answer, AnsweredBy, CallEvent, DialAnswer
from campaigns.db import database_now, transaction
from campaigns.models import Account, Attempt, Campaign, Recipient
from campaigns.recording import apply_event, end_without_word, record_answer
from campaigns.store.call_status import lock_attempt, note_in_doubt
from campaigns.store.events import store_event
from campaigns.store.gate import close_gate
from campaigns.store.responses import insert_response
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, ended, said, tell

CREATED, RINGING, ANSWERED = said("created"), said("ringing"), said("answered")
HUMAN = said("detected", answered_by=AnsweredBy.HUMAN)
MACHINE = said("detected", answered_by=AnsweredBy.MACHINE)


def dialling(bench: Bench, campaign: Campaign, status: str = "dialing", **columns: Any) -> Attempt:
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), status, **columns))


def asked_back(bench: Bench, campaign: Campaign) -> Attempt:
    """An attempt that a pause wants back while it is dialling."""
    attempt = dialling(bench, campaign)
    bench.set("attempts", attempt.id, recall_requested_at=bench.now(), recall_reason="paused")
    return attempt


def verdicts(bench: Bench, attempt: Attempt) -> list[str]:
    rows = bench.rows(
        "SELECT verdict FROM call_events WHERE attempt_id = :i ORDER BY id", i=attempt.id
    )
    return [row.verdict for row in rows]


def answer(bench: Bench, attempt: Attempt, given: Answer, call_id: str | None = "call-1") -> Any:
    return bench.run(
        lambda s: record_answer(
            s, attempt.id, "worker", DialAnswer(given, call_id), database_now(s)
        )
    )


def press(bench: Bench, attempt: Attempt, digit: str) -> Any:
    def act(session: Any) -> Any:
        talk = callbacks.conversation(session, attempt.id)
        return callbacks.record_key(session, attempt.id, talk, digit, database_now(session))

    return bench.run(act)


CALLS: dict[str, tuple[list[CallEvent], tuple[str, str | None]]] = {
    "busy": ([CREATED, RINGING, ended("busy")], ("busy", None)),
    "nobody": ([CREATED, RINGING, ended("no_answer")], ("no_answer", None)),
    "declined": ([RINGING, ended("rejected")], ("rejected", None)),
    "failed": ([CREATED, ended("failed")], ("failed", None)),
    "no such number": ([ended("invalid_number")], ("invalid_number", None)),
    "person": ([CREATED, RINGING, ANSWERED, HUMAN, ended()], ("answered_human", "human")),
    "machine": ([RINGING, ANSWERED, MACHINE, ended()], ("answered_machine", "machine")),
    "somebody": ([CREATED, RINGING, ANSWERED, ended("answered")], ("answered", None)),
    "person, told by the end": (
        [RINGING, ANSWERED, HUMAN, ended("answered")],
        ("answered_human", "human"),
    ),
}


@pytest.mark.parametrize("name", CALLS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(data=st.data())
def test_events_in_any_order_and_number_end_alike(
    bench: Bench, campaign: Campaign, name: str, data: st.DataObject
) -> None:
    events, (disposition, by) = CALLS[name]
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events)))]))
    attempt = dialling(bench, campaign)
    ranks = []
    call = f"call {attempt.id}"
    for event in order:
        mine = CallEvent(
            event.kind,
            event.dedupe_key,
            call,
            event.disposition,
            event.answered_by,
            event.end_reason,
        )
        tell(bench, attempt.id, mine)
        ranks.append(bench.attempt(attempt.id).status)
    if bench.attempt(attempt.id).status != "ended":
        # The end came before the answer and said nothing: the provider's own records will.
        assert bench.attempt(attempt.id).in_doubt_at is not None
        tell(bench, attempt.id, ended("answered", call))
    row = bench.attempt(attempt.id)
    assert (row.status, row.disposition, row.answered_by) == ("ended", disposition, by)
    assert row.provider_call_id == call
    order_of = ["dialing", "ringing", "in_progress", "ended"]
    assert ranks == sorted(ranks, key=order_of.index)
    assert bench.value("SELECT count(*) FROM call_events WHERE applied_at IS NULL") == 0
    copies = "SELECT count(*) - count(DISTINCT dedupe_key) FROM call_events WHERE attempt_id = :i"
    assert bench.value(copies, i=attempt.id) == 0


def test_an_end_without_a_word_before_the_answer_is_looked_up(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    tell(bench, attempt.id, ended())
    row = bench.attempt(attempt.id)
    assert (row.status, row.doubt_reason) == ("dialing", "ended without saying how")
    tell(bench, attempt.id, ANSWERED)
    assert bench.attempt(attempt.id).status == "in_progress"
    tell(bench, attempt.id, ended("answered"))
    assert bench.attempt(attempt.id).disposition == "answered"
    assert verdicts(bench, attempt) == ["to be looked up", "applied", "applied"]


def test_an_event_that_beats_the_answer_to_the_post_is_not_undone_by_it(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    tell(bench, attempt.id, RINGING)
    assert bench.attempt(attempt.id).provider_call_id == "call-1"
    for late in (
        Answer.NOT_SENT,
        Answer.CONGESTED,
        Answer.FAULT,
        Answer.BAD_NUMBER,
        Answer.IN_DOUBT,
    ):
        answer(bench, attempt, late, None)
    answer(bench, attempt, Answer.ACCEPTED)
    row = bench.attempt(attempt.id)
    assert (row.status, row.cancel_reason, row.in_doubt_at) == ("ringing", None, None)


def test_an_answer_after_the_end_changes_nothing(bench: Bench, campaign: Campaign) -> None:
    attempt = dialling(bench, campaign)
    tell(bench, attempt.id, ended("busy"))
    before = bench.attempt(attempt.id)
    answer(bench, attempt, Answer.ACCEPTED)
    answer(bench, attempt, Answer.NOT_SENT, None)
    after = bench.attempt(attempt.id)
    assert (after.status, after.disposition, after.ended_at) == (
        before.status,
        before.disposition,
        before.ended_at,
    )


def test_an_id_that_another_call_has_is_not_taken_over(bench: Bench, campaign: Campaign) -> None:
    first = dialling(bench, campaign, provider_call_id="call-1")
    second = dialling(bench, campaign)
    answer(bench, second, Answer.ACCEPTED, "call-1")
    row = bench.attempt(second.id)
    assert (row.provider_call_id, row.status) == (None, "dialing")
    assert row.in_doubt_at is not None
    tell(bench, second.id, RINGING)
    assert bench.attempt(second.id).status == "dialing"
    assert verdicts(bench, second) == ["another call"]
    assert bench.attempt(first.id).status == "dialing"


def test_a_second_call_that_reports_for_one_attempt_is_an_incident(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign, provider_call_id="call-1")
    tell(bench, attempt.id, said("ringing", "call-2"))
    row = bench.attempt(attempt.id)
    assert "call-2" in row.incident
    assert (row.status, row.provider_call_id) == ("dialing", "call-1")
    assert row.recall_reason == "incident"


def test_a_word_about_a_known_call_at_the_wrong_address_is_ignored(
    bench: Bench, campaign: Campaign
) -> None:
    other = dialling(bench, campaign, "ringing", provider_call_id="call-1")
    live = dialling(bench, campaign, "in_progress", provider_call_id="call-2")
    given_up = dialling(bench, campaign, "cancelled")
    for attempt in (live, given_up):
        tell(bench, attempt.id, ended("answered", "call-1"))
        row = bench.attempt(attempt.id)
        assert (row.status, row.incident) == (attempt.status, None)
        assert row.recall_requested_at is None
        assert verdicts(bench, attempt) == ["another call"]
    assert bench.attempt(other.id).status == "ringing"
    assert bench.value("SELECT status FROM accounts") == "active"


@pytest.mark.parametrize("kind", ["created", "ringing", "answered"])
def test_an_event_for_a_cancelled_attempt_is_an_incident(
    bench: Bench, campaign: Campaign, kind: str
) -> None:
    attempt = dialling(bench, campaign, "cancelled")
    other = dialling(bench, campaign, "queued")
    follow = tell(bench, attempt.id, said(kind))
    assert follow.recall == (attempt.id,)
    row = bench.attempt(attempt.id)
    assert (row.status, row.provider_call_id) == ("cancelled", "call-1")
    assert "not placed" in row.incident
    (account,) = bench.rows("SELECT status, status_reason FROM accounts")
    assert account.status == "paused"
    assert "not placed" in account.status_reason
    assert bench.attempt(other.id).cancel_reason == "account_fault"


def test_an_incident_pauses_its_account_once(bench: Bench, campaign: Campaign) -> None:
    attempt = dialling(bench, campaign, "cancelled")
    tell(bench, attempt.id, RINGING)
    bench.rows("UPDATE accounts SET status = 'active'")  # a person looked into it
    assert tell(bench, attempt.id, ANSWERED).recall == (attempt.id,)
    assert tell(bench, attempt.id, ended("canceled")).recall == ()
    assert bench.value("SELECT status FROM accounts") == "active"
    assert bench.value("SELECT count(*) FROM campaign_log") == 1
    assert verdicts(bench, attempt) == ["incident"] * 3


def test_a_post_that_is_accepted_after_its_attempt_was_given_up_is_an_incident(
    bench: Bench, campaign: Campaign
) -> None:
    """The worker was frozen between its POST and the answer, longer than the quarantine."""
    attempt = dialling(bench, campaign, "cancelled", claimed_by="worker")
    follow = answer(bench, attempt, Answer.ACCEPTED)
    assert follow.recall == (attempt.id,)
    row = bench.attempt(attempt.id)
    assert (row.status, row.provider_call_id) == ("cancelled", "call-1")
    assert row.incident is not None
    assert bench.value("SELECT status FROM accounts") == "paused"


def unknown_by_silence(bench: Bench, attempt: Attempt) -> None:
    def give_up(session: Any) -> None:
        locked = lock_attempt(session, attempt.id)
        assert locked is not None
        end_without_word(session, locked, database_now(session))

    bench.run(give_up)


def test_silence_ends_as_a_provisional_unknown_for_review(bench: Bench, campaign: Campaign) -> None:
    attempt = dialling(bench, campaign)
    unknown_by_silence(bench, attempt)
    row = bench.attempt(attempt.id)
    assert (row.status, row.disposition, row.provisional, row.spent) == (
        "ended",
        "unknown",
        True,
        True,
    )
    assert bench.recipient(attempt.recipient_id).status == "review"


def test_silence_after_an_answer_ends_as_answered(bench: Bench, campaign: Campaign) -> None:
    attempt = dialling(bench, campaign, "in_progress")
    unknown_by_silence(bench, attempt)
    row = bench.attempt(attempt.id)
    assert (row.disposition, row.provisional) == ("answered", False)
    assert bench.recipient(attempt.recipient_id).status == "completed"


@pytest.mark.parametrize(
    ("event", "disposition", "status"),
    [
        (ended("busy"), "busy", "pending"),
        (ended("no_answer"), "no_answer", "pending"),
        (ANSWERED, "answered", "completed"),
        (ended("answered_human"), "answered", "completed"),
    ],
)
def test_one_word_of_the_carrier_replaces_a_provisional_unknown(
    bench: Bench, campaign: Campaign, event: CallEvent, disposition: str, status: str
) -> None:
    attempt = dialling(bench, campaign)
    unknown_by_silence(bench, attempt)
    tell(bench, attempt.id, event)
    row = bench.attempt(attempt.id)
    assert row.disposition.startswith(disposition)
    assert not row.provisional
    assert bench.recipient(attempt.recipient_id).status == status
    tell(bench, attempt.id, ended("failed"))  # from now on the first end counts
    assert bench.attempt(attempt.id).disposition == row.disposition


def test_a_word_about_an_old_call_plans_nothing_beside_a_newer_one(
    bench: Bench, account: Account
) -> None:
    campaign = bench.run(make_campaign, account, retry_policy={"redial_unknown": True})
    attempt = dialling(bench, campaign)
    unknown_by_silence(bench, attempt)
    recipient = bench.recipient(attempt.recipient_id)
    assert recipient.status == "pending"
    newer = bench.run(lambda s: make_attempt(s, s.get_one(Recipient, attempt.recipient_id), n=2))
    tell(bench, attempt.id, ended("busy"))
    assert bench.attempt(attempt.id).disposition == "busy"
    assert bench.recipient(attempt.recipient_id).status == "in_flight"
    assert bench.attempt(newer.id).status == "queued"


def test_a_late_word_does_not_reopen_whoever_was_settled_otherwise(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    unknown_by_silence(bench, attempt)
    bench.set("recipients", attempt.recipient_id, status="completed", reason="came in person")
    tell(bench, attempt.id, ended("busy"))
    row = bench.recipient(attempt.recipient_id)
    assert (row.status, row.reason) == ("completed", "came in person")


def test_a_keypress_proves_a_person(bench: Bench, campaign: Campaign) -> None:
    attempt = dialling(bench, campaign, "ringing")
    press(bench, attempt, "1")
    assert bench.attempt(attempt.id).status == "in_progress"
    tell(bench, attempt.id, MACHINE)
    tell(bench, attempt.id, ended())
    assert bench.attempt(attempt.id).disposition == "answered_human"
    assert bench.recipient(attempt.recipient_id).status == "completed"


def test_an_opt_out_by_key_does_not_cut_off_its_own_call(bench: Bench, campaign: Campaign) -> None:
    """The event that says `answered` may be late; the reply is still to be heard."""
    attempt = dialling(bench, campaign, "ringing", provider_call_id="call-1")
    assert press(bench, attempt, "9").recall == ()
    row = bench.attempt(attempt.id)
    assert (row.status, row.recall_requested_at) == ("in_progress", None)
    tell(bench, attempt.id, ended())
    assert bench.attempt(attempt.id).disposition == "opted_out"
    assert bench.recipient(attempt.recipient_id).status == "blocked"


@pytest.mark.parametrize("status", ["dialing", "ringing", "in_progress", "ended", "cancelled"])
def test_an_opt_out_by_key_is_kept_in_every_status(
    bench: Bench, campaign: Campaign, status: str
) -> None:
    attempt = dialling(bench, campaign, status)
    press(bench, attempt, "9")
    (row,) = bench.rows("SELECT * FROM opt_outs")
    assert (row.number, row.source, row.attempt_id) == (attempt.number, "keypress", attempt.id)


@pytest.mark.parametrize(
    ("disposition", "digit", "then"),
    [
        ("answered_machine", "9", ("opted_out", "blocked")),
        ("no_answer", "9", ("opted_out", "blocked")),
        ("answered", "1", ("answered_human", "completed")),
        ("no_answer", "1", ("answered_human", "completed")),
    ],
)
def test_a_key_that_arrives_after_the_end_says_how_it_ended(
    bench: Bench, account: Account, disposition: str, digit: str, then: tuple[str, str]
) -> None:
    campaign = bench.run(make_campaign, account, retry_policy={"machine_counts_as_reached": False})
    attempt = dialling(bench, campaign)
    tell(bench, attempt.id, ended(disposition))
    press(bench, attempt, digit)
    found = bench.attempt(attempt.id).disposition, bench.recipient(attempt.recipient_id).status
    assert found == then


def test_a_recalled_call_that_rings_is_asked_back_by_every_sign_of_it(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    bench.set("attempts", attempt.id, recall_requested_at=bench.now(), recall_reason="stopped")
    assert answer(bench, attempt, Answer.ACCEPTED).recall == (attempt.id,)
    assert tell(bench, attempt.id, CREATED).recall == (attempt.id,)
    assert tell(bench, attempt.id, RINGING).recall == (attempt.id,)


@pytest.mark.parametrize(("rang", "spent"), [(False, 0), (True, 1)])
def test_a_recalled_call_counts_only_if_it_rang(
    bench: Bench, campaign: Campaign, rang: bool, spent: int
) -> None:
    attempt = asked_back(bench, campaign)
    if rang:
        tell(bench, attempt.id, RINGING)
    tell(bench, attempt.id, ended("canceled"))
    assert bench.attempt(attempt.id).spent is bool(spent)
    row = bench.recipient(attempt.recipient_id)
    assert (row.status, row.attempts_spent) == ("pending", spent)


def test_a_recalled_call_of_which_only_the_log_tells_may_have_rung(
    bench: Bench, campaign: Campaign
) -> None:
    """All its notifications were lost: a long drill rang somebody once more than allowed."""
    attempt = asked_back(bench, campaign)
    tell(bench, attempt.id, ended("canceled"), "look-up")
    after = bench.attempt(attempt.id)
    assert (after.disposition, after.ringing_at, after.spent) == ("canceled", None, True)
    row = bench.recipient(attempt.recipient_id)
    assert (row.status, row.attempts_spent) == ("pending", 1)


def test_a_recalled_call_counts_when_we_hear_late_that_it_rang(
    bench: Bench, campaign: Campaign
) -> None:
    """Callbacks come in any order: the telephone had rung when its call was taken back."""
    attempt = asked_back(bench, campaign)
    tell(bench, attempt.id, ended("canceled"))
    assert bench.attempt(attempt.id).spent is False
    assert tell(bench, attempt.id, RINGING).recall == ()
    after = bench.attempt(attempt.id)
    assert (after.spent, after.status, after.disposition) == (True, "ended", "canceled")
    assert after.ringing_at is not None
    row = bench.recipient(attempt.recipient_id)
    assert (row.status, row.attempts_spent) == ("pending", 1)


def test_it_counts_though_the_next_call_is_planned_already(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = asked_back(bench, campaign)
    tell(bench, attempt.id, ended("canceled"))
    bench.run(lambda s: make_attempt(s, s.get(Recipient, attempt.recipient_id), "queued"))
    tell(bench, attempt.id, RINGING)
    assert bench.attempt(attempt.id).spent is True
    assert bench.recipient(attempt.recipient_id).attempts_spent == 1


def test_a_late_ringing_of_another_end_is_a_fact_and_no_more(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    tell(bench, attempt.id, ended("busy"))
    before = bench.recipient(attempt.recipient_id)
    tell(bench, attempt.id, RINGING)
    after = bench.attempt(attempt.id)
    assert (after.status, after.disposition, after.spent) == ("ended", "busy", True)
    assert after.ringing_at is not None
    assert bench.recipient(attempt.recipient_id) == before


def test_an_event_is_applied_once_though_two_processes_have_it(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    stored = bench.run(store_event, attempt.id, ended("busy"), "raw", "webhook")
    assert stored is not None
    bench.run(apply_event, *stored)
    first = bench.recipient(attempt.recipient_id)
    bench.run(apply_event, stored[0], stored[1] + timedelta(hours=1))
    assert bench.recipient(attempt.recipient_id) == first
    assert bench.run(store_event, attempt.id, ended("busy"), "raw", "webhook") is None


def test_two_keys_at_once_do_not_wait_for_each_other_with_their_responses_stored(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign, "in_progress")
    with transaction(bench.engine) as one, transaction(bench.engine) as nine:
        insert_response(one, attempt.id, "1", "confirm", bench.now())
        insert_response(nine, attempt.id, "9", "opt_out", bench.now())
        nine.execute(text("SET LOCAL lock_timeout = '500ms'"))
        assert lock_attempt(nine, attempt.id) is not None


def test_an_incident_waits_for_the_gate_without_holding_its_attempt(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign, "cancelled")
    stored = bench.run(store_event, attempt.id, RINGING, "raw", "webhook")
    assert stored is not None
    with transaction(bench.engine) as stopping:
        close_gate(stopping)
        applying = threading.Thread(target=lambda: bench.run(apply_event, *stored))
        applying.start()
        bench.wait_for_a_waiter()
        stopping.execute(text("SET LOCAL lock_timeout = '500ms'"))
        assert lock_attempt(stopping, attempt.id) is not None
    applying.join()
    assert verdicts(bench, attempt) == ["incident"]


def test_a_late_word_does_not_undo_the_slot_that_a_tick_is_giving(
    bench: Bench, account: Account
) -> None:
    policy = {"redial_unknown": True, "waits": {"busy": [60], "unknown": [60]}}
    campaign = bench.run(make_campaign, account, retry_policy=policy)
    attempt = dialling(
        bench,
        campaign,
        "ended",
        disposition="unknown",
        provisional=True,
        provider_call_id="call-1",
    )
    with transaction(bench.engine) as ticking:
        recipient = ticking.get_one(Recipient, attempt.recipient_id, with_for_update=True)
        telling = threading.Thread(target=lambda: tell(bench, attempt.id, ended("busy")))
        telling.start()
        bench.wait_for_a_waiter()
        make_attempt(ticking, recipient, "queued", n=2)
        recipient.status, recipient.next_attempt_at = "in_flight", None
    telling.join()
    assert bench.attempt(attempt.id).disposition == "busy"
    assert bench.recipient(attempt.recipient_id).status == "in_flight"


@pytest.mark.parametrize("digit", ["1", "9"])
def test_a_key_and_the_end_of_its_call_do_not_wait_for_each_other(
    bench: Bench, campaign: Campaign, digit: str
) -> None:
    attempt = dialling(bench, campaign, "in_progress", provider_call_id="call-1")
    stored = bench.run(store_event, attempt.id, ended("answered"), "raw", "webhook")
    assert stored is not None
    pressed: list[Any] = []
    with transaction(bench.engine) as ending:
        assert lock_attempt(ending, attempt.id) is not None
        pressing = threading.Thread(target=lambda: pressed.append(press(bench, attempt, digit)))
        pressing.start()
        bench.wait_for_a_waiter()
        ending.execute(text("SET LOCAL lock_timeout = '500ms'"))
        apply_event(ending, *stored)
    pressing.join()
    assert len(pressed) == 1
    assert bench.rows("SELECT digit FROM responses") == [(digit,)]


def test_the_same_doubt_again_is_not_a_reason_for_a_further_look_up(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = dialling(bench, campaign)
    for reason, kept in (("gone", False), ("gone", True), ("ended somehow", False)):
        bench.set("attempts", attempt.id, looked_up_at=bench.now())
        bench.run(note_in_doubt, attempt.id, reason, bench.now())
        assert (bench.attempt(attempt.id).looked_up_at is not None) is kept
