"""A dial worker that is told to end: it lets go of what it waits for, and waits for answers."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from campaigns.calls import CallRequest, DialAnswer
from campaigns.dialing import dialer
from campaigns.models import Attempt, Campaign
from tests.integration.core.conftest import Bench
from tests.integration.core.fakes import accepted
from tests.integration.core.test_dialing import Floor, queue


@pytest.fixture
def floor(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    monkeypatch.setattr(dialer, "PUNCTUAL_SECONDS", 2.0)
    floor = Floor(bench)
    yield floor
    floor.close()


def run_in_thread(worker: dialer.Dialer, *batch: Attempt) -> threading.Thread:
    thread = threading.Thread(target=worker.run_batch, args=([a.id for a in batch],))
    thread.start()
    return thread


def test_slots_that_are_held_are_let_go_at_once_and_held_against_nobody(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    held = [queue(bench, campaign, after=30 + n, lasts=60) for n in range(3)]
    worker = floor.dialer()
    waiting = run_in_thread(worker, *held)
    worker.leave()
    waiting.join(timeout=10)
    assert not waiting.is_alive()
    assert floor.provider.requests == []
    now = bench.now()
    for attempt in held:
        row = bench.attempt(attempt.id)
        assert (row.status, row.cancel_reason, row.spent) == ("cancelled", "worker_left", False)
        recipient = bench.recipient(row.recipient_id)
        assert (recipient.status, recipient.reason) == ("pending", "worker_left")
        assert recipient.next_attempt_at <= now
        assert recipient.cancels_in_row == 0


def test_a_hint_that_comes_afterwards_is_let_go_as_well(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    worker = floor.dialer()
    worker.leave()
    worker.run_batch([attempt.id])
    assert floor.provider.requests == []
    assert bench.attempt(attempt.id).cancel_reason == "worker_left"


def test_an_answer_that_is_out_is_waited_for_and_recorded(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def slow(request: CallRequest) -> DialAnswer:
        asked.set()
        assert may_answer.wait(20)
        return accepted(request)

    floor.provider.answer = slow
    out, held = queue(bench, campaign), queue(bench, campaign, after=30, lasts=60)
    worker = floor.dialer()
    waiting = run_in_thread(worker, out, held)
    assert asked.wait(20)
    worker.leave()
    waiting.join(timeout=10)
    assert bench.attempt(held.id).cancel_reason == "worker_left"
    assert bench.attempt(out.id).accepted_at is None
    closing = threading.Thread(target=worker.close)
    closing.start()
    may_answer.set()
    closing.join(timeout=20)
    row = bench.attempt(out.id)
    assert (row.status, row.provider_call_id) == ("dialing", f"call {out.id}")
    assert row.accepted_at is not None


def test_what_somebody_has_claimed_meanwhile_is_theirs(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign, after=30, lasts=60)
    worker = floor.dialer()
    waiting = run_in_thread(worker, attempt)
    now = bench.now()
    bench.set(
        "attempts", attempt.id, status="dialing", claimed_at=now, claimed_by="another",
        slot_at=now - timedelta(seconds=1),
    )  # fmt: skip
    worker.leave()
    waiting.join(timeout=10)
    assert bench.attempt(attempt.id).status == "dialing"
