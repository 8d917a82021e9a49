"""The embedded servers of one data directory: shared by its processes, stopped by the last one.

Ownership is a record of live users, not being the parent: the servers have sessions of their
own, so a user that is SIGKILLed takes nothing with it, and the next one finds the servers
running, drops the dead user from the record and stops them when it is itself the last.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from campaigns.errors import NotConfigured
from campaigns.local import accounts
from campaigns.local.postgres_server import Postgres, postgres_url, programs
from campaigns.local.record import (
    Record,
    RedisAddress,
    User,
    locked,
    private_home,
    read_record,
    write_record,
)
from campaigns.local.redis_server import RedisServer, answering
from campaigns.local.signals import deferred_signals


@dataclass(frozen=True)
class ServerUrls:
    """Where the servers answer; empty for one that was not asked for.

    `database_url` is for libpq (`postgresql://...?host=SOCKET_DIR`), `redis_url` for redis-py
    and Celery; it contains the password.
    """

    database_url: str
    redis_url: str


@contextmanager
def embedded_servers(
    data_dir: Path, *, postgres: bool = True, redis: bool = True
) -> Iterator[ServerUrls]:
    """Start the servers of `data_dir`, or join those that run; the last user stops them.

    Safe from several processes at once. SIGTERM must reach the caller as an exception
    (`termination_interrupts`), else the servers run on until the next user adopts them. Raises
    NotConfigured (no programs, unusable directory) or Unavailable (a server did not start).
    """
    home = private_home(data_dir)
    me = User.this_process()
    joined = _join(home, me, postgres=postgres, redis=redis)
    try:
        yield _urls(joined, postgres=postgres, redis=redis)
    finally:
        if os.getpid() == me.pid:  # a fork that runs into this is not the user
            _leave(home, me, joined)


def revive_servers(data_dir: Path) -> tuple[str, ...]:
    """Start again what should run for `data_dir` and has died; the names of what was started.

    They come back at the same addresses. Raises as `embedded_servers` does.
    """
    home = private_home(data_dir)
    with locked(home) as lock_fd:
        record = read_record(home)
        before = _running(home, record)
        _ensure(home, record, lock_fd)
        return tuple(name for name, pid in _running(home, record).items() if pid != before[name])


def _join(home: Path, me: User, *, postgres: bool, redis: bool) -> Record:
    with locked(home) as lock_fd:
        record = read_record(home)
        record.drop_dead_users()
        record.users.append(me)
        try:
            if postgres or record.socket_dir:
                record.socket_dir = Postgres(home).choose_socket_dir(record.socket_dir)
            if redis:
                record.redis = record.redis or RedisAddress()
            _ensure(home, record, lock_fd)
        except BaseException:
            _part(home, record, me)
            raise
    return record


def _ensure(home: Path, record: Record, lock_fd: int) -> None:
    """Make what the record names run. It is written before too: a server whose starter dies
    in between is found by its address."""
    write_record(home, record)
    if record.socket_dir:
        Postgres(home).ensure(record.socket_dir, lock_fd)
    if record.redis:
        record.redis = RedisServer(home).ensure(record.redis)
    write_record(home, record)


def _leave(home: Path, me: User, joined: Record) -> None:
    """A second Ctrl-C must not leave half of the servers behind, so it waits for the end."""
    with deferred_signals() as noted:
        try:
            with locked(home):
                _part(home, read_record(home), me)
        except NotConfigured:
            # The directory was deleted meanwhile. PostgreSQL notices that and ends by itself.
            if joined.redis:
                RedisServer(home).stop(joined.redis)
    for signum, _ in noted[:1]:
        signal.raise_signal(signum)


def _part(home: Path, record: Record, me: User) -> None:
    record.drop_dead_users()
    record.users = [user for user in record.users if user.token != me.token]
    if not record.users:
        _stop(home, record)
    write_record(home, record)


def _stop(home: Path, record: Record) -> None:
    if record.redis:
        RedisServer(home).stop(record.redis)
        record.redis = None
    Postgres(home).stop()
    if record.socket_dir:
        shutil.rmtree(record.socket_dir, ignore_errors=True)
        record.socket_dir = None


def _running(home: Path, record: Record) -> dict[str, int | None]:
    told = answering(record.redis)
    return {"postgres": Postgres(home).pid(), "redis": told[0] if told else None}


def _urls(record: Record, *, postgres: bool, redis: bool) -> ServerUrls:
    return ServerUrls(
        postgres_url(record.socket_dir) if postgres and record.socket_dir else "",
        record.redis.url if redis and record.redis else "",
    )


@dataclass(frozen=True)
class ServerUser:
    """A process that uses the servers."""

    pid: int
    command: str


@dataclass(frozen=True)
class PostgresStatus:
    """The embedded PostgreSQL. `pid` None: not running; `version` None: it does not answer.

    `pg_ctl` must be run as `os_user` (None: as oneself) and told to log to `log`.
    """

    pid: int | None
    version: str | None
    url: str
    admin_url: str
    pgdata: Path
    pg_ctl: Path
    log: Path
    os_user: str | None


@dataclass(frozen=True)
class RedisStatus:
    """The embedded Redis. `pid` None: not running, or it does not answer."""

    pid: int | None
    version: str | None
    url: str
    log: Path


@dataclass(frozen=True)
class ServerStatus:
    """What runs for a data directory, and the live processes that use it."""

    postgres: PostgresStatus
    redis: RedisStatus
    users: tuple[ServerUser, ...]


def server_status(data_dir: Path) -> ServerStatus:
    """What runs for `data_dir`. Changes nothing and takes no lock; a missing directory is fine.

    Raises NotConfigured when the bundled PostgreSQL is not installed.
    """
    home = data_dir.expanduser().resolve()
    record = read_record(home)
    told = answering(record.redis) or (None, None)
    redis_url = record.redis.url if record.redis else ""
    users = (_user(user.pid) for user in record.users if user.alive())
    return ServerStatus(
        _postgres_status(home),
        RedisStatus(told[0], told[1], redis_url, RedisServer(home).log),
        tuple(user for user in users if user),
    )


def _postgres_status(home: Path) -> PostgresStatus:
    server = Postgres(home)
    pid = server.pid()
    where = server.socket_dir() if pid else None
    account = accounts.server_account(server.pgdata) if pid else None
    admin_url = postgres_url(where, user="postgres", database="postgres") if where else ""
    return PostgresStatus(
        pid=pid,
        version=_postgres_version(admin_url),
        url=postgres_url(where) if where else "",
        admin_url=admin_url,
        pgdata=server.pgdata,
        pg_ctl=programs() / "pg_ctl",
        log=server.log,
        os_user=account.name if account else None,
    )


def _postgres_version(admin_url: str) -> str | None:
    if not admin_url:
        return None
    try:
        with psycopg.connect(admin_url, connect_timeout=2) as connection:
            return connection.info.parameter_status("server_version")
    except psycopg.Error:
        return None


def _user(pid: int) -> ServerUser | None:
    try:
        return ServerUser(pid, " ".join(psutil.Process(pid).cmdline()))
    except psutil.Error:
        return None
