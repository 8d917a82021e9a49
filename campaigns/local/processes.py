"""Processes that are not our children: start them, recognise them, wait for their end."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from campaigns.errors import Unavailable
from campaigns.local.accounts import Account
from campaigns.local.logs import open_log

POLL = 0.02
# The servers must see nothing of the caller's environment: PGPORT or PGDATA would change them.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def birth_mark(pid: int) -> str | None:
    """What tells this process from another that gets its number later; None: it is not alive.

    On Linux boot id and start in clock ticks: psutil's start time moves when the clock is set,
    and a user who looks dead would have the servers stopped under him.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            _reap(pid)
            return None
        return _start_ticks(pid) if psutil.LINUX else repr(process.create_time())
    except (psutil.NoSuchProcess, ValueError, OverflowError, FileNotFoundError, ProcessLookupError):
        return None


def _reap(pid: int) -> None:
    """Take a dead child's exit status; a zombie of another parent is that parent's."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _start_ticks(pid: int) -> str:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{_boot_id()}/{fields[19]}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # some sandboxes have none; clock ticks since the boot must do
        return ""


def launch(command: Sequence[str], *, cwd: Path, log: Path, account: Account | None) -> int:
    """Start a server in a session of its own, where no terminal reaches it; gives its pid.

    Raises Unavailable when it cannot even be started.
    """
    with open_log(log) as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"{Path(command[0]).name} cannot be started: {error}") from error
    # It may outlive this process, so its end is awaited by number; this object must not
    # complain about a child still running when it is collected.
    process.returncode = 0
    return process.pid


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def gone(pid: int, mark: str | None) -> bool:
    """Whether the process that had this number and birth mark has ended (a zombie has)."""
    return mark is None or birth_mark(pid) != mark


def end(pid: int, signals: Sequence[tuple[int, float]]) -> bool:
    """Send each signal and wait its seconds for the end; whether the process is gone."""
    mark = birth_mark(pid)
    for signum, seconds in signals:
        if gone(pid, mark):
            return True
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return True
        if wait_for(lambda: gone(pid, mark), seconds):
            return True
    return gone(pid, mark)
