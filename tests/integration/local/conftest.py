"""Real processes that use the embedded servers, and a look at what they leave behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from campaigns.local import embedded_servers
from campaigns.local.processes import wait_for

ROOT = Path(__file__).parents[3]
USER = """
import json, sys
from pathlib import Path
from campaigns.local import embedded_servers, server_status

home = Path(sys.argv[1])
try:
    with embedded_servers(home) as urls:
        status = server_status(home)
        pids = [status.postgres.pid, status.redis.pid]
        print(json.dumps([urls.database_url, urls.redis_url, pids]), flush=True)
        sys.stdin.readline()
except KeyboardInterrupt:
    sys.exit(130)
"""


class UserProcess:
    """Another process inside `embedded_servers`, until told to leave."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def joined(self) -> tuple[str, str, list[int]]:
        """Wait until it is in; gives the database URL, Redis URL and the servers' pids."""
        assert self.process.stdout
        database_url, redis_url, pids = json.loads(self.process.stdout.readline())
        return database_url, redis_url, pids

    def leave(self) -> int:
        """A clean exit; gives the exit code."""
        self.process.communicate("\n", timeout=30)
        return self.process.returncode

    def end_by(self, signum: signal.Signals) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        self.process.send_signal(signum)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def start_user() -> Iterator[Callable[..., UserProcess]]:
    """Start users of a data directory; afterwards nothing of them is left running."""
    started: list[tuple[UserProcess, Path]] = []

    def start(home: Path, **environment: str) -> UserProcess:
        user = UserProcess(home, environment)
        started.append((user, home))
        return user

    yield start
    for user, _ in started:
        if user.process.poll() is None:
            user.end_by(signal.SIGKILL)
    for home in {home for _, home in started if home.is_dir()}:
        with embedded_servers(home, redis=False):
            pass


def is_gone(pid: int) -> bool:
    """Whether the process has ended (a zombie waiting for its parent has)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def mentioning(path: Path) -> list[str]:
    """The command lines of live processes, other than this one, that name `path`."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if str(path) in line and process.pid != os.getpid():
                found.append(line)
    return found


def nothing_runs(home: Path, *pids: int) -> bool:
    """Whether the servers are gone, by pid and by a look at every process."""
    return wait_for(lambda: all(map(is_gone, pids)) and not mentioning(home), 10.0)
