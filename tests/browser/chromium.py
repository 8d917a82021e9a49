"""The browser the tests drive: Debian's Chromium, installed when it is missing and may be.

These tests are never skipped: without a browser they fail, and say how to get one.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = "Install it with `apt-get install chromium`, then run the tests again."


@lru_cache(maxsize=1)
def executable() -> str:
    """The path of a Chromium; raises `RuntimeError` when there is none and none can be had."""
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with _alone():
            if _found() is None:
                _install()
        found = _found()
    if found is None:
        raise RuntimeError(f"The browser tests need Chromium, and there is none. {HOW}")
    return found


@contextmanager
def _alone() -> Iterator[None]:
    """Two test processes ask at the same time, and only one can install."""
    with (Path(tempfile.gettempdir()) / "outdial-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu"],
    ):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(f"Chromium could not be installed: {done.stderr[-400:]} {HOW}")
