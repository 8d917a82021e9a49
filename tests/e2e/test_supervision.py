"""Real processes: told to end, deaf, and with a broker that dies under them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from sqlalchemy import Engine, text

from campaigns import importing, migrations
from campaigns.db import engine_for, transaction
from campaigns.demo import DemoOptions
from campaigns.hints import PING_DIAL, HintPublisher, celery_settings
from campaigns.local import ChildSpec, Supervisor, embedded_servers, revive_servers, server_status
from campaigns.store import signs
from tests.e2e.harness import RETRIES, Script, assert_promises, scene
from tests.factories import SECRET, make_account, make_attempt, make_campaign, make_recipient

pytestmark = [pytest.mark.e2e, pytest.mark.beside, pytest.mark.timeout(300)]


def wait(until: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := until()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


def test_told_to_end_in_the_middle_of_dialling_nothing_is_lost(tmp_path: Path) -> None:
    options = DemoOptions(
        recipients=110, cps=30, workers=2, time_scale=0.05, seed=6, retry_policy=RETRIES
    )
    left: dict[str, Any] = {}
    with scene(tmp_path, options, schedulers=2) as stage:

        def end(name: str) -> None:
            pid = stage.pid(name)
            process = psutil.Process(pid)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)
            if name.startswith("dial"):
                left[name] = stage.value(
                    """
                    SELECT count(*) FROM attempts
                    WHERE claimed_by LIKE :worker AND status = 'dialing' AND accepted_at IS NULL
                    """,
                    worker=f"%:{pid}",
                )
            left[f"beats of {name}"] = stage.value(
                "SELECT count(*) FROM heartbeats WHERE name LIKE :pid OR name LIKE :more",
                pid=f"%:{pid}", more=f"%:{pid}:%",
            )  # fmt: skip

        def leader() -> str:
            led = stage.leader()
            return next(name for name, pid in stage.supervisor.pids().items() if pid == led)

        script = Script(
            [
                (20, "worker", lambda: end("dial")),
                (50, "scheduler", lambda: end(leader())),
                (75, "other worker", lambda: end("dial-2")),
                (100, "web", lambda: end("web")),
            ]
        )
        assert stage.run.dial(script)
        result = stage.run.conclude()
        assert_promises(result)
        assert result.in_doubt == 0, "somebody's answer was not waited for"
    assert script.done == ["worker", "scheduler", "other worker", "web"]
    assert left["dial"] == left["dial-2"] == 0
    assert not any(count for name, count in left.items() if name.startswith("beats"))


class Bench:
    """Servers with tables, and one process of ours under a supervisor."""

    def __init__(self, home: Path, urls: Any, supervisor: Supervisor) -> None:
        self.home, self.urls, self.supervisor = home, urls, supervisor
        self.engine: Engine = engine_for(urls.database_url, pool_size=3)
        migrations.upgrade(self.engine)
        self.hints = HintPublisher(urls.redis_url)

    def start(self, module: str, prepare: str = "pass") -> int:
        """Start `module.main()` after `prepare`, which shortens what would take minutes."""
        code = f"{prepare}\nfrom {module} import main\nmain()"
        env = {
            "OUTDIAL_DATABASE_URL": self.urls.database_url,
            "OUTDIAL_REDIS_URL": self.urls.redis_url,
            "OUTDIAL_SECRET_KEY": SECRET,
            "OUTDIAL_DATA_DIR": str(self.home),
        }
        spec = ChildSpec(name="worker", command=[sys.executable, "-c", code], env=env)
        return self.supervisor.start(spec)

    @property
    def pid(self) -> int:
        self.supervisor.poll()
        return self.supervisor.pids().get("worker", 0)

    def sign(self, kind: str, pid: int) -> signs.Sign | None:
        """The sign of life of this very process, once it is ready."""
        with transaction(self.engine) as session:
            found = signs.signs_of_life(session)
        return next((s for s in found if s.kind == kind and s.pid == pid and s.ready), None)

    def sent_since(self, before: float | None) -> bool:
        return self.hints.last_sent("outdial.dial") != before

    def value(self, sql: str, **values: Any) -> Any:
        with transaction(self.engine) as session:
            return session.execute(text(sql), values).scalar()

    def close(self) -> None:
        self.hints.close()
        self.engine.dispose()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with embedded_servers(tmp_path) as urls, Supervisor(tmp_path) as supervisor:
        made = Bench(tmp_path, urls, supervisor)
        try:
            yield made
        finally:
            made.close()


# Ninety seconds of silence are two here; everything else is as ever.
IMPATIENT = """
from campaigns import liveness
liveness.SILENT_SECONDS = 2.0
import workers.watch
workers.watch.LOOK_SECONDS = 0.5
"""


# An import that takes longer than this is not waited for.
HURRIED = "import workers.imports\nworkers.imports.LEAVE_SECONDS = 0.3"


# To read whom to trust takes three seconds here; a file says that it has begun.
SLOW_TO_BEGIN = """
import pathlib, time
from campaigns.providers import http
make = http.make_client
def make_slowly(*args, **kwargs):
    pathlib.Path("{begun}").touch()
    time.sleep(3)
    return make(*args, **kwargs)
http.make_client = make_slowly
"""


class Pinging(threading.Thread):
    """What a leading scheduler does, more often."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(daemon=True)
        self._bench, self._over = bench, threading.Event()

    def __enter__(self) -> "Pinging":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(0.3):
            self._bench.hints.send(PING_DIAL)
            if self._bench.hints.last_sent(PING_DIAL) is not None:
                with transaction(self._bench.engine) as session:
                    signs.note_pings(session, "dial")


def test_a_worker_that_is_alive_but_consumes_nothing_is_started_anew(bench: Bench) -> None:
    first = bench.start("workers.dial", IMPATIENT)
    wait(lambda: bench.sign("dial", first))
    control = Celery("control", set_as_current=False)
    control.conf.update(celery_settings(bench.urls.redis_url))
    with Pinging(bench):
        time.sleep(3)  # as long as that, a worker that listens is left alone
        assert bench.pid == first
        name = f"dial-{first}@{os.uname().nodename}"
        told = control.control.cancel_consumer("dial", destination=[name], reply=True)
        assert told, "the worker was not reached"
        # It is alive and connected, its heart beats, and nothing reaches it.
        second = wait(lambda: (bench.pid not in (0, first)) and bench.pid)
        fresh = wait(lambda: bench.sign("dial", second))
        assert fresh.problems == []
        time.sleep(3)
        assert bench.pid == second
    control.close()
    log = (bench.home / "logs" / "worker.log").read_text()
    assert "took nothing from its queue" in log


def test_a_worker_that_is_told_to_end_while_it_begins_ends(bench: Bench) -> None:
    """It used to begin once more in the signal's handler, and to wait for a lock of its own."""
    begun = bench.home / "begun"
    first = bench.start("workers.dial", SLOW_TO_BEGIN.format(begun=begun))
    wait(begun.exists)
    os.kill(first, signal.SIGTERM)
    wait(lambda: bench.pid not in (0, first))
    log = (bench.home / "logs" / "worker.log").read_text()
    assert "did not end within" not in log, "it had to be ended by force"


def test_a_worker_survives_a_broker_that_dies_under_its_tasks(bench: Bench) -> None:
    """With late acknowledgement Celery 5.7 dies of it: reliability is why messages are hints."""
    worker = bench.start("workers.dial", IMPATIENT.replace("2.0", "1e9"))
    wait(lambda: bench.sign("dial", worker))
    for _ in range(3):
        with transaction(bench.engine) as session:
            campaign = make_campaign(session, make_account(session))
            now = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            slot = now + timedelta(seconds=3)
            recipient = make_recipient(session, campaign)
            attempt = make_attempt(
                session, recipient, slot_at=slot, not_after=slot + timedelta(seconds=20)
            )
        before = bench.hints.last_sent("outdial.dial")
        bench.hints.dial([attempt.id])
        wait(partial(bench.sent_since, before))
        time.sleep(0.5)  # the task waits for its slot now
        redis_pid = server_status(bench.home).redis.pid
        assert redis_pid is not None
        os.kill(redis_pid, signal.SIGKILL)
        wait(lambda: "redis" in revive_servers(bench.home))
        # Nobody is at the account's address, and the machine may be busy; but the task went on.
        sql = "SELECT cancel_reason FROM attempts WHERE id = :id AND status = 'cancelled'"
        found = wait(partial(bench.value, sql, id=attempt.id))
        assert found in ("not_sent", "stale_claim")
        assert bench.pid == worker
    with Pinging(bench):
        wait(lambda: (s := bench.sign("dial", worker)) and s.detail["silent_seconds"] < 1)
    assert bench.pid == worker


def test_an_import_worker_that_is_told_to_end_leaves_its_import_to_the_next(bench: Bench) -> None:
    rows = 30_000
    listed = bench.home / "list.csv"
    with listed.open("w") as out:
        out.write("phone,name\n")
        for n in range(rows):
            out.write(f"+1{201 + n // 100}55501{n % 100:02d},n {n}\n")
    with transaction(bench.engine) as session:
        campaign = make_campaign(session, make_account(session), status="draft")
        file = importing.fingerprint(listed)
        import_id = importing.register(
            session, campaign.id, file_name="list.csv", file=file, stored_at="list.csv"
        ).row.id
    worker = bench.start("workers.imports", HURRIED)
    wait(lambda: bench.sign("imports", worker))
    bench.hints.send("outdial.import_file", import_id)
    wait(lambda: (bench.value("SELECT rows_read FROM imports WHERE id = :i", i=import_id) or 0) > 0)
    process = psutil.Process(worker)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=40)
    status = bench.value("SELECT status FROM imports WHERE id = :i", i=import_id)
    assert status == "running", "neither lost nor failed, and not done either"
    # The server may take a moment to see that the worker is gone, and holds its import until then.
    wait(lambda: importing.run(bench.engine, import_id, listed).status != "running")
    summary = importing.run(bench.engine, import_id, listed)
    assert summary.status == "done"
    assert bench.value("SELECT count(*) FROM recipients") == summary.rows_imported > 0
