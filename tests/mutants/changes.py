"""Small, named changes of the product, applied while a test runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from campaigns import pacing, recording
from campaigns.calls import Answer, CallRequest, DialAnswer
from campaigns.dialing import Dialer, dialer
from campaigns.dispatcher import OpenHours
from campaigns.provisioning import Carrier
from campaigns.store import attempts
from campaigns.sweeping import SweepRules
from tests.stateful.world import World

Change = Callable[[World, pytest.MonkeyPatch], None]


@contextmanager
def changed(world: World, change: Change) -> Iterator[None]:
    """The product with one change; its SQL functions are put back afterwards."""
    ((claim,),) = world.rows("SELECT pg_get_functiondef('claim_attempts'::regproc)")
    with pytest.MonkeyPatch.context() as patch:
        try:
            change(world, patch)
            yield
        finally:
            world.clock.run(claim)


def _rewrite_claim(world: World, *replaced: tuple[str, str]) -> None:
    """The claim with parts of it rewritten; each must be there, or the change is none."""
    ((claim,),) = world.rows("SELECT pg_get_functiondef('claim_attempts'::regproc)")
    for before, after in replaced:
        assert before in claim, f"the claim has no {before!r} any more"
        claim = claim.replace(before, after)
    world.clock.run(claim)


def no_opt_out_check_in_the_claim(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if the tick's own check were enough."""
    _rewrite_claim(world, ("NOT opted_out(r.numbers, a.campaign_id, claimed)", "true"))


def lock_and_gate_in_one_statement(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if a statement saw what was committed while it waited for its lock."""
    lock = "pg_advisory_xact_lock_shared(7420001)"
    _rewrite_claim(
        world,
        (f"PERFORM {lock};", ""),
        ("WITH mine AS (", f"WITH gate AS MATERIALIZED (SELECT {lock} AS held), mine AS ("),
        ("FROM attempts a, campaigns c,", "FROM gate, attempts a, campaigns c,"),
        ("WHERE a.id = ANY (p_ids)", "WHERE gate.held IS NOT NULL AND a.id = ANY (p_ids)"),
    )


def in_doubt_treated_as_failed(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if a time-out meant that nothing was placed."""
    real = dialer.record_answer  # type: ignore[attr-defined] # what stands there now

    def record(session: Any, attempt: int, worker: str, answer: DialAnswer, now: Any) -> Any:
        if answer.answer is Answer.IN_DOUBT:
            answer = DialAnswer(Answer.NOT_SENT, reason=answer.reason)
        return real(session, attempt, worker, answer, now)

    patch.setattr(dialer, "record_answer", record)


def request_repeated(world: World, patch: pytest.MonkeyPatch) -> None:
    """As an HTTP client does that retries what it has no answer to."""

    def ask(carrier: Carrier, request: CallRequest, still: Callable[[], bool]) -> DialAnswer:
        first = carrier.provider.place_call(request, still)
        doubtful = first.answer is Answer.IN_DOUBT
        return carrier.provider.place_call(request, lambda: True) if doubtful else first

    patch.setattr(Dialer, "_ask", staticmethod(ask))


def no_slots(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if whoever is due were called at once."""
    patch.setattr(pacing, "spacing", lambda cps: timedelta(microseconds=1))
    patch.setattr(dialer, "PERIOD_OF_RATE", 0.00001)


def hours_asked_for_at_import_only(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if it were still as open as when somebody was imported."""

    def open_keys(hours: OpenHours, campaign: Any) -> dict[int, Any]:
        later = world.clock.now() + timedelta(days=1)
        return dict.fromkeys(hours._places, later)

    patch.setattr(OpenHours, "open_keys", open_keys)


def no_quarantine(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if a call that is not in the carrier's log yet did not exist."""
    world.sweep_rules = SweepRules(quarantine=0.0)


def numbers_not_held(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if two people never shared a telephone."""
    patch.setattr(attempts, "hold_numbers", lambda session, ids, numbers: set(ids))


def claims_that_do_not_look_at_the_campaign(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if a pause cancelled whatever is queued, always."""
    _rewrite_claim(world, ("c.status = 'running'", "true"))


def late_word_applied_backwards(world: World, patch: pytest.MonkeyPatch) -> None:
    """As if events came in order."""
    patch.setattr(recording, "moves_forward", lambda now, then: now != then)
