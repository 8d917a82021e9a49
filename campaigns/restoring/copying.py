"""Backups: the whole database in one file, and back again, with dialling off.

`pg_dump`, `pg_restore` and `psql` are those of the bundled PostgreSQL, or those on PATH.
"""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL, make_url

from campaigns import migrations
from campaigns.db import engine_for, transaction
from campaigns.errors import InvalidInput, NotAllowed, NotConfigured, Unavailable
from campaigns.local.postgres_server import programs
from campaigns.restoring.noticing import SWITCHED_OFF, note_restored
from campaigns.store import signs
from campaigns.store.installation import Restoration

# Whoever gave a sign of life within this time runs.
RUNS_SECONDS = 15.0
# In the very transaction in which the old rows come back, and in words that every version of the
# tables understands: not for an instant is there a restored database that dials.
STAY_OFF = (
    "SET search_path = public; "
    f"UPDATE dialing_switch SET enabled = false, reason = '{SWITCHED_OFF}' WHERE enabled;"
)


def create_backup(database_url: str, file: Path) -> int:
    """Write everything to `file`, as of one instant, while everything runs; returns its size.

    Raises `InvalidInput` when the file is there already, and `Unavailable` when it fails; then
    there is no file.
    """
    if file.exists():
        raise InvalidInput(f"{file} is there already. Nothing was written. Name another file.")
    draft = file.with_name(f"{file.name}.part")
    try:
        draft.touch(mode=0o600)  # it holds everybody's telephone numbers
        _run("pg_dump", database_url, "--format=custom", "--no-owner", f"--file={draft}")
        draft.replace(file)
    except OSError as error:
        raise Unavailable(f"The backup could not be written: {error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def restore_backup(database_url: str, file: Path) -> Restoration:
    """Put everything in the database back to what `file` holds; nothing is dialled afterwards.

    Raises `NotAllowed` while processes use the database, `InvalidInput` for what is no backup, and
    `Unavailable` when it fails; then the database is as it was.
    """
    if not file.is_file():
        raise InvalidInput(f"There is no file {file}. Nothing was restored.")
    engine = engine_for(database_url, pool_size=2)
    try:
        _nobody_runs(engine)
        script = _script_of(file)
        try:
            _put_back(database_url, script)
        finally:
            script.unlink()
        engine.dispose()
        migrations.upgrade(engine)
        with transaction(engine) as session:
            noted = note_restored(session, f"The backup {file.name} was restored.")
            session.execute(text("DELETE FROM heartbeats"))  # of processes long gone
            session.execute(text("DELETE FROM leases"))
        return noted
    finally:
        engine.dispose()


def _nobody_runs(engine: Engine) -> None:
    with engine.connect() as connection:
        empty = connection.execute(text("SELECT to_regclass('heartbeats') IS NULL")).scalar_one()
    if empty:
        return
    with transaction(engine) as session:
        alive = [one.name for one in signs.signs_of_life(session) if one.age < RUNS_SECONDS]
    if alive:
        raise NotAllowed(
            f"Processes use this database ({', '.join(alive[:4])}). Nothing was restored. Stop "
            f"them all, wait {RUNS_SECONDS:.0f} seconds, and restore again."
        )


def _script_of(file: Path) -> Path:
    """The backup as SQL that replaces everything, and keeps dialling off, in one transaction."""
    script = file.with_name(f"{file.name}.sql")
    script.touch(mode=0o600)
    try:
        _run("pg_restore", None, "--no-owner", "--no-privileges", f"--file={script}", str(file))
        with script.open("a") as out:
            out.write(f"\n{STAY_OFF}\n")
    except BaseException:
        script.unlink()
        raise
    return script


def _put_back(database_url: str, script: Path) -> None:
    """In one transaction: the schema away, everything of the backup in, dialling off."""
    away = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
    _run(
        "psql",
        database_url,
        *("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"),
        *("--output=/dev/null", f"--command={away}", f"--file={script}"),
    )


def _run(program: str, database_url: str | None, *options: str) -> None:
    command = [str(_program(program)), *options]
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGTZ": "UTC"}
    if database_url is not None:
        url = make_url(database_url).set(drivername="postgresql")
        command.append(f"--dbname={_without_password(url)}")
        if url.password:
            env["PGPASSWORD"] = str(url.password)  # a command line can be read by everybody
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if "rror" in line or "ERROR" in line]
        last = told[0] if told else f"exit code {done.returncode}"
        raise Unavailable(f"{program} failed: {last}. Nothing was changed.")


def _without_password(url: URL) -> str:
    return URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    ).render_as_string(hide_password=False)


def _program(name: str) -> Path:
    """The bundled one, which no server is too new for; else the one on PATH."""
    try:
        bundled = programs() / name
    except NotConfigured:
        bundled = None
    if bundled is not None and bundled.exists():
        return bundled
    found = shutil.which(name)
    if found is None:
        raise NotConfigured(f"{name} is not installed. Install PostgreSQL's client programs.")
    return Path(found)
