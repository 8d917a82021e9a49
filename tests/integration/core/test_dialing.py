"""The dialer, with a provider in memory: one POST per attempt, and every answer has its end."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from campaigns.calls import Answer, CallRequest, DialAnswer
from campaigns.db import database_now
from campaigns.dialing import DatabaseClock, Dialer, DialRules, boot_seconds, dialer
from campaigns.errors import NotConfigured
from campaigns.models import Account, Attempt, Campaign
from campaigns.provisioning import Carrier
from campaigns.recording import record_answer
from campaigns.stopping import opt_out_number
from campaigns.store import attempts
from tests.factories import fiction_number, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench
from tests.integration.core.fakes import FakeProvider, accepted

NEVER = OperationalError("statement", {}, Exception("the server closed the connection"))


class Floor:
    """Dialers, and the provider behind them."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.provider = bench, FakeProvider()
        self.clock = DatabaseClock(bench.engine)
        self.clock.measure()
        self.recalled: list[int] = []
        self.carrier_of: Callable[[int], Carrier] = lambda account: self.provider.carrier()
        self._dialers: list[Dialer] = []

    def dialer(self, **rules: Any) -> Dialer:
        named: dict[str, Any] = {"worker": "worker", "freshness": 2.0, "threads": 8}
        named |= {"live_allowed": False, **rules}
        made = Dialer(
            self.bench.engine,
            self.clock,
            DialRules(**named),
            lambda account: self.carrier_of(account),
            self.recalled.extend,
        )
        self._dialers.append(made)
        return made

    def dial(self, *batch: Attempt, **rules: Any) -> None:
        """Dial as one worker, and wait until everything is written down."""
        worker = self.dialer(**rules)
        worker.run_batch([attempt.id for attempt in batch])
        worker.close()

    def close(self) -> None:
        for worker in self._dialers:
            worker.close()


@pytest.fixture
def floor(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    """A busy test machine must not make calls look unpunctual; spacing has tests of its own."""
    monkeypatch.setattr(dialer, "PUNCTUAL_SECONDS", 2.0)
    monkeypatch.setattr(dialer, "RECORD_WAITS", (0.01,) * 5)
    floor = Floor(bench)
    yield floor
    floor.close()


def queue(
    bench: Bench, campaign: Campaign, after: float = 0.0, lasts: float = 5.0, **recipient: Any
) -> Attempt:
    """An attempt whose slot is `after` seconds from now, and which may be claimed for `lasts`."""
    slot = bench.now() + timedelta(seconds=after)
    return bench.run(
        lambda s: make_attempt(
            s,
            make_recipient(s, campaign, **recipient),
            slot_at=slot,
            not_after=slot + timedelta(seconds=lasts),
        )
    )


def test_a_call_is_posted_once_and_accepted(bench: Bench, floor: Floor, campaign: Campaign) -> None:
    attempt = queue(bench, campaign)
    floor.dial(attempt)
    floor.dial(attempt)  # the hint once more
    (request,) = floor.provider.requests
    assert (request.to, request.caller_id) == (attempt.number, "+12015550199")
    assert request.flow_url == f"https://public.example/flows/{attempt.id}"
    assert request.status_url == f"https://public.example/hooks/fake/{attempt.id}"
    row = bench.attempt(attempt.id)
    assert (row.status, row.provider_call_id) == ("dialing", f"call {attempt.id}")
    assert row.accepted_at is not None


def test_a_call_that_the_pool_refuses_and_keeps_is_posted_or_cancelled_never_both(
    bench: Bench, floor: Floor, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool puts a call into its queue before it starts a thread for it, and says so if none can
    be started; a thread that becomes free then finds the call there."""
    attempt = queue(bench, campaign)
    worker = floor.dialer()
    submit = worker._pool.submit

    def refuse(*call: Any) -> None:
        def later() -> None:
            time.sleep(0.3)
            call[0](*call[1:])

        submit(later)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(worker._pool, "submit", refuse)
    worker.run_batch([attempt.id])
    worker.close()
    assert floor.provider.requests == []
    assert bench.attempt(attempt.id).cancel_reason == "stale_claim"
    assert worker._free._value == 8


def test_the_claim_is_committed_before_the_post_leaves(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    seen: list[str] = []

    def answer(request: CallRequest) -> DialAnswer:
        seen.append(bench.attempt(attempt.id).status)
        return accepted(request)

    floor.provider.answer = answer
    floor.dial(attempt)
    assert seen == ["dialing"]


def test_a_call_is_not_posted_before_its_slot(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign, after=0.4)
    early = floor.clock.boot_at(attempt.slot_at)
    posted: list[float] = []

    def answer(request: CallRequest) -> DialAnswer:
        posted.append(boot_seconds())
        return accepted(request)

    floor.provider.answer = answer
    floor.dial(attempt)
    assert posted[0] >= early


def test_a_stale_claim_is_cancelled_without_a_post(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    floor.dial(attempt, freshness=0.0)
    assert floor.provider.requests == []
    row = bench.attempt(attempt.id)
    assert (row.status, row.cancel_reason) == ("cancelled", "stale_claim")
    assert bench.recipient(attempt.recipient_id).status == "pending"


def test_a_process_that_froze_after_its_claim_does_not_post(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    """The carrier is asked for after the claim; here that takes longer than a claim is fresh."""
    attempt = queue(bench, campaign)
    carrier = floor.provider.carrier()

    def slowly(_account: int) -> Carrier:
        time.sleep(0.3)
        return carrier

    floor.carrier_of = slowly
    floor.dial(attempt, freshness=0.2)
    assert floor.provider.requests == []
    assert bench.attempt(attempt.id).cancel_reason == "stale_claim"


def test_a_call_whose_connection_takes_longer_than_its_claim_lasts_is_not_written(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    """Somebody may have said stop meanwhile, and the claim would not know."""
    attempt = queue(bench, campaign)
    floor.provider.connecting = lambda: time.sleep(0.3)
    floor.dial(attempt, freshness=0.2)
    assert floor.provider.requests == []
    row = bench.attempt(attempt.id)
    assert (row.status, row.cancel_reason) == ("cancelled", "stale_claim")
    assert bench.recipient(attempt.recipient_id).status == "pending"


def test_a_line_is_opened_while_the_slot_is_waited_for(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    floor.dial(attempt)
    assert floor.provider.warmed_up == 1
    assert floor.provider.dialled() == [attempt.id]


def test_a_clock_that_cannot_be_trusted_dials_nothing(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    floor.clock.skew = 2.5
    floor.dial(attempt)
    assert bench.attempt(attempt.id).status == "queued"


@pytest.mark.parametrize(
    "answer", [DialAnswer(Answer.IN_DOUBT, reason="ReadTimeout"), RuntimeError("a fault of ours")]
)
def test_after_the_write_nothing_but_evidence_ends_an_attempt(
    bench: Bench, floor: Floor, campaign: Campaign, answer: DialAnswer | RuntimeError
) -> None:
    attempt = queue(bench, campaign)

    def doubtful(request: CallRequest) -> DialAnswer:
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    floor.provider.answer = doubtful
    floor.dial(attempt)
    floor.dial(attempt)
    assert len(floor.provider.requests) == 1
    row = bench.attempt(attempt.id)
    assert (row.status, row.provider_call_id) == ("dialing", None)
    assert row.in_doubt_at is not None
    assert bench.recipient(attempt.recipient_id).status == "in_flight"


@pytest.mark.parametrize(
    ("answer", "reason"), [(Answer.NOT_SENT, "not_sent"), (Answer.CONGESTED, "congested")]
)
def test_a_refusal_costs_no_attempt_and_the_account_backs_off_longer_each_time(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign, answer: Answer, reason: str
) -> None:
    floor.provider.answer = lambda request: DialAnswer(answer, reason="busy")
    waits = []
    for level in (1, 2, 3):
        attempt = queue(bench, campaign)
        floor.dial(attempt)
        row = bench.attempt(attempt.id)
        assert (row.status, row.cancel_reason, row.spent) == ("cancelled", reason, False)
        (at,) = bench.rows("SELECT backoff_until, backoff_level FROM accounts")
        waits.append((at.backoff_until - bench.now()).total_seconds())
        assert at.backoff_level == level
        recipient = bench.recipient(attempt.recipient_id)
        assert recipient.status == "pending"
        assert recipient.next_attempt_at >= at.backoff_until
        bench.set("accounts", account.id, backoff_until=None)
    assert [round(wait) for wait in waits] == [1, 2, 4]
    floor.provider.answer = accepted
    floor.dial(queue(bench, campaign))
    assert bench.value("SELECT backoff_level FROM accounts") == 0


def test_a_burst_of_refusals_is_one_trouble(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign
) -> None:
    """Eight calls were out when the provider began to refuse: that is a back-off of one second,
    not of eight doublings."""
    bench.set("accounts", account.id, cps=500.0)
    everybody = [queue(bench, campaign) for _ in range(8)]
    gathered = threading.Barrier(8)

    def refuse(request: CallRequest) -> DialAnswer:
        gathered.wait(timeout=10)
        return DialAnswer(Answer.CONGESTED, retry_after=3.0)

    floor.provider.answer = refuse
    floor.dial(*everybody)
    (row,) = bench.rows("SELECT backoff_until, backoff_level FROM accounts")
    assert row.backoff_level == 1
    assert timedelta(seconds=1) < row.backoff_until - bench.now() <= timedelta(seconds=3)


def test_a_fault_pauses_the_account_with_a_sentence_and_costs_nobody_an_attempt(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign
) -> None:
    attempt, waiting = queue(bench, campaign), queue(bench, campaign, after=60)
    out = bench.run(
        lambda s: make_attempt(s, make_recipient(s, campaign), "dialing", provider_call_id="c-1")
    )
    floor.provider.answer = lambda request: DialAnswer(Answer.FAULT, reason="insufficient_balance")
    floor.dial(attempt)
    (row,) = bench.rows("SELECT status, status_reason FROM accounts")
    assert row.status == "paused"
    assert "insufficient_balance" in row.status_reason
    assert bench.value("SELECT sentence FROM campaign_log") == row.status_reason
    for one in (attempt, waiting):
        cancelled = bench.attempt(one.id)
        assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "account_fault")
        recipient = bench.recipient(one.recipient_id)
        assert (recipient.status, recipient.attempts_spent) == ("pending", 0)
    assert bench.attempt(out.id).recall_requested_at is not None
    assert floor.recalled == [out.id]


def test_a_bad_number_ends_and_the_next_one_is_due_at_once(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    numbers = [fiction_number(), fiction_number()]
    attempt = queue(bench, campaign, numbers=numbers)
    floor.provider.answer = lambda request: DialAnswer(Answer.BAD_NUMBER, reason="not_found")
    floor.dial(attempt)
    row = bench.attempt(attempt.id)
    assert (row.status, row.disposition, row.end_reason) == (
        "ended",
        "invalid_number",
        "not_found",
    )
    recipient = bench.recipient(attempt.recipient_id)
    assert (recipient.status, recipient.numbers, recipient.number_index) == (
        "pending",
        numbers[1:],
        0,
    )
    assert recipient.next_attempt_at <= bench.now()


def test_a_bad_number_does_not_use_up_the_only_attempt(
    bench: Bench, floor: Floor, account: Account
) -> None:
    campaign = bench.run(make_campaign, account, retry_policy={"max_attempts": 1})
    attempt = queue(bench, campaign, numbers=[fiction_number(), fiction_number()])
    floor.provider.answer = lambda request: DialAnswer(Answer.BAD_NUMBER)
    floor.dial(attempt)
    assert bench.recipient(attempt.recipient_id).attempts_spent == 0


def test_without_a_valid_number_nobody_is_left_to_call(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    floor.provider.answer = lambda request: DialAnswer(Answer.BAD_NUMBER)
    floor.dial(attempt)
    recipient = bench.recipient(attempt.recipient_id)
    assert (recipient.status, recipient.reason) == ("exhausted", "no valid number left")


def test_the_same_batch_at_two_workers_is_posted_once(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, cps=200.0)
    batch = [queue(bench, campaign, lasts=6.0) for _ in range(20)]
    ids = [attempt.id for attempt in batch]
    workers = [floor.dialer(worker=f"worker {n}", threads=20) for n in range(2)]
    threads = [threading.Thread(target=w.run_batch, args=(ids,)) for w in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    assert sorted(floor.provider.dialled()) == ids
    assert bench.value("SELECT count(*) FROM attempts WHERE accepted_at IS NOT NULL") == 20


def test_a_late_batch_keeps_its_spacing(
    bench: Bench,
    floor: Floor,
    account: Account,
    campaign: Campaign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All slots have passed: the calls go out one after the other, not all at once. A busy machine
    may be late with any of them, and is early with none."""
    planned: list[datetime] = []
    claim = attempts.claim_attempts

    def claim_and_note(*args: Any, **kwargs: Any) -> Any:
        claimed = claim(*args, **kwargs)
        planned.extend(one.post_at for one in claimed)
        return claimed

    monkeypatch.setattr(attempts, "claim_attempts", claim_and_note)
    bench.set("accounts", account.id, cps=20.0)
    batch = [queue(bench, campaign, after=-1, lasts=30.0) for _ in range(8)]
    began = time.monotonic()
    floor.dial(*batch, freshness=5.0)
    assert len(floor.provider.times) == len(planned) == 8
    apart = [later - earlier for earlier, later in pairwise(sorted(planned))]
    assert min(apart) >= timedelta(milliseconds=50)
    for n, posted in enumerate(sorted(floor.provider.times)):
        assert posted - began >= 0.05 * n - 0.02


def test_an_attempt_that_is_refused_does_not_hold_up_those_behind_it(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, cps=50.0)
    paused = bench.run(make_campaign, account, status="paused")
    refused = queue(bench, paused, after=0.1, lasts=6.0)
    behind = [queue(bench, campaign, after=0.1 + 0.03 * n, lasts=6.0) for n in range(1, 5)]
    floor.dial(refused, *behind)
    assert sorted(floor.provider.dialled()) == [b.id for b in behind]
    assert bench.attempt(refused.id).status == "queued"


def test_the_database_may_be_away_when_the_answer_comes(
    bench: Bench, floor: Floor, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = queue(bench, campaign)
    troubles = iter([NEVER, NEVER, NEVER])

    def record_later(*args: Any) -> Any:
        for trouble in troubles:
            raise trouble
        return record_answer(*args)

    monkeypatch.setattr(dialer, "record_answer", record_later)
    floor.dial(attempt)
    assert bench.attempt(attempt.id).accepted_at is not None
    assert len(floor.provider.requests) == 1


def test_an_answer_that_cannot_be_recorded_leaves_the_attempt_to_events_and_look_ups(
    bench: Bench, floor: Floor, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = queue(bench, campaign)

    def never(*args: Any) -> Any:
        raise NEVER

    monkeypatch.setattr(dialer, "record_answer", never)
    floor.dial(attempt)
    row = bench.attempt(attempt.id)
    assert (row.status, row.accepted_at) == ("dialing", None)


def test_a_claim_that_fails_posts_nothing(
    bench: Bench, floor: Floor, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = bench.now()
    attempt = bench.run(
        lambda s: make_attempt(
            s, make_recipient(s, campaign), slot_at=slot, not_after=slot + timedelta(seconds=0.3)
        )
    )

    def fail(*args: Any, **named: Any) -> Any:
        raise NEVER

    monkeypatch.setattr(attempts, "claim_attempts", fail)
    floor.dial(attempt)
    assert floor.provider.requests == []


def test_a_recall_that_came_before_the_answer_is_asked_for(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)

    def answer(request: CallRequest) -> DialAnswer:
        bench.run(lambda s: opt_out_number(s, attempt.number, "api", database_now(s)))
        return accepted(request)

    floor.provider.answer = answer
    floor.dial(attempt)
    assert floor.recalled == [attempt.id]
    assert bench.attempt(attempt.id).recall_reason == "opted_out"


def test_an_account_whose_credentials_cannot_be_read_is_paused(
    bench: Bench, floor: Floor, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)

    def locked(_account: int) -> Carrier:
        raise NotConfigured("The credentials were encrypted under another secret key.")

    floor.carrier_of = locked
    floor.dial(attempt)
    assert bench.attempt(attempt.id).cancel_reason == "account_fault"
    (row,) = bench.rows("SELECT status, status_reason FROM accounts")
    assert row.status == "paused"
    assert "another secret key" in row.status_reason


@pytest.mark.parametrize("error", [KeyError("api_token"), NEVER])
def test_whatever_goes_wrong_before_the_write_is_cancelled(
    bench: Bench, floor: Floor, campaign: Campaign, error: Exception
) -> None:
    attempt = queue(bench, campaign)

    def broken(_account: int) -> Carrier:
        raise error

    floor.carrier_of = broken
    floor.dial(attempt)
    row = bench.attempt(attempt.id)
    assert (row.status, row.cancel_reason) == ("cancelled", "not_sent")
    assert bench.recipient(attempt.recipient_id).status == "pending"


def test_a_live_account_does_not_dial_numbers_reserved_for_fiction(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    bench.set("accounts", account.id, live=True)
    floor.carrier_of = lambda account: floor.provider.carrier(live=True)
    floor.dial(attempt, live_allowed=True)
    assert floor.provider.requests == []
    assert bench.recipient(attempt.recipient_id).status == "exhausted"
    assert bench.value("SELECT status FROM accounts") == "active"


def test_a_provider_that_holds_every_thread_makes_calls_wait_not_pile_up(
    bench: Bench, floor: Floor, account: Account, campaign: Campaign
) -> None:
    bench.set("accounts", account.id, cps=100.0)
    going, seen = threading.Event(), threading.Event()
    batch = [queue(bench, campaign) for _ in range(5)]

    def slow(request: CallRequest) -> DialAnswer:
        if len(floor.provider.requests) == 2:
            seen.set()
        going.wait(timeout=10)
        return accepted(request)

    floor.provider.answer = slow
    worker = floor.dialer(threads=2)
    thread = threading.Thread(target=worker.run_batch, args=([a.id for a in batch],))
    thread.start()
    assert seen.wait(timeout=5)
    time.sleep(0.2)
    assert len(floor.provider.requests) == 2
    assert bench.value("SELECT count(*) FROM attempts WHERE status = 'queued'") == 3
    going.set()
    thread.join()
    worker.close()
    assert sorted(floor.provider.dialled()) == [a.id for a in batch]


def test_a_thread_that_fails_says_which_answer_is_lost(
    bench: Bench,
    campaign: Campaign,
    floor: Floor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign)))

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(dialer, "record_answer", broken)
    floor.dial(attempt)
    assert f"the answer of attempt {attempt.id} is lost" in caplog.text
    assert bench.attempt(attempt.id).status == "dialing"
