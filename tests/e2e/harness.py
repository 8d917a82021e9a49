"""The whole product as real processes, and ways to interfere with it in the middle of a run."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Engine, text

from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.demo import Audit, DemoOptions, DemoRun
from campaigns.demo.run import Progress
from campaigns.hints import HintPublisher
from campaigns.local import Supervisor, embedded_servers, server_status
from campaigns.proving.carrier import CarrierLog, Dial
from campaigns.stack import LocalStack, StackPlan
from campaigns.stopping import opt_out_number

# Short waits between attempts, so that a run with faults ends in about a minute.
RETRIES = {
    "waits": {
        "busy": [60, 120],
        "no_answer": [80, 160],
        "failed": [60, 120],
        "answered_machine": [200],
        "carrier_congestion": [60],
    },
    "max_attempts": 3,
}


@dataclass
class Scene:
    """One running stack with its campaign."""

    run: DemoRun
    stack: LocalStack
    supervisor: Supervisor
    data_dir: Path
    noted: dict[str, float] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        return self.stack.engine

    def pid(self, name: str) -> int:
        return self.supervisor.pids()[name]

    def kill(self, name: str) -> None:
        """SIGKILL a process by its name; the supervisor starts it again."""
        self.noted[f"killed {name}"] = time.time()
        os.kill(self.pid(name), signal.SIGKILL)

    def freeze(self, pids: list[int], seconds: float) -> None:
        """SIGSTOP processes and let them go on later, as a machine that hangs does."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

        def thaw() -> None:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

        threading.Timer(seconds, thaw).start()

    def leader(self) -> int:
        """The pid of the scheduler that leads."""
        holder: str = self.value("SELECT holder FROM leases WHERE name = 'scheduler'")
        return int(holder.split(":")[2])

    def value(self, sql: str, **values: Any) -> Any:
        with transaction(self.engine) as session:
            return session.execute(text(sql), values).scalar()

    def wipe_redis(self) -> None:
        """Lose every message, bound queue and unacknowledged task at once."""
        client = redis.Redis.from_url(self.stack.servers.redis_url)
        client.flushall()
        client.close()

    def crash_postgres(self) -> None:
        """An immediate shutdown: every backend dies where it stands; then it starts again."""
        pid = server_status(self.data_dir).postgres.pid
        assert pid is not None
        self.noted["crashed postgres"] = time.time()
        os.kill(pid, signal.SIGQUIT)

    def repeat_hints(self, hints: HintPublisher, copies: int = 2) -> int:
        """Send what is queued right now again, more than once: several workers get it."""
        with transaction(self.engine) as session:
            ids = [
                row[0]
                for row in session.execute(text("SELECT id FROM attempts WHERE status = 'queued'"))
            ]
        for _ in range(copies):
            if ids:
                hints.dial(ids)
        return len(ids)

    def opt_out_holding_the_gate(self, seconds: float) -> None:
        """Opt somebody out who is about to be called, and keep the gate closed meanwhile."""
        with transaction(self.engine) as session:
            number = session.execute(
                text("SELECT number FROM attempts WHERE status = 'queued' ORDER BY slot_at LIMIT 1")
            ).scalar()
            if number is None:
                return
            now = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            opt_out_number(session, number, "cli", now, evidence="while a claim waits")
            time.sleep(seconds)
        self.run.note_opt_out(number)
        self.noted["gate held"] = time.time()

    def dials(self) -> list[Dial]:
        log = CarrierLog(self.stack.simulator_url)
        try:
            return log.dials()
        finally:
            log.close()

    def faults(self) -> dict[str, int]:
        log = CarrierLog(self.stack.simulator_url)
        try:
            return log.faults()
        finally:
            log.close()


@contextmanager
def scene(
    data_dir: Path, options: DemoOptions, *, quarantine: float = 300, **plan: Any
) -> Iterator[Scene]:
    """A stack with its campaign started, stopped again at the end."""
    config = Settings(
        data_dir=data_dir,
        database_url=None,
        redis_url=None,
        broker_url=None,
        public_url=None,
        port=0,
        simulator_port=0,
        time_scale=options.time_scale,
        quarantine=quarantine,
    )
    shape = StackPlan(
        dial_workers=options.workers, imports=False, simulator_cps=options.cps * 4, **plan
    )
    with embedded_servers(data_dir) as servers, Supervisor(data_dir) as supervisor:
        stack = LocalStack(config, servers, supervisor, shape)
        stack.start()
        run = DemoRun(config, stack, options)
        run.prepare()
        try:
            yield Scene(run, stack, supervisor, data_dir)
        finally:
            stack.close()


Action = Callable[[], object]


@dataclass
class Script:
    """Actions, each carried out once when so many attempts have been made."""

    actions: list[tuple[int, str, Action]]
    always: Action | None = None
    done: list[str] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        if self.always is not None:
            self.always()
        for attempts, name, action in self.actions:
            if name not in self.done and progress.attempts >= attempts:
                self.done.append(name)
                action()
                return  # one at a time, so that each meets a system that still works


def assert_promises(result: Audit, *, silent: int = 0) -> None:
    """Everything that must be zero is, and the run was not empty."""
    problems = [p for p in result.problems if not p.startswith("silent_calls")]
    assert problems == [], result.as_json()
    assert result.silent_calls <= silent
    assert result.carrier_dials > 100
    assert result.completed > 0
    assert result.answers.get("opt_out", 0) > 0
    assert result.opted_out > 0
    assert result.waiting > 0
