"""The private stack of a drill, with a handle on everything that can be made to fail."""

import json
import logging
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import redis
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from campaigns import migrations
from campaigns.config import Settings
from campaigns.crash_points import CLOCK, NOTES, SEED, SPECIFICATION, TOKENS, Note
from campaigns.db import transaction
from campaigns.drill.clocks import MovedClock
from campaigns.drill.options import DrillOptions
from campaigns.drill.proxy import Proxies, Proxy
from campaigns.errors import OutdialError
from campaigns.local import Supervisor, embedded_servers, server_status
from campaigns.stack import LocalStack, StackPlan

log = logging.getLogger(__name__)
# How soon a drill wants a killed process back; a supervisor is patient with what keeps ending.
LONGEST_DELAY = 1.0
READ_TIMEOUT = 3.0  # seconds a worker waits for the carrier's answer
QUARANTINE = 300.0  # seconds, before scaling


class Stage:
    """One running stack. Faults are done from one thread, which also calls `poll`."""

    def __init__(
        self,
        options: DrillOptions,
        config: Settings,
        stack: LocalStack,
        supervisor: Supervisor,
        proxies: Proxies,
        doors: dict[str, Proxy],
        ends: list[str],
    ) -> None:
        self.options, self.config, self.stack = options, config, stack
        self.supervisor, self.proxies = supervisor, proxies
        self.database, self.redis = doors["database"], doors["redis"]
        self.carrier, self.public = doors["carrier"], doors["public"]
        self.ends = ends  # what the supervisor said about processes that ended
        self.engine: Engine = stack.engine
        self.clock = MovedClock(self.engine)
        self.tokens = config.data_dir / "crash"
        self.rng = random.Random(options.seed)
        self.struck: Counter[str] = Counter()  # by point
        self.strikes: Counter[str] = Counter()  # by what happened there
        self.deployed = 0  # processes that were asked to end, and may
        self.voiceless: list[tuple[datetime, datetime]] = []
        self._timers: list[tuple[float, Callable[[], object]]] = []
        self._frozen: dict[int, float] = {}
        self._notes_read = 0
        self._web_pids: set[int] = set()
        self._simulator = httpx.Client(base_url=stack.simulator_url, timeout=10, trust_env=False)

    # What is there.

    @property
    def public_url(self) -> str:
        """Where providers and people reach the web processes."""
        return f"http://127.0.0.1:{self.public.port}"

    def running(self, kind: str) -> list[str]:
        """Names of the processes of one kind that run and are not frozen."""
        return [
            name
            for name, pid in self.supervisor.pids().items()
            if name.split("-")[0] == kind and pid not in self._frozen
        ]

    def pid(self, name: str) -> int:
        """The process of that name."""
        return self.supervisor.pids()[name]

    def leader(self) -> str | None:
        """The name of the scheduler that leads."""
        holder = self.value("SELECT holder FROM leases WHERE name = 'scheduler'")
        pid = int(holder.split(":")[2]) if holder else None
        return next((name for name, known in self.supervisor.pids().items() if known == pid), None)

    def value(self, sql: str, **values: Any) -> Any:
        """One value from the database, past every proxy."""
        with transaction(self.engine) as session:
            return session.execute(text(sql), values).scalar()

    def column(self, sql: str, **values: Any) -> list[Any]:
        """One column from the database, past every proxy."""
        with transaction(self.engine) as session:
            return [row[0] for row in session.execute(text(sql), values)]

    # What can be done to it.

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        os.kill(self.pid(name), signal.SIGKILL)

    def freeze(self, pid: int, seconds: float) -> None:
        """SIGSTOP a process and what it forked, and let it go on later."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(os.getpgid(pid), signal.SIGSTOP)
            self._thaw_later(pid, seconds)

    def _thaw_later(self, pid: int, seconds: float) -> None:
        self._frozen[pid] = seconds
        self.later(seconds, lambda: self._thaw(pid))

    def _thaw(self, pid: int) -> None:
        self._frozen.pop(pid, None)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(os.getpgid(pid), signal.SIGCONT)

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when so many seconds have passed."""
        self._timers.append((time.monotonic() + seconds, action))

    def no_voice(self, seconds: float) -> None:
        """From now on for so long, whoever picks up may hear nothing; it is not a breach."""
        now = datetime.now(UTC)
        self.voiceless.append((now, now + timedelta(seconds=seconds)))

    def turn(self, **knobs: Any) -> None:
        """Turn the carrier's knobs."""
        self._simulator.post("/simulator/knobs", content=json.dumps(knobs)).raise_for_status()

    def carrier_faults(self) -> dict[str, int]:
        """How often each of the carrier's faults has struck."""
        found: dict[str, int] = self._simulator.get("/simulator/faults").json()
        return found

    def carrier_summary(self) -> dict[str, Any]:
        """The carrier's own totals."""
        found: dict[str, Any] = self._simulator.get("/simulator/summary").json()
        return found

    def on_redis(self) -> "redis.Redis":
        """Redis itself, past the proxy."""
        return redis.Redis.from_url(self.stack.servers.redis_url, socket_timeout=3)

    def postgres_processes(self) -> list[psutil.Process]:
        """The server and its backends."""
        pid = server_status(self.config.data_dir).postgres.pid
        if pid is None:
            return []
        server = psutil.Process(pid)
        return [server, *server.children(recursive=True)]

    def set_clocks(self, pid: int | None = None, offset: float = 0) -> None:
        """Let every worker's own clock go with the database's, and one be off by `offset`."""
        lines = [f"0 {self.clock.offset.total_seconds()}", *([f"{pid} {offset}"] if pid else [])]
        fresh = self.tokens / f"{CLOCK}.new"
        fresh.write_text("\n".join(lines))
        fresh.rename(self.tokens / CLOCK)

    def put_token(self, point: str, strike: str) -> None:
        """The next process to reach the point is struck."""
        (self.tokens / point).write_text(strike)

    def take_token_back(self, point: str) -> None:
        """The point strikes nobody."""
        (self.tokens / point).unlink(missing_ok=True)

    def take_tokens_back(self) -> None:
        """No point strikes any more."""
        for path in self.tokens.iterdir():
            if "." not in path.name and path.name != CLOCK:
                path.unlink(missing_ok=True)

    def poll(self) -> None:
        """Notice what ended and struck, start again what died, do what is due."""
        self.supervisor.poll()
        pids = self.supervisor.pids()
        self._web_pids.update(pid for name, pid in pids.items() if name.startswith("web"))
        try:
            self.stack.look_after()
        except OutdialError as error:  # it dies faster than it can be started; the next look helps
            log.warning("a server cannot be revived yet: %s", error)
        self._read_notes()
        due = [timer for timer in self._timers if timer[0] <= time.monotonic()]
        self._timers = [timer for timer in self._timers if timer not in due]
        for _, action in due:
            action()

    def come_to_rest(self) -> None:
        """Undo at once whatever was to be undone later."""
        self.take_tokens_back()
        while self._timers:
            timers, self._timers = self._timers, []
            for _, action in timers:
                action()
        self._read_notes()
        for pid in list(self._frozen):
            self._thaw(pid)

    def _read_notes(self) -> None:
        path = self.tokens / NOTES
        notes = Note.parse_all(path.read_text()) if path.exists() else []
        for note in notes[self._notes_read :]:
            self.struck[note.point] += 1
            self.strikes["crash" if note.strike.stop is None else "freeze"] += 1
            if note.pid in self._web_pids:
                self.no_voice(4 if note.strike.stop is None else note.strike.stop + 10)
            if note.strike.stop is not None:
                self._thaw_later(note.pid, note.strike.stop)
        self._notes_read = len(notes)

    def reached(self) -> set[str]:
        """Crash points that some process has reached."""
        return {path.name.removesuffix(".reached") for path in self.tokens.glob("*.reached")}

    def logs(self) -> dict[str, Path]:
        """What the processes and servers have printed."""
        home = self.config.data_dir
        return {path.name: path for path in [*(home / "logs").glob("*.log"), *home.glob("*.log")]}

    def close(self) -> None:
        """Drop this process's own connections."""
        self.come_to_rest()
        self._simulator.close()
        self.stack.close()


@contextmanager
def drill_stage(options: DrillOptions, data_dir: Path) -> Iterator[Stage]:
    """A stack that runs, without a campaign; whatever happens, nothing of it is left."""
    ends: list[str] = []
    tokens = data_dir / "crash"
    tokens.mkdir()
    with (
        embedded_servers(data_dir) as servers,
        Proxies() as proxies,
        Supervisor(data_dir, say=ends.append) as supervisor,
    ):
        config = _settings(options, data_dir)
        database = make_url(servers.database_url)
        redis_url = urlsplit(servers.redis_url)
        doors = {
            "database": proxies.open("database", _socket_of(servers.database_url)),
            "redis": proxies.open("redis", (redis_url.hostname or "", redis_url.port or 0)),
        }
        moved = database.set(host="127.0.0.1", port=doors["database"].port, query={})
        passed = redis_url._replace(netloc=f":{redis_url.password}@127.0.0.1:{doors['redis'].port}")
        env = {
            "OUTDIAL_DATABASE_URL": moved.render_as_string(hide_password=False),
            "OUTDIAL_REDIS_URL": passed.geturl(),
            "OUTDIAL_READ_TIMEOUT": str(READ_TIMEOUT),
            "OUTDIAL_API_RATE": "100000",
            SPECIFICATION: "any",
            TOKENS: str(tokens.resolve()),
            SEED: str(options.seed),
        }
        stack = LocalStack(config, servers, supervisor, _plan(options, env))
        doors["public"] = proxies.open("public", *(("127.0.0.1", p) for p in stack.web_ports))
        doors["carrier"] = proxies.open("carrier", ("127.0.0.1", stack.simulator_port))
        env["OUTDIAL_PUBLIC_URL"] = f"http://127.0.0.1:{doors['public'].port}"
        stage = Stage(options, config, stack, supervisor, proxies, doors, ends)
        migrations.upgrade(stack.engine)
        stage.clock.install()
        stack.start()
        try:
            yield stage
        finally:
            stage.close()


def _settings(options: DrillOptions, data_dir: Path) -> Settings:
    return Settings(
        data_dir=data_dir,
        database_url=None,
        redis_url=None,
        broker_url=None,
        public_url=None,
        host="127.0.0.1",
        port=0,
        simulator_port=0,
        time_scale=options.time_scale,
        quarantine=QUARANTINE,
        live_dialling=False,
    )


def _plan(options: DrillOptions, env: dict[str, str]) -> StackPlan:
    return StackPlan(
        dial_workers=options.workers,
        schedulers=2,
        web=2,
        simulator_cps=options.cps * 8,
        seed=options.seed,
        env=env,
        longest_delay=LONGEST_DELAY,
    )


def _socket_of(database_url: str) -> Path:
    query = parse_qs(urlsplit(database_url).query)
    return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"


def forget(data_dir: Path) -> None:
    """Delete the drill's directory."""
    shutil.rmtree(data_dir, ignore_errors=True)
