"""Processes that die, freeze or meet in the middle of an import."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from campaigns.compliance import Place
from campaigns.db import transaction
from campaigns.importing import Summary, loading, run
from campaigns.importing.loading import BATCH
from campaigns.store import recipients, recipients_import

# Imports, and stops for a line on stdin when told of the reading or of the storing.
CHILD = """
import sys
from pathlib import Path
from campaigns.db import engine_for
from campaigns.importing import run

url, import_id, path, stop_at = sys.argv[1:]

def wait(progress):
    if progress.storing == (stop_at == "storing"):
        print("stopped", flush=True)
        sys.stdin.readline()

summary = run(engine_for(url), int(import_id), Path(path), wait)
print(summary.status, flush=True)
"""
ROWS = BATCH * 2 + 100


def numbers() -> Iterator[str]:
    """Distinct numbers reserved for fiction."""
    return (f"+1{area}55501{line:02}" for area in range(201, 300) for line in range(100))


@pytest.fixture(scope="module")
def long_list():
    rows = "".join(f"{number},n\n" for _, number in zip(range(ROWS), numbers(), strict=False))
    return "phone,name\n" + rows


@contextmanager
def import_elsewhere(engine: Engine, waiting: Any, stop_at: str) -> Iterator[Any]:
    """Another process at work on the import, stopped in the middle of it."""
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", CHILD, url, str(waiting.id), str(waiting.path), stop_at]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "stopped\n"
            yield child
        finally:
            child.kill()


def assert_complete(summary: Summary, recipients: list[Any]) -> None:
    assert summary.status == "done"
    assert summary.rows_read == summary.rows_imported + summary.rows_rejected == ROWS
    assert summary.rows_rejected == summary.rejects_by_reason.get("toll_free", 0)
    assert len(recipients) == summary.rows_imported
    assert len({tuple(row[0]) for row in recipients}) == len(recipients)


@pytest.mark.parametrize("stop_at", ["reading", "storing"])
def test_a_killed_import_leaves_nothing_and_is_begun_anew(
    engine, campaign, registered, recipients_of, rows_of, long_list, stop_at
):
    waiting = registered(campaign, long_list)
    with import_elsewhere(engine, waiting, stop_at) as child:
        assert rows_of("SELECT status FROM imports") == [("running",)]
        child.kill()
        child.wait()
    wait_until_released(engine)
    assert recipients_of(campaign) == []
    assert rows_of("SELECT count(*) FROM import_rejects") == [(0,)]
    assert registered(campaign, long_list).already
    assert_complete(run(engine, waiting.id, waiting.path), recipients_of(campaign))


def wait_until_released(engine: Engine) -> None:
    """Until the server has noticed that a killed process is gone, as the next run would find it."""
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '30s'"))
        connection.execute(text("SET statement_timeout = '30s'"))
        ((import_id,),) = connection.execute(text("SELECT id FROM imports"))
        key = {"id": import_id}
        connection.execute(text("SELECT pg_advisory_xact_lock(7420003, :id)"), key)


def test_two_processes_at_once_import_once(engine, campaign, registered, recipients_of, long_list):
    waiting = registered(campaign, long_list)
    with import_elsewhere(engine, waiting, "reading") as child:
        seen = run(engine, waiting.id, waiting.path)
        assert seen.status == "running"
        assert "running" in seen.sentence
        assert recipients_of(campaign) == []
        out, errors = child.communicate("\n" * 100)
        assert out.splitlines()[-1] == "done", errors
    assert_complete(run(engine, waiting.id, waiting.path), recipients_of(campaign))


def test_an_import_that_lost_its_connection_cannot_spoil_its_successor(
    engine, campaign, registered, recipients_of, rows_of, long_list
):
    waiting = registered(campaign, long_list)
    with import_elsewhere(engine, waiting, "reading") as child:
        rows_of("""
            SELECT pg_terminate_backend(pid) FROM pg_locks
            WHERE locktype = 'advisory' AND classid = 7420003 AND database =
                (SELECT oid FROM pg_database WHERE datname = current_database())
        """)
        wait_until_released(engine)
        summary = run(engine, waiting.id, waiting.path)
        assert_complete(summary, recipients_of(campaign))
        _, errors = child.communicate("\n" * 100)
        assert child.returncode != 0, errors
    assert rows_of("SELECT status, error FROM imports") == [("done", None)]
    assert len(recipients_of(campaign)) == summary.rows_imported


def test_many_threads_on_one_import_import_once(
    engine, campaign, registered, recipients_of, long_list
):
    waiting = registered(campaign, long_list)
    seen = []
    threads = [
        threading.Thread(target=lambda: seen.append(run(engine, waiting.id, waiting.path)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {summary.status for summary in seen} <= {"done", "running"}
    assert_complete(run(engine, waiting.id, waiting.path), recipients_of(campaign))


def test_two_lists_with_the_same_people_at_once(engine, campaign, registered, recipients_of):
    people = [number for number, _ in zip(numbers(), range(3000), strict=False)]
    lists = ["phone\n" + "\n".join(order) + "\n" for order in (people, reversed(people))]
    waiting = [registered(campaign, content) for content in lists]
    seen = []
    threads = [
        threading.Thread(target=lambda one=one: seen.append(run(engine, one.id, one.path)))
        for one in waiting
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [summary.status for summary in seen] == ["done", "done"]
    assert sum(summary.rows_imported for summary in seen) == len(recipients_of(campaign))
    assert all(summary.rows_imported + summary.rows_rejected == 3000 for summary in seen)


def test_a_fault_of_ours_fails_the_import_and_is_raised(
    engine, campaign, registered, recipients_of, rows_of, monkeypatch
):
    waiting = registered(campaign, "phone\n+12025550101\n")

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(loading, "take_sample", broken)
    with pytest.raises(ZeroDivisionError):
        run(engine, waiting.id, waiting.path)
    ((status, error),) = rows_of("SELECT status, error FROM imports")
    assert status == "failed"
    assert "ZeroDivisionError" in error
    monkeypatch.undo()
    again = registered(campaign, "phone\n+12025550101\n")
    assert run(engine, again.id, again.path).rows_imported == 1


def test_a_failure_while_storing_leaves_nothing(
    engine, campaign, registered, recipients_of, rows_of, monkeypatch
):
    waiting = registered(campaign, "phone\n+12025550101\nx\n")
    good = recipients_import.store_staged_recipients

    def store_and_break(session, import_id, campaign_id):
        good(session, import_id, campaign_id)
        session.execute(text("INSERT INTO zone_keys (zones) VALUES (NULL)"))

    monkeypatch.setattr(recipients_import, "store_staged_recipients", store_and_break)
    with pytest.raises(IntegrityError):
        run(engine, waiting.id, waiting.path)
    assert recipients_of(campaign) == []
    assert rows_of("SELECT count(*) FROM import_rejects") == [(0,)]
    assert rows_of("SELECT status FROM imports") == [("failed",)]


def test_an_import_does_not_hold_up_a_running_campaign(
    engine, make_campaign, registered, recipients_of, monkeypatch
):
    """With all rows stored and not yet committed, the tick and the pages can still write."""
    running = make_campaign(status="running")
    waiting = registered(running, "phone\n+12025550101\n")
    good = recipients_import.store_staged_recipients

    def store_while_others_write(session, import_id, campaign_id):
        stored = good(session, import_id, campaign_id)
        with transaction(engine) as other:
            other.execute(text("SET LOCAL lock_timeout = '500ms'"))
            other.execute(text("UPDATE campaigns SET vtime = 1, status = 'paused'"))
            other.execute(text("SELECT id FROM campaigns FOR NO KEY UPDATE"))
            other.execute(text("UPDATE accounts SET next_free = now()"))
            recipients.zone_key_for(other, Place("US", ("NY",), ("America/New_York",)))
            assert other.execute(text("SELECT count(*) FROM recipients")).scalar_one() == 0
        return stored

    monkeypatch.setattr(recipients_import, "store_staged_recipients", store_while_others_write)
    assert run(engine, waiting.id, waiting.path).status == "done"
    assert len(recipients_of(running)) == 1
