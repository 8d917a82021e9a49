"""Who uses the embedded servers of a data directory, and where the servers are.

One small file, written atomically and changed only under an flock on the file beside it. The
kernel drops the lock when its holder dies, so a crash never leaves it taken.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from campaigns.errors import NotConfigured, Unavailable
from campaigns.local.processes import birth_mark, wait_for

LOCK_WAIT = 180.0


class User(BaseModel):
    """One use of the servers; a process may have several."""

    model_config = ConfigDict(frozen=True)

    pid: int
    mark: str | None
    token: str

    @classmethod
    def this_process(cls) -> "User":
        """A new use by the calling process."""
        pid = os.getpid()
        return cls(pid=pid, mark=birth_mark(pid), token=secrets.token_hex(8))

    def alive(self) -> bool:
        """Whether the process still runs; one that got the same number later does not count."""
        return self.mark is not None and birth_mark(self.pid) == self.mark


class RedisAddress(BaseModel):
    """Where the embedded Redis listens; port 0 and pid 0 mean not started yet."""

    model_config = ConfigDict(frozen=True)

    port: int = Field(0, ge=0, le=65535)
    password: str = Field(default_factory=lambda: secrets.token_hex(24), min_length=16)
    pid: int = 0
    mark: str | None = None

    @property
    def url(self) -> str:
        """For redis-py and Celery alike."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


class Record(BaseModel):
    """What is written down. `socket_dir` and `redis` are set while that server should run."""

    users: list[User] = []
    socket_dir: Path | None = None
    redis: RedisAddress | None = None

    def drop_dead_users(self) -> None:
        """Forget the users whose process has ended without saying so."""
        self.users = [user for user in self.users if user.alive()]


def read_record(home: Path) -> Record:
    """The record; an empty one when there is none or it cannot be read as one."""
    try:
        return Record.model_validate_json(_record_file(home).read_bytes())
    except (FileNotFoundError, ValidationError):
        return Record()


def write_record(home: Path, record: Record) -> None:
    """Replace the record in one step; readable by its owner only, since it holds a password."""
    draft = home / "servers.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(record.model_dump_json(indent=1))
    draft.replace(_record_file(home))


def _record_file(home: Path) -> Path:
    return home / "servers.json"


def private_home(data_dir: Path) -> Path:
    """The data directory, absolute, made with mode 0700 where it is missing.

    Raises NotConfigured when it cannot be made or is not writable.
    """
    home = data_dir.expanduser().resolve()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NotConfigured(f"The data directory {home} cannot be made: {error}") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise NotConfigured(
            f"The data directory {home} is not writable for this user. Start Outdial as the user "
            "that made it, or set OUTDIAL_DATA_DIR to another directory."
        )
    return home


@contextmanager
def locked(home: Path) -> Iterator[int]:
    """Hold the data directory's lock; gives its descriptor. Raises Unavailable after minutes."""
    try:
        fd = os.open(home / "servers.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NotConfigured(f"The data directory {home} cannot be used: {error}") from error
    try:
        if not wait_for(lambda: _try_lock(fd), LOCK_WAIT):
            raise Unavailable(
                f"Another process has been starting or stopping the servers in {home} for "
                f"{LOCK_WAIT:.0f} s. Look at postgres.log there, end that process, try again."
            )
        yield fd
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
