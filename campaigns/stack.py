"""The whole product on one machine: servers, tables, processes; for `up`, `demo` and tests."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns import migrations, ruling
from campaigns.config import Settings
from campaigns.db import engine_for, transaction
from campaigns.liveness import FROZEN_SECONDS
from campaigns.local import ChildSpec, ServerUrls, Supervisor, free_port, revive_servers
from campaigns.store import signs

READY_SECONDS = 60.0
REVIVE_EVERY = 1.0
FROZEN_EVERY = 10.0
SUSPECTED_SECONDS = 15.0
SIMULATOR_PROJECT = "sim-project"
SIMULATOR_TOKEN = "sim-token"
SIMULATOR_KEY = "PSK_simulator"


@dataclass(frozen=True, slots=True)
class StackPlan:
    """How many of which process, and how the simulator behaves."""

    dial_workers: int = 1
    schedulers: int = 1
    web: int = 1
    imports: bool = True
    simulator: bool = True
    simulator_cps: float = 100.0
    simulator_knobs: str = "{}"
    simulator_log: Path | None = None
    seed: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    longest_delay: float | None = None


class LocalStack:
    """Starts the processes under a supervisor and knows where they answer."""

    def __init__(
        self, config: Settings, servers: ServerUrls, supervisor: Supervisor, plan: StackPlan
    ) -> None:
        self._config, self._supervisor, self.plan = config, supervisor, plan
        self._embedded = config.database_url is None
        self.servers = servers
        self.port = free_port(config.host, config.port)
        self.web_ports = [self.port, *(free_port(config.host, 0) for _ in range(plan.web - 1))]
        self.simulator_port = free_port("127.0.0.1", config.simulator_port)
        self.engine: Engine = engine_for(servers.database_url, pool_size=3)
        self._revived_at = 0.0
        self._frozen = FrozenChildren(self.engine, supervisor)

    @property
    def web_url(self) -> str:
        """Where the pages and the API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def simulator_url(self) -> str:
        """Where the simulated carrier answers."""
        return f"http://127.0.0.1:{self.simulator_port}"

    def start(self) -> None:
        """Bring the tables up to date and start every process; returns when all answer."""
        migrations.upgrade(self.engine)
        ruling.adopt_shipped_rules(self.engine)
        if self.plan.simulator:
            self._start("simulator", self._simulator_command(), stop_order=2)
        self.start_processes()
        if self.plan.simulator:
            self._wait(f"{self.simulator_url}/healthz", "the simulator")

    def start_processes(self) -> None:
        """Start everything but the simulator; returns when the web process answers."""
        for n, port in enumerate(self.web_ports):
            command = [sys.executable, "-m", "campaigns.web"]
            self._start(_numbered("web", n), command, stop_order=1, OUTDIAL_PORT=str(port))
        for n in range(self.plan.schedulers):
            self._start(_numbered("scheduler", n), [sys.executable, "-m", "workers.scheduler"])
        for n in range(self.plan.dial_workers):
            self._start(_numbered("dial", n), [sys.executable, "-m", "workers.dial"])
        if self.plan.imports:
            self._start("imports", [sys.executable, "-m", "workers.imports"])
        self._wait(f"{self.web_url}/readyz", "the web process")

    def _start(self, name: str, command: list[str], stop_order: int = 0, **env: str) -> None:
        self._supervisor.start(
            ChildSpec(
                name=name,
                command=command,
                env={**self.child_env(), **env},
                stop_order=stop_order,
                longest_delay=self.plan.longest_delay,
            )
        )

    def child_env(self) -> dict[str, str]:
        """What a process needs to know beyond this one's own environment."""
        return {
            "OUTDIAL_DATABASE_URL": self.servers.database_url,
            "OUTDIAL_REDIS_URL": self.servers.redis_url,
            "OUTDIAL_DATA_DIR": str(self._config.data_dir.resolve()),
            "OUTDIAL_PORT": str(self.port),
            # Said explicitly, so that what this process was told wins over what it inherited.
            "OUTDIAL_PUBLIC_URL": self._config.public_url or "",
            "OUTDIAL_BROKER_URL": self._config.broker_url or "",
            "OUTDIAL_QUARANTINE": str(self._config.quarantine),
            # Whoever presses Ctrl-C ends everything: nobody comes who could answer instead.
            "OUTDIAL_DRAIN": str(min(self._config.drain, 2.0)),
            **self.plan.env,
        }

    def _simulator_command(self) -> list[str]:
        log = self.plan.simulator_log or self._config.data_dir.resolve() / "carrier.jsonl"
        return [
            *(sys.executable, "-m", "simulator", "--port", str(self.simulator_port)),
            *("--exit-with-fd", "{owner_fd}", "--log", str(log), "--seed", str(self.plan.seed)),
            *("--time-scale", str(self._config.time_scale), "--cps", str(self.plan.simulator_cps)),
            *("--project", SIMULATOR_PROJECT, "--token", SIMULATOR_TOKEN),
            *("--signing-key", SIMULATOR_KEY, "--knobs", self.plan.simulator_knobs),
        ]

    def _wait(self, url: str, what: str) -> None:
        self._supervisor.wait_until(lambda: _answers(url), timeout=READY_SECONDS, what=what)

    def close(self) -> None:
        """Drop this process's own connections, so that the database can be stopped in peace."""
        self.engine.dispose()

    def look_after(self) -> None:
        """Called often while the stack runs: start again what has died or hangs."""
        self._frozen.look()
        if self._embedded and time.monotonic() - self._revived_at > REVIVE_EVERY:
            revive_servers(self._config.data_dir)
            self._revived_at = time.monotonic()

    def run(self, until: Callable[[], bool]) -> bool:
        """Keep everything running until `until()`; False when a signal ended it first."""

        def watched() -> bool:
            self.look_after()
            return until()

        return self._supervisor.run(watched)


class Keeper(Protocol):
    """Who keeps child processes running: a supervisor."""

    def pids(self) -> dict[str, int]:
        """The children that run now."""

    def end_frozen(self, name: str, why: str) -> None:
        """End a child that hangs."""


class FrozenChildren:
    """Ends children that are alive but give no sign of life any more, so that they start anew.

    A sign that is old once proves nothing: the database may have been away, or the whole machine.
    """

    def __init__(self, engine: Engine, supervisor: Keeper) -> None:
        self._engine, self._supervisor = engine, supervisor
        self._looked_at = time.monotonic()
        self._suspected: dict[int, float] = {}

    def look(self) -> None:
        """Look when it is time to."""
        now = time.monotonic()
        if now - self._looked_at < FROZEN_EVERY:
            return
        self._looked_at = now
        try:
            with transaction(self._engine) as session:
                found = signs.signs_of_life(session)
        except SQLAlchemyError:
            self._suspected.clear()
            return
        finally:
            self._engine.dispose()  # no connection may keep the database from being stopped
        self.judge({sign.pid: sign.age for sign in found}, now)

    def judge(self, ages: Mapping[int, float], now: float) -> None:
        """End the children whose last sign, by pid, is too old, and was so a while ago."""
        names = {pid: name for name, pid in self._supervisor.pids().items()}
        old = {pid for pid in names if ages.get(pid, 0.0) > FROZEN_SECONDS}
        self._suspected = {pid: self._suspected.get(pid, now) for pid in old}
        for pid, since in self._suspected.items():
            if now - since >= SUSPECTED_SECONDS:
                self._supervisor.end_frozen(names[pid], f"no sign of life for {ages[pid]:.0f} s")


def _numbered(name: str, n: int) -> str:
    return name if n == 0 else f"{name}-{n + 1}"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
