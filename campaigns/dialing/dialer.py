"""Wait for the slot, claim, POST once, record: the walk of one batch of attempts.

Two short transactions stand around the POST and no session is held across it. Whatever goes
wrong before a byte is written, this process cancels its attempt itself, because it knows; from
then on only an answer, an event, a look-up or the quarantine may end it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns.calls import Answer, CallRequest, DialAnswer
from campaigns.db import database_now, transaction
from campaigns.dialing.clock import DatabaseClock, boot_seconds
from campaigns.dialing.pace import Pace
from campaigns.errors import OutdialError
from campaigns.outcomes import release_cancelled
from campaigns.provisioning import Carrier
from campaigns.recording import FollowUp, record_answer
from campaigns.store import attempts
from campaigns.store.attempts import Claimed, QueuedSlot

log = logging.getLogger(__name__)

# Slots that fall within this many seconds are claimed by one statement.
GROUP_SECONDS = 0.02
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
        self._pace = Pace()
        self._free = threading.Semaphore(rules.threads)
        self._pool = ThreadPoolExecutor(rules.threads, thread_name_prefix="dial")
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Wait for the answers that are still out, and record them."""
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
        while slots:
            self._wait_for(slots[0])
            group = self._next_group(slots)
            del slots[: len(group)]
            self._sleep_until(self._clock.boot_at(group[-1].slot_at))
            self._dial_group(group)

    def _wait_for(self, slot: QueuedSlot) -> None:
        """Sleep until the slot, or until the account's previous call has its distance."""
        at = max(self._clock.boot_at(slot.slot_at), self._pace.next_free(slot.account_id))
        self._sleep_until(min(at, self._clock.boot_at(slot.not_after)))

    def _next_group(self, slots: Sequence[QueuedSlot]) -> list[QueuedSlot]:
        """The slots that one claim takes: close together, and no more than can go out fresh."""
        end = slots[0].slot_at + timedelta(seconds=GROUP_SECONDS)
        fits = 1 + int(self._rules.freshness * 0.5 / _period(slots[0]))
        return [slot for slot in slots[:fits] if slot.slot_at <= end]

    @staticmethod
    def _sleep_until(boot: float) -> None:
        wait = boot - boot_seconds()
        if wait > 0:
            time.sleep(wait)

    def _dial_group(self, group: Sequence[QueuedSlot]) -> None:
        """Claim a group and hand each call to a thread at its instant.

        A claim's age is counted from before the statement was sent, less the time it waited for
        the gate inside the database: a process frozen in between finds its claims stale.
        """
        room = [slot for slot in group if self._free.acquire(blocking=False)]
        if not room:
            return  # every thread waits for the provider: the tick will release these
        opened = boot_seconds()
        try:
            with self._autocommit.connect() as connection:
                claimed = attempts.claim_attempts(
                    connection,
                    [slot.id for slot in room],
                    self._rules.worker,
                    live_allowed=self._rules.live_allowed,
                )
        except SQLAlchemyError as error:
            # Claimed or not, nobody knows; nothing was posted, and nothing will be.
            self._free.release(len(room))
            log.warning("claim failed, its attempts are left alone: %s", type(error).__name__)
            return
        for _ in range(len(room) - len(claimed)):
            self._free.release()
        period = _period(group[0])
        for one in claimed:
            self._send(one, opened + one.waited, period)

    def _send(self, one: Claimed, claimed_at: float, period: float) -> None:
        latest = claimed_at + self._rules.freshness
        at = self._pace.reserve(one.account_id, boot_seconds(), period, latest)
        if at is None:
            self._free.release()
            self._cancel(one, "stale_claim")
            return
        self._sleep_until(at)
        try:
            self._pool.submit(self._place, one, latest)
        except RuntimeError:  # the pool is closing: this process is going away
            self._free.release()
            self._cancel(one, "stale_claim")

    def _place(self, one: Claimed, latest: float) -> None:
        """The body of one call, on a thread of its own."""
        try:
            answer = self._post(one, latest)
        finally:
            self._free.release()
        if answer is not None:
            self._record(one, answer)

    def _post(self, one: Claimed, latest: float) -> DialAnswer | None:
        """Write the one POST, unless it is too late for it; then cancel, since nothing was sent."""
        try:
            carrier = self._carrier_of(one.account_id)
            request = carrier.request(one)
        except (OutdialError, SQLAlchemyError) as error:
            log.error("attempt %d cannot be posted: %s", one.id, error)
            self._cancel(one, "not_sent")
            return None
        if boot_seconds() > latest or self._clock.now() >= one.not_after:
            self._cancel(one, "stale_claim")
            return None
        return self._ask(carrier, request)

    @staticmethod
    def _ask(carrier: Carrier, request: CallRequest) -> DialAnswer:
        try:
            return carrier.provider.place_call(request)
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
                self._recall(follow.recall)
                return

    def _write(self, one: Claimed, answer: DialAnswer) -> FollowUp:
        with transaction(self._engine) as session:
            return record_answer(session, one.id, self._rules.worker, answer, database_now(session))

    def _cancel(self, one: Claimed, reason: str) -> None:
        """No byte was written, and this process knows it. Failing that, the sweeper finds out."""
        try:
            with transaction(self._engine) as session:
                now: datetime = database_now(session)
                cancelled = attempts.cancel_claimed_attempts(
                    session, [one.id], self._rules.worker, reason, now
                )
                release_cancelled(session, cancelled, now)
        except SQLAlchemyError as error:
            log.warning("attempt %d could not be cancelled: %s", one.id, type(error).__name__)


def _period(slot: QueuedSlot) -> float:
    """The least distance between two calls of the slot's account, seconds.

    A hair under the spacing of the slots, so that a shift is made up for in time.
    """
    return 1.0 / slot.cps
