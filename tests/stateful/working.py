"""The scheduler and the dial workers, which die where they are told to."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from campaigns.db import database_now, transaction
from campaigns.dialing import DatabaseClock, Dialer, DialRules, clock, dialer
from campaigns.dispatcher import Leadership, OpenHours, TickRules, tick
from campaigns.store import dispatch
from tests.stateful.deciding import Deciding
from tests.stateful.exchange import Killed, Post
from tests.stateful.installation import LEASE
from tests.stateful.moved_clock import MovedClock
from tests.stateful.promises import (
    Broken,
)

CLAIMED = """
    SELECT a.id, a.recipient_id, a.number, a.slot_at, r.numbers, c.status AS campaign,
           k.status AS account
    FROM attempts a JOIN campaigns c ON c.id = a.campaign_id JOIN accounts k ON k.id = a.account_id
    JOIN recipients r ON r.id = a.recipient_id WHERE a.id = ANY (%(ids)s)
"""


class AtOnce:
    """A pool of threads in which each task is over before the next is begun."""

    def __init__(self, *_args: object, **_named: object) -> None: ...

    def submit(self, task: Callable[..., None], *args: object) -> None:
        task(*args)

    def shutdown(self, wait: bool = True) -> None: ...


class MovedThreading:
    """What the dialer takes from `threading`: to wait for an event is to let time pass."""

    Semaphore = threading.Semaphore
    Lock = threading.Lock

    def __init__(self, moved: MovedClock) -> None:
        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                if not self.is_set() and timeout is not None:
                    moved.sleep(timeout)
                    moved.slept()
                return self.is_set()

        self.Event = Event


class Working(Deciding):
    """An installation whose scheduler ticks and whose workers dial, one thing after the other."""

    def __init__(self, engine: Engine, moved: MovedClock, directory: Path) -> None:
        super().__init__(engine, moved, directory)
        self.exchange.seen = self._request_arrived
        self.tick_rules = TickRules(lease=LEASE)
        # Where the next worker dies, or is frozen; and what happens between its claim and POST.
        self.dies: str | None = None
        self.between: Callable[[], None] = lambda: None
        self.before_claim: Callable[[], None] = lambda: None
        self.broken: Broken | None = None
        self.deaths = self.answered = 0
        self.web(alive=True)
        self.new_scheduler()
        self.new_worker()

    # The scheduler.

    def new_scheduler(self) -> None:
        """A scheduler takes the lease; what it remembers of opening hours is its own."""
        self.hours = OpenHours()
        self.rows("UPDATE leases SET expires_at = '-infinity'")
        term = self.run(dispatch.take_lease, "a scheduler", LEASE)
        assert term is not None
        self.leadership = Leadership("a scheduler", term)

    def tick(self, *, dies: bool = False, meanwhile: Callable[[], None] = lambda: None) -> int:
        """One tick; its hints are on their way afterwards. One that dies commits nothing.

        `meanwhile` happens when its work is done and not yet committed.
        """
        before = self._slots()
        with transaction(self.engine) as session:
            now = database_now(session)
            report = tick(session, self.leadership, self.tick_rules, now, self.hours)
            meanwhile()
            if dies:
                session.rollback()
        if dies:
            self.deaths += 1
            self.new_scheduler()
            self.tell("tick: the scheduler died before its commit")
            if self._slots() != before:
                raise Broken("intent before action", "a tick that was rolled back left attempts")
            return 0
        if not report.leader:
            raise Broken("one leader", "the scheduler that leads was told that it does not")
        if not self.web_alive and self._slots() != before:
            raise Broken("no silent phone", "a slot was given while nobody would answer")
        self.hints += report.batches
        self.tell(f"tick: {report.given} slots, {report.released} released")
        return report.given

    def deposed_tick(self) -> None:
        """A scheduler that froze long ago wakes up and ticks under its old term."""
        old = Leadership("a scheduler", self.leadership.term - 1)
        before = self._slots()
        with transaction(self.engine) as session:
            report = tick(session, old, self.tick_rules, database_now(session), OpenHours())
        self.tell("a deposed scheduler ticks")
        if report.leader or self._slots() != before:
            raise Broken("one leader", "a scheduler without the lease gave slots")

    def _slots(self) -> int:
        ((count,),) = self.rows("SELECT count(*) FROM attempts")
        return int(count)

    # Workers.

    def new_worker(self) -> None:
        self.worker_clock = DatabaseClock(self.engine)
        self.worker_clock.measure()
        rules = DialRules(worker="worker", live_allowed=False, threads=8)
        self.dialer = Dialer(
            self.engine, self.worker_clock, rules, self._carrier_of, self.wanted_back.extend
        )

    def measured_while_asleep(self) -> None:
        """The worker's clock is measured while it waits, as its heartbeat does every second."""
        self.clock.slept = lambda: self.worker_clock.measure()

    def _carrier_of(self, account: int) -> Any:
        """Asked for between the claim and the POST."""
        if self.dies == "frozen":
            self.dies = None
            self.clock.move(5.0)
        between, self.between = self.between, lambda: None
        between()
        return self.exchange.carrier(account)

    def dial(
        self, batch: Sequence[int], answers: Sequence[str] = (), dies: str | None = None
    ) -> None:
        """A worker runs a hint. `dies` names the step at which its process ends."""
        self.exchange.answers.extend(answers)
        self.dies = dies
        before = len(self.exchange.posts)
        try:
            self.dialer.run_batch(batch)
        except Killed:
            self.deaths += 1
            self.new_worker()
        self.dies = None
        if self.broken is not None:
            raise self.broken
        self.exchange.answers.clear()
        posted = [post.attempt for post in self.exchange.posts[before:]]
        self.tell(f"dial {list(batch)} {list(answers)} {dies or ''}: posted {posted}")

    def work(self, answers: Sequence[str] = ()) -> int:
        """One tick, and every hint that is on its way; time moves past their slots."""
        given = self.tick()
        hints, self.hints = self.hints, []
        for batch in hints:
            self.dial(batch, answers)
        return given

    def watched_claim(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The claim, with the model looking at what it returned before anybody else."""

        def claim(connection: Any, account: int, ids: Any, *args: Any, **named: Any) -> Any:
            found = real(connection, account, ids, *args, **named)
            rows = self.rows(CLAIMED, ids=[one.id for one in found])
            self.promises.claimed(rows, self.clock.now())
            if found and self.dies == "claim lost":  # committed, and nobody learns of it
                self.dies, self.deaths = None, self.deaths + 1
                raise OperationalError("claim", {}, Exception("the server closed the connection"))
            return found

        return claim

    def crash_point(self, name: str) -> None:
        """The product names the places between two durable writes; a worker dies at one of them."""
        if name == "before_claim":
            before, self.before_claim = self.before_claim, lambda: None
            before()
        if self.dies == name:
            raise Killed

    def watched_record(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def record(*args: Any) -> Any:
            follow = real(*args)
            self.answered += 1
            return follow

        return record

    def _request_arrived(self, post: Post) -> None:
        """The judge is asked here, inside the dialer, which takes no error for a verdict."""
        rows = self.rows("SELECT status FROM attempts WHERE id = %(id)s", id=post.attempt)
        try:
            self.promises.request_arrived(post, rows[0].status if rows else None)
        except Broken as broken:
            self.broken = self.broken or broken


@contextmanager
def in_moved_time(moved: MovedClock) -> Iterator[pytest.MonkeyPatch]:
    """Dial workers live in the moved time, and do one thing after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialer, "time", moved)
        patch.setattr(dialer, "threading", MovedThreading(moved))
        patch.setattr(clock, "time", moved)
        patch.setattr(clock, "wall_clock", moved.time)
        patch.setattr(dialer, "ThreadPoolExecutor", AtOnce)
        yield patch
