"""The tables change to a next version's while this version dials: nobody waits, nothing is lost."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns import migrations
from campaigns.demo import DemoOptions
from campaigns.demo.run import Progress
from tests.e2e.harness import RETRIES, Scene, assert_promises, scene

pytestmark = [pytest.mark.e2e, pytest.mark.beside, pytest.mark.timeout(400)]

ALEMBIC = Path(sys.executable).with_name("alembic")
ROOT = Path(__file__).parents[2]
# A migration waits two seconds for a lock and lets go; whoever waits behind it, no longer either.
LONGEST_WAIT = 2.0
# How far from the truth a look from outside may be, on a busy machine.
LOOKS_APART = 0.75

WAITS = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0)
    FROM pg_locks l WHERE NOT l.granted AND l.locktype = 'relation'
"""


def upgrade(stage: Scene, folder: Path) -> "subprocess.Popen[str]":
    """`alembic upgrade head` with this version's migrations and the next one's."""
    ini = folder / "next.ini"
    ini.write_text(
        f"[alembic]\nscript_location = {ROOT / 'alembic'}\nprepend_sys_path = {ROOT}\n"
        f"path_separator = os\n"
        f"version_locations = {ROOT / 'alembic/versions'}:{ROOT / 'tests/e2e/next_version'}\n"
    )
    return subprocess.Popen(
        [ALEMBIC, "-c", ini, "upgrade", "head"],
        env=os.environ | {"OUTDIAL_DATABASE_URL": stage.stack.servers.database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Watch(threading.Thread):
    """Looks all the time for how long anybody waits for a table."""

    def __init__(self, stage: Scene) -> None:
        super().__init__()
        self._engine, self._over = stage.engine, threading.Event()
        self.longest, self.looks = 0.0, 0

    def run(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._over.wait(0.05):
                waits = connection.execute(text(WAITS)).scalar_one()
                self.longest, self.looks = max(self.longest, float(waits)), self.looks + 1

    def close(self) -> None:
        self._over.set()
        self.join()


@contextmanager
def long_report(stage: Scene) -> Iterator[None]:
    """Somebody reads from the tables in a transaction that takes its time."""
    begun, over = threading.Event(), threading.Event()

    def read() -> None:
        with stage.engine.connect() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            connection.execute(text("SELECT count(*) FROM attempts, campaigns, recipients"))
            begun.set()
            over.wait(120)
            connection.rollback()

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        over.set()
        reader.join()


def dialled_meanwhile(stage: Scene, since: datetime, calls: int) -> None:
    """Until so many calls reached the carrier since then."""
    deadline = time.monotonic() + 60
    while sum(dial.arrived_at > since for dial in stage.dials()) < calls:
        assert time.monotonic() < deadline, "it did not dial meanwhile"
        time.sleep(0.3)


def test_the_tables_change_while_a_campaign_dials(tmp_path: Path) -> None:
    options = DemoOptions(
        recipients=250, cps=20, workers=2, time_scale=0.05, seed=6, retry_policy=RETRIES
    )
    with scene(tmp_path, options, schedulers=2) as stage:
        done: dict[str, datetime] = {}

        def change(progress: Progress) -> None:
            if progress.attempts < 60 or "upgraded" in done:
                return
            done["began"] = datetime.now(UTC)
            watch = Watch(stage)
            watch.start()
            with long_report(stage):
                changing = upgrade(stage, tmp_path)
                while watch.longest < 1.0 and changing.poll() is None:
                    time.sleep(0.05)
                time.sleep(3)  # longer than it waits: it has to let go, and to try again
                dialled_meanwhile(stage, done["began"], 21)
            said, _ = changing.communicate(timeout=120)
            watch.close()
            done["upgraded"] = datetime.now(UTC)
            assert changing.returncode == 0, said
            assert watch.looks > 20
            assert 1.0 < watch.longest < LONGEST_WAIT + LOOKS_APART, said
            # And what is started now is this version still, on the next one's tables.
            for name in ("dial", "web", "scheduler"):
                stage.kill(name)

        assert stage.run.dial(change)
        result = stage.run.conclude()
        arrived = [dial.arrived_at for dial in stage.dials()]
        killed = [
            dial
            for dial in stage.dials()
            if dial.accepted and -5 < (dial.arrived_at - done["upgraded"]).total_seconds() < 6
        ]
        assert_promises(result, silent=len(killed))
        with stage.engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == (
                "9002"
            )
            assert migrations.schema_problem(connection) is None
            brought = connection.execute(
                text("SELECT count(*) FROM attempts WHERE next_note IS NOT NULL")
            ).scalar_one()
        assert brought >= 60
    during = [at for at in arrived if done["began"] < at < done["upgraded"]]
    after = [at for at in arrived if at > done["upgraded"]]
    assert len(during) > 20
    assert len(after) > 50, "it was over before the tables had changed"
