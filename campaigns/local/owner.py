"""A process ends when the supervisor that started it is gone, even if that was SIGKILLed.

Every child inherits the reading end of a pipe whose other end only the supervisor holds. The
kernel closes that end when the supervisor ends, however it ends, so end of file is the sign.
Standard library only: every entry point imports this first.
"""

import os
import select
import signal
import stat
import threading
import time

OWNER_FD = "OUTDIAL_OWNER_FD"


def exit_with_owner(*, grace: float = 40.0) -> None:
    """End this process when its supervisor is gone: SIGTERM, then SIGKILL `grace` seconds later.

    Does nothing in a process that was not started by a supervisor. Call it once, at the start.
    """
    fd = _inherited_pipe(os.environ.pop(OWNER_FD, ""))
    if fd is None:
        return
    os.set_inheritable(fd, False)
    threading.Thread(target=_watch, args=(fd, grace), name="owner", daemon=True).start()


def _inherited_pipe(value: str) -> int | None:
    """The descriptor named by `value`, or None when it is not an open pipe of ours."""
    try:
        fd = int(value)
        return fd if stat.S_ISFIFO(os.fstat(fd).st_mode) else None
    except (ValueError, OverflowError, OSError):
        return None


def _ended(fd: int) -> bool:
    """Whether the other end is closed. The pipe is shared, and a sibling may unblock it."""
    try:
        return not os.read(fd, 64)
    except BlockingIOError:
        return False


def _watch(fd: int, grace: float) -> None:
    while not _ended(fd):
        select.select([fd], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    # A child of a supervisor leads its own process group; what it forked must go with it.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
