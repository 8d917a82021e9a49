"""`outdial doctor` and the kill switch, as the real command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.db import transaction
from campaigns.migrations import downgrade, upgrade
from tests.factories import make_account, make_attempt, make_campaign, make_recipient

OUTDIAL = Path(sys.executable).with_name("outdial")


@pytest.fixture
def outdial(tmp_path, servers):
    """Runs the installed command in a directory of its own, on the given servers."""

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if "OUTDIAL" not in name}
        return subprocess.run(
            [OUTDIAL, *words],
            cwd=tmp_path,
            env={**clean, "OUTDIAL_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200", **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[bool | None, str]]:
    told = json.loads(done.stdout)
    return {one["what"]: (one["well"], one["told"]) for one in told["findings"]}


def test_it_starts_and_changes_nothing_on_an_unused_directory(outdial, tmp_path):
    done = outdial("doctor", "--json")
    told = findings(done)
    assert done.returncode == 0, done.stderr
    assert told["PostgreSQL"] == (None, "embedded, not running")
    assert "off" in told["live dialling"][1]
    assert not (tmp_path / "data").exists()


def test_it_names_what_is_wrong(outdial, engine, database_url, servers):
    env = {"OUTDIAL_DATABASE_URL": database_url, "OUTDIAL_REDIS_URL": servers.redis_url}
    env |= {"OUTDIAL_SECRET_KEY": "x" * 40, "OUTDIAL_PUBLIC_URL": "http://127.0.0.1:9"}
    with engine.begin() as connection:
        connection.execute(text("UPDATE dialing_switch SET enabled = false, reason = 'lunch'"))
    done = outdial("doctor", "--json", **env)
    told = findings(done)
    assert done.returncode == 1
    assert told["database"][0] is True
    assert told["tables"] == (True, "up to date")
    assert told["kill switch"] == (False, "dialling is switched off: lunch")
    assert told["scheduler"][0] is False
    assert told["dial workers"][0] is False
    assert told["redis"][0] is True
    assert told["public URL"][0] is False
    assert "does not answer" in told["public URL"][1]


def test_it_sees_tables_that_are_not_up_to_date(outdial, engine, database_url, servers):
    downgrade(engine, "0001")
    try:
        done = outdial(
            "doctor", "--json", OUTDIAL_DATABASE_URL=database_url,
            OUTDIAL_REDIS_URL=servers.redis_url,
        )  # fmt: skip
    finally:
        upgrade(engine)
    assert findings(done)["tables"][0] is False
    assert "0002" in findings(done)["tables"][1]


def test_it_says_when_a_server_does_not_answer(outdial):
    done = outdial(
        "doctor", "--json", OUTDIAL_DATABASE_URL="postgresql://127.0.0.1:9/none",
        OUTDIAL_REDIS_URL="redis://127.0.0.1:9/0",
    )  # fmt: skip
    told = findings(done)
    assert done.returncode == 1
    assert told["database"][0] is False
    assert told["redis"][0] is False
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("OUTDIAL_PORT", "eighty"), ("OUTDIAL_TIME_SCALE", "3"), ("OUTDIAL_PAGE_HOSTS", "a,b")],
)
def test_a_setting_that_cannot_be_used_is_named(outdial, name, value):
    done = outdial("doctor", **{name: value})
    assert done.returncode == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_the_kill_switch_stops_everything_and_says_so(outdial, engine, database_url, servers):
    env = {"OUTDIAL_DATABASE_URL": database_url, "OUTDIAL_REDIS_URL": servers.redis_url}
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
        make_attempt(session, make_recipient(session, campaign))
    done = outdial("switch", "off", "--why", "a wrong text", **env)
    assert done.returncode == 0, done.stderr
    with engine.connect() as connection:
        assert connection.execute(text("SELECT enabled FROM dialing_switch")).scalar_one() is False
        status = connection.execute(text("SELECT status FROM attempts")).scalar_one()
        log = connection.execute(text("SELECT sentence FROM campaign_log")).scalars().all()
    assert status == "cancelled"
    assert any("a wrong text" in sentence for sentence in log)
    assert outdial("switch", "on", **env).returncode == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT enabled FROM dialing_switch")).scalar_one() is True
