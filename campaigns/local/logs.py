"""Log files of servers and children: appended to, and renamed at start when they grew large."""

import os
from pathlib import Path
from typing import BinaryIO

LARGEST = 10 * 1024 * 1024


def open_log(path: Path) -> BinaryIO:
    """Open for appending; a file above 10 MB is first renamed to NAME.1, replacing that one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST:
        path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def last_lines(path: Path, count: int = 8) -> str:
    """The end of a log for an error message; empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
