"""Sweepers: each repairs one kind of silence, and is harmless when there is none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from campaigns import campaigning, sweeping
from campaigns.calls import CallEvent, EventKind, LookupQuery, LookupResult, LookupState
from campaigns.db import database_now
from campaigns.errors import IllegalTransition, NotAllowed, NotConfigured
from campaigns.models import Account, Attempt, Campaign
from campaigns.provisioning import Carrier
from campaigns.store import dispatch
from campaigns.store.events import store_event
from campaigns.sweeping import SweepRules, look_up_silent_attempts, quarantine_of
from tests.factories import (
    NEW_YORK,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_recipients,
)
from tests.integration.core.conftest import Bench, ended, said
from tests.integration.core.fakes import FakeProvider

RULES = SweepRules(quarantine=900.0)


def silent(
    bench: Bench, campaign: Campaign, seconds: float, status: str = "dialing", **columns: Any
) -> Attempt:
    """An attempt about which nothing was heard for so long."""
    then = bench.now() - timedelta(seconds=seconds)
    times: dict[str, Any] = {"claimed_at": then}
    if status in ("ringing", "in_progress"):
        times |= {"accepted_at": then, "ringing_at": then, "provider_call_id": "call-1"}
    if status == "in_progress":
        times["answered_at"] = then
    return bench.run(
        lambda s: make_attempt(s, make_recipient(s, campaign), status, **times | columns)
    )


def always(state: LookupState | LookupResult) -> Callable[[LookupQuery], LookupResult]:
    result = state if isinstance(state, LookupResult) else LookupResult(state)
    return lambda query: result


class Sweeper:
    """Look-ups at a provider that answers as told, a minute after each other."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.provider, self.rules = bench, FakeProvider(), RULES
        self.carrier_of: Callable[[int], Carrier] = lambda account: self.provider.carrier()

    def look(self, *states: LookupState | LookupResult) -> None:
        """One round for each answer."""
        for state in states:
            self.provider.found = always(state)
            look_up_silent_attempts(self.bench.engine, self.carrier_of, self.rules)
            self.bench.rows("UPDATE attempts SET looked_up_at = looked_up_at - interval '61 s'")


@pytest.fixture
def sweeper(bench: Bench) -> Sweeper:
    return Sweeper(bench)


def found(event: CallEvent) -> LookupResult:
    state = LookupState.ENDED if event.kind == "ended" else LookupState.LIVE
    return LookupResult(state, event)


ABSENT, AMBIGUOUS = LookupState.ABSENT, LookupState.AMBIGUOUS


@pytest.mark.parametrize(
    ("status", "seconds", "asked"),
    [
        ("dialing", 55, False),
        ("dialing", 65, True),
        ("ringing", 85, False),  # half a minute to ring, and a minute
        ("ringing", 95, True),
        ("in_progress", 400, False),
        ("in_progress", 425, True),
    ],
)
def test_the_provider_is_asked_after_a_silence(
    bench: Bench, campaign: Campaign, sweeper: Sweeper, status: str, seconds: float, asked: bool
) -> None:
    attempt = silent(bench, campaign, seconds, status)
    sweeper.look(LookupState.UNREACHABLE)
    assert len(sweeper.provider.queries) == int(asked)
    if asked:
        (query,) = sweeper.provider.queries
        assert (query.to, query.caller_id) == (attempt.number, "+12015550199")
        assert query.posted_at == attempt.claimed_at


def test_an_attempt_in_doubt_is_asked_about_at_once_and_then_every_minute(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    silent(bench, campaign, 1, in_doubt_at=bench.now(), doubt_reason="ReadTimeout")
    for _ in range(3):
        look_up_silent_attempts(bench.engine, sweeper.carrier_of, RULES)
    assert len(sweeper.provider.queries) == 1
    sweeper.look(ABSENT)
    sweeper.look(ABSENT)
    assert len(sweeper.provider.queries) == 2


def test_ids_of_other_calls_to_the_number_are_never_adopted(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    recipient = bench.run(make_recipient, campaign)
    bench.run(make_attempt, recipient, "ended", provider_call_id="older")
    then = bench.now() - timedelta(seconds=70)
    bench.run(make_attempt, recipient, "dialing", claimed_at=then)
    sweeper.look(ABSENT)
    assert sweeper.provider.queries[0].known_call_ids == ["older"]


def test_a_call_that_is_found_ended_ends(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 70)
    sweeper.look(found(ended("busy")))
    row = bench.attempt(attempt.id)
    assert (row.status, row.disposition, row.provider_call_id) == ("ended", "busy", "call-1")
    assert bench.recipient(attempt.recipient_id).status == "pending"


def test_a_call_that_is_found_alive_goes_on(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 5000)
    sweeper.look(ABSENT, found(said("ringing")), ABSENT)
    row = bench.attempt(attempt.id)
    assert (row.status, row.provider_call_id, row.empty_lookups) == ("ringing", "call-1", 0)


def test_a_call_that_ended_nobody_knows_how_is_unknown(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 70)
    sweeper.look(found(ended()))
    row = bench.attempt(attempt.id)
    assert (row.status, row.disposition, row.provisional) == ("ended", "unknown", True)
    assert bench.recipient(attempt.recipient_id).status == "review"


def test_nothing_is_concluded_within_the_quarantine(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 600)
    sweeper.look(ABSENT, ABSENT, ABSENT, AMBIGUOUS)
    row = bench.attempt(attempt.id)
    assert (row.status, row.empty_lookups) == ("dialing", 0)
    assert bench.recipient(attempt.recipient_id).status == "in_flight"


def test_after_it_two_empty_look_ups_say_that_no_call_was_placed(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 1000)
    sweeper.look(ABSENT)
    assert bench.attempt(attempt.id).status == "dialing"
    sweeper.look(ABSENT)
    row = bench.attempt(attempt.id)
    assert (row.status, row.cancel_reason) == ("cancelled", "not_placed")
    recipient = bench.recipient(attempt.recipient_id)
    assert (recipient.status, recipient.attempts_spent) == ("pending", 0)
    assert recipient.next_attempt_at <= bench.now() + timedelta(seconds=1.1)


def test_a_clock_that_was_put_ahead_does_not_end_the_quarantine(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    """By the database's clock it is over; but nobody has waited for so long."""
    attempt = silent(bench, campaign, 3600)
    sweeper.rules = replace(RULES, steady_since=bench.now() - timedelta(seconds=10))
    sweeper.look(ABSENT, ABSENT, ABSENT)
    assert bench.attempt(attempt.id).status == "dialing"
    sweeper.rules = replace(RULES, steady_since=bench.now() - timedelta(seconds=1000))
    sweeper.look(ABSENT, ABSENT)
    assert bench.attempt(attempt.id).cancel_reason == "not_placed"


def test_two_sweepers_at_the_same_time_are_one_look_up(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    """A leader that froze and the one that followed it may both be at it."""
    attempt = silent(bench, campaign, 1000)

    def find(query: LookupQuery) -> LookupResult:
        if len(sweeper.provider.queries) < 3:
            look_up_silent_attempts(bench.engine, sweeper.carrier_of, RULES)
        return LookupResult(ABSENT)

    sweeper.provider.found = find
    look_up_silent_attempts(bench.engine, sweeper.carrier_of, RULES)
    assert len(sweeper.provider.queries) == 3
    row = bench.attempt(attempt.id)
    assert (row.status, row.empty_lookups) == ("dialing", 1)


@pytest.mark.parametrize("states", [(AMBIGUOUS,), (ABSENT, AMBIGUOUS), (AMBIGUOUS, ABSENT)])
def test_a_listing_that_may_be_ours_is_never_no_call(
    bench: Bench, campaign: Campaign, sweeper: Sweeper, states: tuple[LookupState, ...]
) -> None:
    attempt = silent(bench, campaign, 1000)
    sweeper.look(*states)
    row = bench.attempt(attempt.id)
    assert (row.status, row.disposition, row.provisional) == ("ended", "unknown", True)


def test_a_call_that_was_accepted_is_never_declared_not_placed(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 1000, accepted_at=bench.now(), provider_call_id="call-1")
    sweeper.look(ABSENT, ABSENT)
    assert bench.attempt(attempt.id).disposition == "unknown"


def test_no_answer_counts_for_nothing(bench: Bench, campaign: Campaign, sweeper: Sweeper) -> None:
    attempt = silent(bench, campaign, 1000)
    sweeper.look(*[LookupState.UNREACHABLE] * 5)
    row = bench.attempt(attempt.id)
    assert (row.status, row.empty_lookups) == ("dialing", 0)
    assert row.looked_up_at is not None


def test_after_a_day_of_silence_the_call_counts_as_made(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 86401)
    sweeper.look(LookupState.UNREACHABLE)
    assert bench.attempt(attempt.id).disposition == "unknown"


@pytest.mark.parametrize(
    ("change", "quarantine", "expected"),
    [
        ({"live": True}, 900.0, 900.0),
        ({"live": True}, 5.0, 900.0),
        ({"live": True}, 5000.0, 5000.0),
        ({"time_scale": 0.1}, 900.0, 90.0),
    ],
)
def test_the_quarantine_of_a_live_account_is_never_short(
    bench: Bench, change: dict[str, Any], quarantine: float, expected: float
) -> None:
    account = bench.run(make_account, **change)
    campaign = bench.run(make_campaign, account)
    silent(bench, campaign, 4000)
    seen: list[Any] = []
    asked = sweeping._ask

    def note(engine: Any, carrier_of: Any, one: Any, rules: Any) -> LookupResult:
        seen.append(one)
        return LookupResult(LookupState.UNREACHABLE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "_ask", note)
        look_up_silent_attempts(bench.engine, lambda account: FakeProvider().carrier(), RULES)
    assert sweeping._ask is asked
    assert quarantine_of(seen[0], SweepRules(quarantine)) == timedelta(seconds=expected)


def test_a_shortened_quarantine_does_not_overtake_a_post_that_is_still_out(
    bench: Bench, sweeper: Sweeper
) -> None:
    """At a hundredth of the time the quarantine is nine seconds, and a worker may wait longer
    than that for the answer to its POST."""
    account = bench.run(make_account, time_scale=0.01)
    campaign = bench.run(make_campaign, account)
    out = silent(bench, campaign, 20)
    over = silent(bench, campaign, 20, in_doubt_at=bench.now())
    sweeper.look(ABSENT, ABSENT, ABSENT)
    assert bench.attempt(out.id).status == "dialing"
    assert bench.attempt(over.id).cancel_reason == "not_placed"
    bench.set("attempts", out.id, claimed_at=bench.now() - timedelta(seconds=46))
    sweeper.look(ABSENT)
    assert bench.attempt(out.id).cancel_reason == "not_placed"


@pytest.mark.parametrize(
    ("after", "steady"), [(None, True), (-10, True), (0, False), (10, False), (3600, False)]
)
def test_a_provider_is_told_whether_our_clock_was_put_elsewhere_since_the_call(
    bench: Bench, campaign: Campaign, after: int | None, steady: bool
) -> None:
    """An empty log proves only something about the time that was asked for. A clock that was put
    back is steady from the latest claim on, but not for that claim itself."""
    attempt = silent(bench, campaign, 70)
    assert attempt.claimed_at is not None
    since = None if after is None else attempt.claimed_at + timedelta(seconds=after)
    asked: list[LookupQuery] = []

    def note(query: LookupQuery) -> LookupResult:
        asked.append(query)
        return LookupResult(LookupState.UNREACHABLE)

    provider = FakeProvider(found=note)
    rules = SweepRules(900.0, steady_since=since)
    look_up_silent_attempts(bench.engine, lambda account: provider.carrier(), rules)
    (query,) = asked
    assert query.steady is steady
    assert query.posted_at == attempt.claimed_at
    assert timedelta(seconds=69) < query.asked_at - query.posted_at < timedelta(seconds=90)


@pytest.mark.parametrize(
    "word", ["an event that says nothing", "a document that was fetched", "silence"]
)
def test_whatever_was_heard_speaks_for_a_call(
    bench: Bench, campaign: Campaign, sweeper: Sweeper, word: str
) -> None:
    """An empty log proves nothing against somebody who asked what they are to say."""
    attempt = silent(bench, campaign, 1000, in_doubt_at=bench.now())
    if word == "an event that says nothing":
        bench.run(store_event, attempt.id, CallEvent(EventKind.OTHER, "x"), "raw", "webhook")
    elif word == "a document that was fetched":
        bench.set("attempts", attempt.id, served_at=bench.now())
    sweeper.look(ABSENT, ABSENT)
    after = bench.attempt(attempt.id)
    if word == "silence":
        assert (after.status, after.cancel_reason) == ("cancelled", "not_placed")
    else:
        assert (after.status, after.disposition, after.spent) == ("ended", "unknown", True)


def test_a_clock_put_back_hides_nobody_from_the_look_ups(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    later = bench.now() + timedelta(hours=1)
    silent(bench, campaign, -3600, in_doubt_at=later, looked_up_at=later)
    sweeper.look(LookupState.UNREACHABLE)
    (query,) = sweeper.provider.queries
    assert not query.steady
    assert query.posted_at > query.asked_at


def test_a_clock_put_ahead_by_a_day_gives_nobody_up(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    attempt = silent(bench, campaign, 2 * 86_400, in_doubt_at=bench.now())
    sweeper.rules = SweepRules(900.0, steady_since=bench.now() - timedelta(seconds=60))
    sweeper.look(LookupState.UNREACHABLE, ABSENT, ABSENT)
    assert bench.attempt(attempt.id).status == "dialing"
    sweeper.rules = RULES
    sweeper.look(LookupState.UNREACHABLE)
    assert bench.attempt(attempt.id).status == "ended"


def test_an_answer_that_proves_nothing_keeps_no_other_call_waiting(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    """A log too long to be read to its end for one call may say all about the next."""
    attempts = [silent(bench, campaign, 70) for _ in range(3)]
    sweeper.look(LookupState.UNREADABLE)
    assert len(sweeper.provider.queries) == 3
    sweeper.look(LookupState.UNREACHABLE)
    assert len(sweeper.provider.queries) == 4
    assert {bench.attempt(one.id).status for one in attempts} == {"dialing"}


def test_an_account_that_cannot_be_asked_does_not_silence_the_others(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    broken = [silent(bench, campaign, 70) for _ in range(120)]
    other = bench.run(make_account)
    fine = silent(bench, bench.run(make_campaign, other), 70)

    def carrier_of(account_id: int) -> Carrier:
        if account_id != other.id:
            raise NotConfigured("another secret key")
        return sweeper.provider.carrier()

    sweeper.provider.found = lambda query: found(ended("busy"))
    for _ in range(2):
        look_up_silent_attempts(bench.engine, carrier_of, RULES)
    assert bench.attempt(fine.id).status == "ended"
    assert bench.attempt(broken[0].id).status == "dialing"


def test_events_that_a_crash_left_behind_are_applied(bench: Bench, campaign: Campaign) -> None:
    attempts = [silent(bench, campaign, 1) for _ in range(3)]
    for attempt in attempts:
        bench.run(store_event, attempt.id, ended("busy", f"call {attempt.id}"), "raw", "webhook")
    assert sweeping.apply_leftover_events(bench.engine) == []
    assert bench.attempt(attempts[0].id).status == "dialing"  # its own request may be at it yet
    bench.rows("UPDATE call_events SET received_at = received_at - interval '3 seconds'")
    sweeping.apply_leftover_events(bench.engine)
    assert {bench.attempt(attempt.id).disposition for attempt in attempts} == {"busy"}


def test_a_leftover_event_of_a_recalled_call_asks_for_its_recall(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = silent(bench, campaign, 1, recall_requested_at=bench.now(), recall_reason="stopped")
    bench.run(store_event, attempt.id, said("ringing"), "raw", "webhook")
    bench.rows("UPDATE call_events SET received_at = received_at - interval '3 seconds'")
    assert sweeping.apply_leftover_events(bench.engine) == [attempt.id]


def test_an_event_that_cannot_be_applied_does_not_keep_the_others_waiting(
    bench: Bench, campaign: Campaign
) -> None:
    poisoned, fine = silent(bench, campaign, 1), silent(bench, campaign, 1)
    bench.set("recipients", poisoned.recipient_id, zone="Nowhere/Atall")
    for attempt in (poisoned, fine):
        event = ended("busy", f"call {attempt.id}")
        bench.run(store_event, attempt.id, event, "raw", "webhook")
    bench.rows("UPDATE call_events SET received_at = received_at - interval '3 seconds'")
    sweeping.apply_leftover_events(bench.engine)
    assert bench.attempt(fine.id).status == "ended"
    assert bench.attempt(poisoned.id).status == "dialing"


def test_deadlines_expire_in_any_campaign(bench: Bench, account: Account) -> None:
    campaign = bench.run(make_campaign, account, status="paused")
    past, ahead = bench.now() - timedelta(seconds=1), bench.now() + timedelta(hours=1)
    late = bench.run(make_recipients, campaign, 3, deadline_at=past)
    other = bench.run(make_recipients, campaign, 2, deadline_at=ahead)
    free = bench.run(make_recipient, campaign)
    assert sweeping.expire_deadlines(bench.engine) == 3
    assert {bench.recipient(r.id).status for r in late} == {"expired"}
    assert {bench.recipient(r.id).status for r in (*other, free)} == {"pending"}
    assert sweeping.expire_deadlines(bench.engine) == 0


def complete(bench: Bench) -> int:
    return bench.run(lambda s: campaigning.complete_drained_campaigns(s, database_now(s)))


@pytest.mark.parametrize(
    ("statuses", "done"),
    [
        (("completed", "exhausted", "review", "blocked", "expired"), True),
        (("completed", "pending"), False),
        ((), True),
    ],
)
def test_a_campaign_is_complete_when_nobody_waits(
    bench: Bench, campaign: Campaign, statuses: tuple[str, ...], done: bool
) -> None:
    for status in statuses:
        bench.run(make_recipient, campaign, status=status)
    assert complete(bench) == int(done)
    assert bench.value("SELECT status FROM campaigns") == ("completed" if done else "running")


def test_a_campaign_is_not_complete_while_somebody_is_on_the_phone_or_a_file_is_read(
    bench: Bench, campaign: Campaign
) -> None:
    silent(bench, campaign, 1, "in_progress")
    assert complete(bench) == 0
    bench.rows("UPDATE recipients SET status = 'completed'")
    bench.rows(
        "INSERT INTO imports (campaign_id, file_name, file_sha256, options, status) "
        "VALUES (:id, 'a.csv', 'x', '{}', 'running')",
        id=campaign.id,
    )
    assert complete(bench) == 0
    bench.rows("UPDATE imports SET status = 'done'")
    assert complete(bench) == 1


def test_a_paused_campaign_is_not_completed_behind_a_persons_back(
    bench: Bench, account: Account
) -> None:
    bench.run(make_campaign, account, status="paused")
    assert complete(bench) == 0


def start_due(bench: Bench) -> int:
    return bench.run(lambda s: campaigning.start_scheduled_campaigns(s, database_now(s)))


def stop_due(bench: Bench) -> list[int]:
    return bench.run(lambda s: campaigning.stop_ended_campaigns(s, database_now(s)))


def test_a_scheduled_campaign_starts_at_its_time(bench: Bench, account: Account) -> None:
    ahead = bench.run(
        make_campaign, account, status="scheduled", starts_at=bench.now() + timedelta(hours=1)
    )
    assert start_due(bench) == 0
    bench.set("campaigns", ahead.id, starts_at=bench.now() - timedelta(seconds=1))
    assert start_due(bench) == 1
    row = bench.rows("SELECT status, started_at IS NOT NULL FROM campaigns")
    assert row == [("running", True)]


def test_a_campaign_that_slept_through_its_whole_time_does_not_stop_the_others(
    bench: Bench, account: Account
) -> None:
    """As after a week in which nothing was running."""
    past = bench.now() - timedelta(days=7)
    missed = bench.run(
        make_campaign,
        account,
        status="scheduled",
        starts_at=past,
        ends_at=past + timedelta(days=1),
    )
    due = bench.run(make_campaign, account, status="scheduled", starts_at=past)
    assert start_due(bench) == 1
    stop_due(bench)
    rows = dict(bench.rows("SELECT id, status FROM campaigns"))
    assert rows == {missed.id: "stopped", due.id: "running"}


def test_a_campaign_stops_at_its_end_and_takes_its_calls_back(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = silent(bench, campaign, 1, "ringing")
    assert stop_due(bench) == []
    bench.set("campaigns", campaign.id, ends_at=bench.now() - timedelta(seconds=1))
    assert stop_due(bench) == [attempt.id]
    assert bench.value("SELECT status FROM campaigns") == "stopped"
    assert stop_due(bench) == []


def test_a_start_needs_recipients_and_an_end_that_lies_ahead(
    bench: Bench, account: Account
) -> None:
    campaign = bench.run(make_campaign, account, status="draft")

    def start() -> None:
        bench.run(lambda s: campaigning.start_campaign(s, campaign.id, database_now(s)))

    with pytest.raises(NotAllowed, match="no recipients"):
        start()
    bench.run(make_recipient, campaign, zone=NEW_YORK)
    bench.set("campaigns", campaign.id, ends_at=bench.now() - timedelta(seconds=1))
    with pytest.raises(NotAllowed, match="past"):
        start()
    bench.set("campaigns", campaign.id, ends_at=None)
    start()
    with pytest.raises(IllegalTransition):
        start()


def test_a_round_of_look_ups_ends_in_time_and_the_rest_comes_first_in_the_next(
    bench: Bench, campaign: Campaign, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = silent(bench, campaign, 100)
    monkeypatch.setattr(sweeping, "ROUND_SECONDS", -1.0)
    sweeper.look(ABSENT)
    assert sweeper.provider.queries == []
    assert bench.attempt(attempt.id).looked_up_at is None


def test_what_cannot_be_applied_does_not_keep_other_look_ups_waiting(
    bench: Bench, campaign: Campaign, sweeper: Sweeper
) -> None:
    poisoned = silent(bench, campaign, 100, provider_call_id="call-1")
    bench.set("recipients", poisoned.recipient_id, zone="Nowhere/Atall")
    fine = silent(bench, campaign, 100, provider_call_id="call-2")
    sweeper.provider.found = lambda query: found(ended("busy", query.provider_call_id))
    look_up_silent_attempts(bench.engine, sweeper.carrier_of, RULES)
    assert bench.attempt(fine.id).disposition == "busy"
    row = bench.attempt(poisoned.id)
    assert (row.status, row.looked_up_at is not None) == ("dialing", True)


def test_processes_that_were_killed_are_forgotten(bench: Bench) -> None:
    for name in ("web:here:1", "web:here:2"):
        bench.run(dispatch.beat, name, "web", ready=True, detail={})
    bench.rows("UPDATE heartbeats SET at = at - interval '1 hour' WHERE name = 'web:here:1'")
    sweeping.forget_dead_processes(bench.engine)
    assert bench.value("SELECT name FROM heartbeats") == "web:here:2"
