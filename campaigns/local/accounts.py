"""The account the servers run as when Outdial runs as root, which PostgreSQL refuses.

For an ordinary user there is nothing to do. For root the account is the owner of an existing
data directory, else `postgres` or `outdial` if the system has them, else a system account
`outdial` is made, else (read-only or minimal system) it is `nobody`.
"""

import errno
import os
import pwd
import shutil
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from campaigns.errors import Unavailable

OWN_ACCOUNT = "outdial"
_SEARCH_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_ACL = "system.posix_acl_access"
# Linux, include/uapi/linux/posix_acl.h: tags of the entries, and "no id".
_OWNER, _USER, _GROUP, _MASK, _OTHER, _NO_ID = 1, 2, 4, 16, 32, 0xFFFFFFFF


@dataclass(frozen=True)
class Account:
    """A system account other than root."""

    name: str
    uid: int
    gid: int


def server_account(pgdata: Path) -> Account | None:
    """The account for the servers of this data directory; None: the user of this process.

    Raises Unavailable when root finds no account at all.
    """
    if os.geteuid() != 0:
        return None
    if pgdata.exists() and pgdata.stat().st_uid != 0:
        return _account_of(pgdata)
    for name in ("postgres", OWN_ACCOUNT):
        if account := _named(name):
            return account
    _add_account(OWN_ACCOUNT)
    account = _named(OWN_ACCOUNT) or _named("nobody")
    if account is None:
        raise Unavailable(
            "PostgreSQL does not run as root and this system has no other account for it. "
            "Run Outdial as an ordinary user."
        )
    return account


def _account_of(path: Path) -> Account:
    owner = path.stat()
    try:
        return Account(pwd.getpwuid(owner.st_uid).pw_name, owner.st_uid, owner.st_gid)
    except KeyError:
        return Account(str(owner.st_uid), owner.st_uid, owner.st_gid)


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid) if entry.pw_uid else None


def _add_account(name: str) -> None:
    """Best effort: a read-only system keeps its accounts, and the caller has another choice."""
    useradd = shutil.which("useradd", path=_SEARCH_PATH)
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, capture_output=True, check=False)


def give(path: Path, account: Account | None) -> None:
    """Make `account` the owner; nothing for an ordinary user. Raises Unavailable."""
    if account is None:
        return
    try:
        os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise Unavailable(f"{path} cannot be given to {account.name}: {error}") from error


def make_reachable(path: Path, account: Account | None) -> None:
    """Let `account` pass through `path` and the directories above it (pass, not list).

    Root's home is usually closed, and data and virtual environment may lie inside. One access
    control entry for this one account is added where needed; only on file systems without such
    lists passing is opened to everybody.
    """
    if account is None:
        return
    for directory in (path, *path.parents):
        if not _may_pass(directory.stat(), account):
            _let_pass(directory, account)


def _may_pass(directory: os.stat_result, account: Account) -> bool:
    if directory.st_uid == account.uid:
        return bool(directory.st_mode & stat.S_IXUSR)
    if directory.st_gid == account.gid:
        return bool(directory.st_mode & stat.S_IXGRP)
    return bool(directory.st_mode & stat.S_IXOTH)


def _let_pass(directory: Path, account: Account) -> None:
    mode = stat.S_IMODE(directory.stat().st_mode)
    try:
        entries = _acl(directory, mode)
        # A later chmod also narrows the mask, which would leave our entry without effect.
        for needed, otherwise in (((_USER, account.uid), 0), ((_MASK, _NO_ID), mode >> 3 & 7)):
            entries[needed] = entries.get(needed, otherwise) | 1
        packed = (struct.pack("<HHI", t, p, i) for (t, i), p in sorted(entries.items()))
        os.setxattr(directory, _ACL, struct.pack("<I", 2) + b"".join(packed))
    except (OSError, AttributeError):  # no such lists on this file system or operating system
        directory.chmod(mode | stat.S_IXOTH)


def _acl(directory: Path, mode: int) -> dict[tuple[int, int], int]:
    """The access control list as {(tag, id): permissions}; without one, what the mode says."""
    try:
        raw = os.getxattr(directory, _ACL)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        bits = {_OWNER: mode >> 6, _GROUP: mode >> 3, _OTHER: mode}
        return {(tag, _NO_ID): value & 7 for tag, value in bits.items()}
    return {(tag, who): allowed for tag, allowed, who in struct.iter_unpack("<HHI", raw[4:])}


def may_run(program: Path, account: Account | None) -> bool:
    """Whether `account` can execute the program (`--version` succeeds)."""
    try:
        subprocess.run(
            [str(program), "--version"],
            cwd="/",
            env={},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def open_to_all(directory: Path) -> None:
    """Make an installed package readable for everybody, as a usual umask would have done."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | 0o044 | (0o011 if path.is_dir() or mode & stat.S_IXUSR else 0))
