"""The scheduler: `python -m workers.scheduler`. Any number may run; the one with the lease leads.

APScheduler is only the metronome (memory store, this process alone): what is due, and who leads,
stands in the database. A job that is late runs late rather than not at all.
"""

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import FrameType
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from campaigns import (
    campaigning,
    foreseeing,
    guarding,
    hints,
    idempotency,
    logs,
    migrations,
    placing,
    recurring,
    restoring,
    signing_in,
    slowing,
    sweeping,
    tallying,
)
from campaigns.config import Settings, settings
from campaigns.crash_points import crash_point
from campaigns.db import database_now, engine_for, transaction
from campaigns.dialing import SteadyClock, boot_seconds
from campaigns.dispatcher import Leadership, OpenHours, TickReport, TickRules, tick
from campaigns.hints import HintPublisher
from campaigns.links import public_url_of
from campaigns.liveness import PING_SECONDS
from campaigns.local.owner import exit_with_owner
from campaigns.notifying.delivery import Courier, Outside, forget_old_deliveries
from campaigns.provisioning import Carriers
from campaigns.publicity import probe_public_url
from campaigns.store import dispatch, imports, installation, recalls, recurrences, signs
from campaigns.vault import vault
from workers.watch import Beat, end_within

log = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
SWEEP_SECONDS = 0.5
LOOK_UP_SECONDS = 1.0
WATCH_SECONDS = 1.0
IMPORT_SECONDS = 5.0
RECUR_SECONDS = 1.0
TIDY_SECONDS = 60.0
FOLD_SECONDS = 1.0
PROVE_SECONDS = 120.0
LOOK_SECONDS = 5.0
# Told to end, it is gone by then, however long a provider or an endpoint takes to answer.
LEAVE_SECONDS = 35.0
# Who gave a sign of life within this time reads its queue, or should.
READER_SECONDS = 10.0
PLACE_SECONDS = 5.0
# Counting rows again is never more than this share of the time, however many there are.
PROVE_SHARE = 0.01


class SchedulerProcess:
    """One scheduler: ticks and sweeps while it leads, waits for the lease while it does not."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._name = f"scheduler:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._engine = engine_for(
            str(config.database_url), pool_size=8, application_name="outdial-scheduler"
        )
        self._public_url = public_url_of(config)
        self._carriers = Carriers(self._engine, vault(), self._public_url)
        self._hints = HintPublisher(config.broker_url or str(config.redis_url))
        self._hours = OpenHours()
        self._leadership: Leadership | None = None
        self._blocked: str | None = None
        self._stopped = threading.Event()
        self._prove_after = 0.0  # monotonic seconds
        self._rules = TickRules(
            lookahead=config.lookahead,
            slot_grace=config.slot_grace,
            heartbeat_limit=config.heartbeat_limit,
            lease=config.lease,
            live_allowed=config.live_dialling,
        )
        self._clock = SteadyClock()
        self._sweep_rules = sweeping.SweepRules(quarantine=config.quarantine)
        # Leading or not: couriers share the work row by row.
        # With connections of their own: the tick must never wait for one that a delivery holds.
        self._courier_engine = engine_for(
            str(config.database_url), pool_size=4, application_name="outdial-courier"
        )
        self._courier = Courier(self._courier_engine, Outside.of(config, vault()))
        self._unfit: str | None = "The tables were not looked at yet."
        self._high_water = restoring.HighWater.read(config.data_dir)
        self._pinged: dict[str, float] = {}  # by task, the last one that was written down
        self._beat = Beat(self._engine, self._name, "scheduler", self._detail)

    def run(self, stopped: threading.Event) -> None:
        """Beat until `stopped`, then hand the lease back."""
        clock = BackgroundScheduler(timezone="UTC")
        for job, seconds in (
            (self.tick, self._config.tick_interval),
            (self._leading(self.probe), PROBE_SECONDS),
            (self._leading(self.sweep), SWEEP_SECONDS),
            (self._leading(self.look_up), LOOK_UP_SECONDS),
            (self._leading(self.watch), WATCH_SECONDS),
            (self._leading(self.hint_imports), IMPORT_SECONDS),
            (self._leading(self.recur), RECUR_SECONDS),
            (self._leading(self.tidy), TIDY_SECONDS),
            (self._leading(self.fold), FOLD_SECONDS),
            (self._leading(self.prove), PROVE_SECONDS),
            (self._leading(self.place), PLACE_SECONDS),
            (self._leading(self.ping), PING_SECONDS),
            (self.look_at_tables, LOOK_SECONDS),
        ):
            clock.add_job(
                self._guarded(job),
                "interval",
                seconds=seconds,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        log.info("the scheduler begins as %s", self._name)
        self._guarded(self.look_at_tables)()
        clock.start()
        self._courier.start()
        self._beat.start()
        stopped.wait()
        end_within(LEAVE_SECONDS, "the scheduler")
        self._stopped.set()
        clock.pause()
        self._give_up_lease()  # first of all: somebody else may lead while sweeps end here
        clock.shutdown(wait=True)
        self._leave()

    def tick(self) -> None:
        """Lead or try to; as leader do one tick, commit it, and only then send its hints."""
        if self._stopped.is_set() or self._unfit is not None:
            return
        if self._leadership is None and not self._take_lease():
            return
        leadership = self._leadership
        if leadership is None:
            return  # it was given up in this very moment
        with transaction(self._engine) as session:
            if installation.mark_of(session) < self._high_water.mark:
                log.error("no slots: the database is older than it was")
                return  # what follows from that is drawn when the tables are looked at
            report = tick(
                session,
                leadership,
                self._rules,
                database_now(session),
                self._hours,
                publish_failing=self._hints.failing,
            )
            if report.given:
                crash_point("tick_before_commit")
        if not report.leader:
            log.warning("another scheduler leads now")
            self._leadership = None
            return
        if report.given:
            crash_point("tick_after_commit")
        for batch in report.batches:
            self._hints.dial(batch)
        self._tell(report)

    def _take_lease(self) -> bool:
        with transaction(self._engine) as session:
            term = dispatch.take_lease(session, self._name, self._config.lease)
        if term is None:
            return False
        log.info("this scheduler leads, term %d", term)
        self._leadership = Leadership(self._name, term)
        self._clock = SteadyClock()  # nobody looked at it for as long as somebody else led
        crash_point("lease_taken")
        return True

    def _tell(self, report: TickReport) -> None:
        if report.blocked != self._blocked:
            self._blocked = report.blocked
            log.warning("no slots: %s", report.blocked) if report.blocked else log.info("slots")

    def probe(self) -> None:
        """Whether providers would reach us, written where the tick reads it."""
        answers, sentence = probe_public_url(self._public_url, vault())
        with transaction(self._engine) as session:
            detail = {"url": self._public_url, "sentence": sentence}
            dispatch.beat(session, "public_url", "public_url", ready=answers, detail=detail)

    def sweep(self) -> None:
        """Every sweeper that only needs the database, each in its own transaction."""
        wanted_back = sweeping.apply_leftover_events(self._engine)
        wanted_back += sweeping.recalls_due(self._engine)
        self._hints.recall(wanted_back)
        sweeping.expire_deadlines(self._engine)
        with transaction(self._engine) as session:
            campaigning.start_scheduled_campaigns(session, database_now(session))
        with transaction(self._engine) as session:
            ended = campaigning.stop_ended_campaigns(session, database_now(session))
        self._hints.recall(ended)
        with transaction(self._engine) as session:
            campaigning.complete_drained_campaigns(session, database_now(session))
        with transaction(self._engine) as session:
            slowing.note_full_rates(session, database_now(session))

    def watch(self) -> None:
        """Pause what calls badly."""
        self._hints.recall(guarding.watch(self._engine))

    def look_up(self) -> None:
        """Ask the providers about silent attempts."""
        with transaction(self._engine) as session:
            newest = recalls.newest_live_claim(session)
            steady = self._clock.steady_since(database_now(session), boot_seconds(), newest)
        rules = replace(self._sweep_rules, steady_since=steady)
        sweeping.look_up_silent_attempts(self._engine, self._carriers.of, rules)

    def hint_imports(self) -> None:
        """Imports whose hint was lost, or whose worker died, are hinted again."""
        with transaction(self._engine) as session:
            waiting = imports.imports_without_a_worker(session, database_now(session))
        for import_id in waiting:
            self._hints.send(hints.IMPORT, import_id)

    def recur(self) -> None:
        """Note which recurring campaigns are due, and tell the workers that read their lists."""
        with transaction(self._engine) as session:
            recurring.note_due_firings(session, database_now(session))
        with transaction(self._engine) as session:
            waiting = recurrences.firings_to_hint(session, database_now(session))
        for firing_id in waiting:
            self._hints.send(hints.FIRE, firing_id)

    def tidy(self) -> None:
        """What nobody waits for."""
        with transaction(self._engine) as session:
            recurrences.forget_past_appointments(session, database_now(session))
        with transaction(self._engine) as session:
            foreseeing.foresee(session, database_now(session))
        sweeping.forget_dead_processes(self._engine)
        forget_old_deliveries(self._engine, timedelta(days=self._config.webhook_keep_days))
        tallying.forget_old_minutes(self._engine)
        with transaction(self._engine) as session:
            signing_in.forget_ended_sessions(session, database_now(session))
        with transaction(self._engine) as session:
            idempotency.sweep_requests(session, database_now(session))

    def fold(self) -> None:
        """What was counted since the last second becomes part of the totals."""
        tallying.fold(self._engine)

    def prove(self) -> None:
        """The counters of one more campaign against its rows."""
        began = time.monotonic()
        if began < self._prove_after:
            return
        tallying.prove_next(self._engine, self._stopped.is_set)
        self._prove_after = began + (time.monotonic() - began) / PROVE_SHARE

    def place(self) -> None:
        """People from before there were places, each under the rules of theirs."""
        placing.place_everybody(self._engine)

    def ping(self) -> None:
        """Something through every queue, once for each process that reads it.

        What the broker took is written down, so that silence tells a deaf worker from lost pings.
        """
        for queue, task in hints.PINGS.items():
            sent = self._hints.last_sent(task)
            with transaction(self._engine) as session:
                if sent is not None and sent != self._pinged.get(task):
                    signs.note_pings(session, queue)
                    self._pinged[task] = sent
                readers = signs.alive_of_kind(session, queue, READER_SECONDS)
            for _ in range(readers):
                self._hints.send(task)

    def look_at_tables(self) -> None:
        """Whether this code can work on the tables; while it cannot, it does not lead.

        And whether they went back in time: then nobody is dialled until they were reconciled.
        """
        with self._engine.connect() as connection:
            unfit = migrations.schema_problem(connection)
        if unfit is None:
            self._mark()
        if unfit != self._unfit:
            log.warning("not ready: %s", unfit) if unfit else log.info("the tables are up to date")
        self._unfit = unfit
        if unfit is not None:
            self._give_up_lease()

    def _mark(self) -> None:
        with transaction(self._engine) as session:
            reached = restoring.look(session, self._high_water)
        self._high_water = reached
        reached.write(self._config.data_dir)

    def _detail(self) -> dict[str, Any]:
        problems = [self._unfit] if self._unfit is not None else []
        if self._hints.failing:
            problems.append("The broker does not take its messages.")
        if self._stopped.is_set():
            problems.append("It is about to end.")
        return {"leads": self._leadership is not None, "problems": problems}

    def _leading(self, job: Callable[[], None]) -> Callable[[], None]:
        def only_as_leader() -> None:
            if self._leadership is not None:
                job()

        return only_as_leader

    @staticmethod
    def _guarded(job: Callable[[], None]) -> Callable[[], None]:
        """A database that is away costs this run of the job, not the process."""

        def guarded() -> None:
            try:
                job()
            except SQLAlchemyError as error:
                log.warning("database trouble: %s: %s", type(error).__name__, error)

        return guarded

    def _give_up_lease(self) -> None:
        leadership, self._leadership = self._leadership, None
        if leadership is None:
            return
        try:
            with transaction(self._engine) as session:
                dispatch.give_up_lease(session, leadership.holder, leadership.term)
        except SQLAlchemyError as error:
            log.warning("the lease could not be given up: %s", type(error).__name__)

    def _leave(self) -> None:
        self._give_up_lease()
        self._hints.close()
        self._courier.close()  # after the lease: a slow endpoint must not keep others waiting
        self._beat.stop()
        self._courier_engine.dispose()
        self._engine.dispose()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    exit_with_owner()
    logs.configure(settings().log_level, "scheduler")
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    SchedulerProcess(settings()).run(stopped)


if __name__ == "__main__":
    main()
