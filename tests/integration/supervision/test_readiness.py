"""Readiness of each process: over HTTP, through its heartbeat, and as a command."""

import json
import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from campaigns.cli import ready
from campaigns.cli.main import app as cli
from campaigns.cli.ready import Process
from campaigns.config import Settings
from campaigns.db import engine_for, transaction
from campaigns.migrations import known_revisions
from campaigns.stack import SUSPECTED_SECONDS, FrozenChildren
from campaigns.store import dispatch
from campaigns.web import draining
from campaigns.web.draining import DrainingServer
from campaigns.web.heartbeat import WebHeartbeat
from tests.factories import make_account, make_attempt, make_campaign, make_recipient
from tests.integration.reporting.served import make_app, make_client


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path)


@pytest.fixture
def client(app):
    return make_client(app)


def test_a_web_process_that_can_do_its_work_is_ready(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def test_a_heartbeat_that_is_stuck_is_named_while_the_process_still_answers(app, client):
    app.state.heartbeat = SimpleNamespace(age=7.0)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "7 s old" in answer.json()["heartbeat"]
    assert client.get("/healthz").status_code == 200


def test_a_pool_without_a_connection_left_is_named(database_url, tmp_path):
    small = engine_for(database_url, pool_size=1)
    app = make_app(small, tmp_path)
    client = make_client(app, key=False)
    taken = [small.connect() for _ in range(11)]  # and ten that may overflow
    try:
        answer = client.get("/readyz")
    finally:
        for connection in taken:
            connection.close()
    assert answer.status_code == 503
    assert "every connection" in answer.json()["database"]
    assert client.get("/readyz").status_code == 200
    small.dispose()


def test_tables_that_are_not_those_of_the_code_are_named(engine, client):
    head = known_revisions()[-1]
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        answer = client.get("/readyz")
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": head})
    assert answer.status_code == 503
    assert "outdial migrate" in answer.json()["migrations"]


class Serving(DrainingServer):
    """A server that nobody started, so that only its end is looked at."""

    def __init__(self, app) -> None:
        self._app, self._draining = app, False
        self.started, self.should_exit, self.force_exit = True, False, False
        self._captured_signals: list[int] = []


@pytest.fixture
def serving(app, engine, monkeypatch):
    monkeypatch.setattr(draining, "SETTLE_SECONDS", 0.0)
    app.state.heartbeat = WebHeartbeat(engine)
    app.state.heartbeat.start()
    yield Serving(app)
    app.state.heartbeat.stop()


def ends(server: Serving) -> bool:
    for _ in range(100):
        if server.should_exit:
            return True
        time.sleep(0.05)
    return False


def signs_of_life(engine: Engine) -> list[Any]:
    with transaction(engine) as session:
        return list(dispatch.heartbeats(session))


def calling(engine: Engine) -> int:
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
        return make_attempt(session, make_recipient(session, campaign), "ringing").id


def test_told_to_end_a_web_process_takes_its_sign_of_life_back_and_drains(serving, engine, client):
    attempt_id = calling(engine)
    serving.handle_exit(15, None)
    assert client.get("/readyz").json()["process"] == "it was told to end"
    deadline = time.monotonic() + 10
    while signs_of_life(engine):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    assert not serving.should_exit, "somebody's call is under way"
    with transaction(engine) as session:
        session.execute(
            text("""
                UPDATE attempts SET status = 'ended', ended_at = now(), disposition = 'no_answer'
                WHERE id = :id
            """),
            {"id": attempt_id},
        )
    assert ends(serving)


def test_it_drains_no_longer_when_another_one_answers(serving, engine):
    calling(engine)
    with transaction(engine) as session:
        dispatch.beat(session, "web:other:1", "web", ready=True, detail={})
    serving.handle_exit(15, None)
    assert ends(serving)


def test_a_second_signal_ends_it_at_once(serving, engine):
    calling(engine)
    serving.handle_exit(15, None)
    serving.handle_exit(15, None)
    assert serving.should_exit


class Children:
    """Stands where the supervisor is."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self.ended: list[str] = []

    def pids(self) -> dict[str, int]:
        return self._pids

    def end_frozen(self, name: str, why: str) -> None:
        self.ended.append(name)


def test_a_child_without_a_sign_of_life_is_ended_when_that_was_so_for_a_while(engine):
    children = Children(dial=1, web=2, scheduler=3)
    frozen = FrozenChildren(engine, children)
    ages = {1: 95.0, 2: 1.0}  # the scheduler never gave any sign, so nothing is known of it
    frozen.judge(ages, now=1000.0)
    assert children.ended == []  # the whole machine may have slept
    frozen.judge(ages, now=1000.0 + SUSPECTED_SECONDS)
    assert children.ended == ["dial"]


def test_a_sign_of_life_in_between_takes_the_suspicion_away(engine):
    children = Children(dial=1)
    frozen = FrozenChildren(engine, children)
    for age, now in ((95.0, 1000.0), (1.0, 1010.0), (95.0, 1020.0)):
        frozen.judge({1: age}, now)
    assert children.ended == []


@pytest.fixture
def config(tmp_path, database_url, servers):
    return Settings(
        data_dir=tmp_path, database_url=database_url, redis_url=servers.redis_url, port=1
    )


def test_the_command_asks_the_heartbeats_of_this_host(config, engine):
    here = socket.gethostname()
    assert "sign of life" in ready.problems_of(config, Process.WORKER)[0]
    detail = {"problems": ["Its clock is 3.0 s off the database's."]}
    with transaction(engine) as session:
        dispatch.beat(session, f"dial:{here}:1", "dial", ready=False, detail=detail)
        dispatch.beat(session, "dial:elsewhere:1", "dial", ready=True, detail={"problems": []})
    assert ready.problems_of(config, Process.WORKER) == detail["problems"]
    assert ready.problems_of(config, Process.WORKER, anywhere=True) == []
    assert "does not answer" in ready.problems_of(config, Process.WEB)[0]


def test_the_command_exits_with_what_it_found(config, engine, monkeypatch):
    runner = CliRunner()
    monkeypatch.setattr(ready, "settings", lambda: config)
    found = runner.invoke(cli, ["ready", "scheduler", "--json"])
    assert (found.exit_code, json.loads(found.output)["ready"]) == (1, False)
    with transaction(engine) as session:
        name = f"scheduler:{socket.gethostname()}:1:ab"
        dispatch.beat(session, name, "scheduler", ready=True, detail={"problems": []})
    found = runner.invoke(cli, ["ready", "scheduler"])
    assert (found.exit_code, found.output) == (0, "ready\n")
