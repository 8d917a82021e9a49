"""Wait for the slot, claim, POST once, record: the walk of one batch of attempts.

Two short transactions stand around the POST and no session is held across it. Whatever goes
wrong before a byte is written, this process cancels its attempt itself, because it knows; from
then on only an answer, an event, a look-up or the quarantine may end it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns.calls import Answer, CallRequest, DialAnswer
from campaigns.crash_points import crash_point
from campaigns.db import database_now, transaction
from campaigns.dialing.clock import DatabaseClock, boot_seconds
from campaigns.errors import NotAllowed, OutdialError
from campaigns.outcomes import release_cancelled
from campaigns.provisioning import Carrier
from campaigns.recording import FollowUp, record_answer
from campaigns.store import attempts
from campaigns.store.attempts import Claimed, QueuedSlot

log = logging.getLogger(__name__)

# Slots that fall within this many seconds are claimed by one statement.
GROUP_SECONDS = 0.02
# How long a wait for a slot lasts before the clock is asked again.
STRETCH_SECONDS = 0.5
# How long to wait before asking again for slots that a claim had no room for.
AGAIN_SECONDS = 0.01
# Calls of an account keep this part of a second over its rate apart. It is a little less than the
# distance of their slots, so that a batch which was shifted catches up again.
PERIOD_OF_RATE = 1.01
# A call this late after its instant is given up: it would crowd those behind it, and the provider
# would see more than its rate.
PUNCTUAL_SECONDS = 0.02
TOO_LATE = DialAnswer(Answer.TOO_LATE)
# Why an attempt was cancelled whose worker was told to end before its slot.
LEFT = "worker_left"
# How long an answer is kept while the database is away, seconds between tries.
RECORD_WAITS = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)


@dataclass(frozen=True, slots=True)
class DialRules:
    """The dialer's settings. Times are seconds."""

    worker: str
    live_allowed: bool
    freshness: float = 0.05
    threads: int = 64


class Dialer:
    """Places the calls of one worker process. Thread-safe."""

    def __init__(
        self,
        engine: Engine,
        clock: DatabaseClock,
        rules: DialRules,
        carrier_of: Callable[[int], Carrier],
        recall: Callable[[Sequence[int]], None],
    ) -> None:
        self._engine, self._clock, self._rules = engine, clock, rules
        self._carrier_of, self._recall = carrier_of, recall
        self._free = threading.Semaphore(rules.threads)
        self._pool = ThreadPoolExecutor(rules.threads, thread_name_prefix="dial")
        self._warmer = ThreadPoolExecutor(1, thread_name_prefix="warm")
        self._warming: Future[None] | None = None
        self._leaving = threading.Event()
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    def leave(self) -> None:
        """Claim nothing more, and let go of every slot that is held. Returns at once.

        Safe in a signal handler. What was claimed is posted or cancelled as ever; `close` waits.
        """
        self._leaving.set()

    def close(self) -> None:
        """Wait for the answers that are still out, and record them."""
        self.leave()
        self._warmer.shutdown(wait=True)
        self._pool.shutdown(wait=True)

    def run_batch(self, attempt_ids: Sequence[int]) -> None:
        """Dial what a hint names, as far as it is still queued and its slots are still to come."""
        if not self._clock.ready:
            log.warning("not ready: the clock is %.3f s off the database's", self._clock.skew)
            return
        with self._autocommit.connect() as connection:
            waiting = attempts.load_queued_slots(connection, attempt_ids)
        for account_id in dict.fromkeys(slot.account_id for slot in waiting):
            self._run_account([slot for slot in waiting if slot.account_id == account_id])

    def _run_account(self, slots: list[QueuedSlot]) -> None:
        """Claim each slot when it comes; what a claim leaves is asked for again while it lasts.

        A group is everything due by then, so that a slot which is left over, because its campaign
        was paused or there was no room, is asked for together with those behind it.
        """
        self._warm_up(slots[0].account_id)
        while slots and not self._leaving.is_set():
            self._sleep_until(slots[0].slot_at)
            end = max(slots[0].slot_at, self._clock.now()) + timedelta(seconds=GROUP_SECONDS)
            group = [slot for slot in slots if slot.slot_at <= end]
            self._sleep_until(group[-1].slot_at)
            if self._leaving.is_set():
                break
            taken = self._dial_group(group)
            now = self._clock.now()
            slots = [s for s in slots if s.id not in taken and s.not_after > now]
            if not taken and slots and slots[0].slot_at <= now:
                time.sleep(AGAIN_SECONDS)
        if slots:
            self._let_go(slots)

    def _warm_up(self, account_id: int) -> None:
        """Have a line open when the first slot comes, beside everything else."""

        def open_a_line() -> None:
            try:
                self._carrier_of(account_id).provider.warm_up()
            except Exception as error:  # the call itself will tell what is wrong
                log.warning("no line was opened ahead: %s", type(error).__name__)

        if self._warming is None or self._warming.done():
            self._warming = self._warmer.submit(open_a_line)

    def _let_go(self, slots: Sequence[QueuedSlot]) -> None:
        """Give back what nobody else was told of: the next tick gives it new slots at once.

        Nobody is held up by a worker that leaves, and no account looks slow because of it.
        """
        try:
            with transaction(self._engine) as session:
                now: datetime = database_now(session)
                let_go = attempts.let_go_of_queued(session, [s.id for s in slots], LEFT, now)
                release_cancelled(session, let_go, now)
        except SQLAlchemyError as error:  # the tick finds that their slots have passed
            log.warning("slots could not be given back: %s", type(error).__name__)

    def _sleep_until(self, instant: datetime) -> None:
        """Wait, but for no slot when this process is leaving.

        In short stretches: the database's clock may have jumped since it was last measured, and
        a wait worked out before that would last as long as the jump.
        """
        while not self._leaving.is_set():
            wait = self._clock.boot_at(instant) - boot_seconds()
            if wait <= 0:
                return
            self._leaving.wait(min(wait, STRETCH_SECONDS))

    def _dial_group(self, group: Sequence[QueuedSlot]) -> set[int]:
        """Claim what may go out now and hand each call to a thread at its instant.

        A claim's age is counted from before the statement was sent, less the time it waited for
        locks inside the database: a process frozen in between finds its claims stale.
        """
        room = [slot for slot in group if self._free.acquire(blocking=False)]
        if not room:
            return set()  # every thread waits for the provider
        crash_point("before_claim")
        opened = boot_seconds()
        claimed = self._claim(room)
        crash_point("after_claim")
        for _ in range(len(room) - len(claimed)):
            self._free.release()
        for one in claimed:
            self._send(one, opened + one.waited + self._rules.freshness)
        return {one.id for one in claimed}

    def _claim(self, room: Sequence[QueuedSlot]) -> list[Claimed]:
        try:
            with self._autocommit.connect() as connection:
                return attempts.claim_attempts(
                    connection,
                    room[0].account_id,
                    [slot.id for slot in room],
                    self._rules.worker,
                    live_allowed=self._rules.live_allowed,
                    period=PERIOD_OF_RATE / room[0].cps,
                    window=self._rules.freshness / 2,
                )
        except SQLAlchemyError as error:
            # Claimed or not, nobody knows; nothing was posted, and nothing will be.
            log.warning("claim failed, its attempts are left alone: %s", type(error).__name__)
            return []

    def _send(self, one: Claimed, latest: float) -> None:
        """Hand a call to a thread at its instant; later than that it would crowd the next one."""
        at = self._clock.boot_at(one.post_at)
        # Claimed, so it goes out at its instant, unless that is beyond what the claim allows: then
        # the clock has jumped, and nobody waits for as long as that.
        time.sleep(max(min(at, latest) - boot_seconds(), 0.0))
        turn = threading.Lock()
        try:
            self._pool.submit(self._place, one, min(latest, at + PUNCTUAL_SECONDS), latest, turn)
        except RuntimeError:  # the pool is closing, or no thread could be started: in that case the
            # call is in its queue all the same, and whoever takes its turn first decides.
            if turn.acquire(blocking=False):
                self._free.release()
                self._cancel(one, "stale_claim")

    def _place(
        self, one: Claimed, begun_by: float, written_by: float, turn: threading.Lock
    ) -> None:
        """The body of one call, on a thread of its own, for whoever takes its `turn`."""
        if not turn.acquire(blocking=False):
            return  # cancelled: the pool had refused it and kept it
        try:
            answer = self._post(one, begun_by, written_by)
        finally:
            self._free.release()
        if answer is None:
            return
        crash_point("after_post")
        try:
            self._record(one, answer)
        except Exception:  # nobody reads what a thread of the pool raises; the sweeper looks it up
            log.exception("the answer of attempt %d is lost", one.id)

    def _post(self, one: Claimed, begun_by: float, written_by: float) -> DialAnswer | None:
        """Write the one POST, unless it is too late for it; then cancel, since nothing was sent.

        Begun later than `begun_by` it would crowd the next call. When a line is ready it is asked
        once more, now for `written_by`: the claim grows old while a connection is made, and what
        stopped the call meanwhile would not be seen.

        What cannot even be asked for is answered here as a provider would: the number is refused
        (a live account and fiction), or the account is at fault, or nothing was sent.
        """
        try:
            carrier = self._carrier_of(one.account_id)
            request = carrier.request(one)
        except NotAllowed as error:
            return DialAnswer(Answer.BAD_NUMBER, reason=str(error))
        except OutdialError as error:
            return DialAnswer(Answer.FAULT, reason=str(error))
        except Exception as error:  # no byte was written, whatever this is
            log.exception("attempt %d cannot be posted", one.id)
            return DialAnswer(Answer.NOT_SENT, reason=type(error).__name__)
        crash_point("before_post")

        def still() -> bool:
            return boot_seconds() < written_by and self._clock.now() < one.not_after

        begun = still() and boot_seconds() < begun_by
        answer = self._ask(carrier, request, still) if begun else TOO_LATE
        if answer.answer is Answer.TOO_LATE:
            self._cancel(one, "stale_claim")
            return None
        return answer

    @staticmethod
    def _ask(carrier: Carrier, request: CallRequest, still: Callable[[], bool]) -> DialAnswer:
        try:
            return carrier.provider.place_call(request, still)
        except Exception as error:  # a fault of ours after the write must not look like "not sent"
            log.exception("the provider adapter failed")
            return DialAnswer(Answer.IN_DOUBT, reason=f"adapter: {type(error).__name__}")

    def _record(self, one: Claimed, answer: DialAnswer) -> None:
        for wait in (*RECORD_WAITS, None):
            try:
                follow = self._write(one, answer)
            except SQLAlchemyError as error:
                if wait is None:
                    # The attempt stays dialing: an event or a look-up will end it.
                    log.error("answer of attempt %d is lost: %s", one.id, type(error).__name__)
                    return
                time.sleep(wait)
            else:
                crash_point("after_record")
                self._recall(follow.recall)
                return

    def _write(self, one: Claimed, answer: DialAnswer) -> FollowUp:
        with transaction(self._engine) as session:
            return record_answer(session, one.id, self._rules.worker, answer, database_now(session))

    def _cancel(self, one: Claimed, reason: str) -> None:
        """No byte was written, and this process knows it. Failing that, the sweeper finds out."""
        crash_point("before_cancel")
        try:
            with transaction(self._engine) as session:
                now: datetime = database_now(session)
                cancelled = attempts.cancel_claimed_attempts(
                    session, [one.id], self._rules.worker, reason, now
                )
                release_cancelled(session, cancelled, now)
        except SQLAlchemyError as error:
            log.warning("attempt %d could not be cancelled: %s", one.id, type(error).__name__)
