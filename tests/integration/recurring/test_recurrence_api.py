"""Recurrences over the API and the command line."""

import json
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from campaigns.cli import context
from campaigns.cli.main import app as commands
from campaigns.config import settings
from campaigns.db import transaction
from tests.integration.reporting.seed import make_account, make_campaign
from tests.integration.reporting.served import make_app, make_client
from tests.sounds import wav

RULE = {"days": ["mon", "fri"], "times": ["09:00"], "zone": "America/New_York"}


@pytest.fixture
def campaign_id(engine) -> int:
    with transaction(engine) as session:
        make_account(session)
        return make_campaign(session, "draft")


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path, sources_dir=tmp_path)


@pytest.fixture
def client(app):
    return make_client(app)


def create(client: Any, campaign_id: int, /, **over: Any) -> Any:
    body = {"campaign_id": campaign_id, "rule": RULE, "source": {"file": "daily/list.csv"}}
    return client.post("/api/v1/recurrences", json=body | over)


def test_a_campaign_is_made_to_recur_paused_resumed_and_ended(client, campaign_id):
    answer = create(client, campaign_id)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["status"] == "active"
    assert made["sentence"] == "Monday and Friday at 09:00, America/New_York time"
    assert (made["source"], made["unchanged"], made["problem"]) == (
        "the file daily/list.csv",
        "skip",
        None,
    )
    assert len(made["next"]) == 5
    at = f"/api/v1/recurrences/{made['id']}"
    assert client.get(at).json() == made
    assert client.get("/api/v1/recurrences").json()["items"] == [made]
    assert client.get("/api/v1/recurrences?campaign_id=99").json()["items"] == []
    ahead = client.get(f"{at}/next?n=12").json()["items"]
    assert ahead[:5] == made["next"]
    assert len(ahead) == 12
    walls = [datetime.fromisoformat(one["wall_time"]) for one in ahead]
    assert {wall.weekday() for wall in walls} == {0, 4}
    assert client.get(f"{at}/firings").json() == {"items": [], "next": None}

    paused = client.post(f"{at}/pause").json()
    assert (paused["status"], paused["next"]) == ("paused", [])
    assert client.post(f"{at}/pause").status_code == 409
    assert client.get(f"{at}/next").json()["items"] == []
    assert client.post(f"{at}/resume").json()["next"] == made["next"]
    assert client.post(f"{at}/resume").status_code == 409
    assert client.delete(at).json()["status"] == "ended"
    assert client.delete(at).json()["status"] == "ended"
    assert client.post(f"{at}/resume").status_code == 409
    assert create(client, campaign_id).status_code == 201  # the former one is over


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"campaign_id": 99}, 404),
        ({"rule": {"times": ["25:00"], "zone": "UTC"}}, 422),
        ({"rule": {"times": ["09:00"], "zone": "EST"}}, 422),
        ({"source": {"file": "../list.csv"}}, 422),
        ({"source": {"url": "https://127.0.0.1/list.csv"}}, 422),
        ({"source": {"url": "http://example.org/list.csv"}}, 422),
        ({"grace_hours": 0}, 422),
        ({"unchanged": "maybe"}, 422),
        ({"options": {"no_such": 1}}, 422),
        ({"every": "day"}, 422),
    ],
)
def test_what_cannot_recur_is_refused(client, campaign_id, over, status):
    answer = create(client, campaign_id, **over)
    assert answer.status_code == status, answer.text
    assert client.get("/api/v1/recurrences").json()["items"] == []


def test_files_are_read_only_where_a_directory_is_set_up(engine, tmp_path, campaign_id):
    answer = create(make_client(make_app(engine, tmp_path)), campaign_id)
    assert answer.status_code == 422
    assert "OUTDIAL_SOURCES_DIR" in answer.json()["detail"]


def test_who_sees_may_not_change(app, client, campaign_id):
    made = create(client, campaign_id).json()
    viewer = make_client(app, role="viewer")
    at = f"/api/v1/recurrences/{made['id']}"
    assert viewer.get(at).status_code == 200
    assert create(viewer, campaign_id).status_code == 403
    assert viewer.post(f"{at}/pause").status_code == 403
    assert viewer.delete(at).status_code == 403


def test_what_may_be_a_password_in_an_address_is_not_shown(client, campaign_id, engine):
    url = "https://example.org/list.csv?token=secret"
    made = create(client, campaign_id, source={"url": url})
    assert made.status_code == 201, made.text
    assert "secret" not in made.text
    with transaction(engine) as session:
        kept = session.execute(text("SELECT source ->> 'url' FROM recurrences")).scalar_one()
        told = session.execute(text("SELECT sentence FROM campaign_log")).scalars().all()
        audit = session.execute(text("SELECT after::text FROM audit_log")).scalars().all()
    assert kept == url
    assert "secret" not in "".join([*told, *map(str, audit)])


@pytest.fixture
def outdial(engine, tmp_path, monkeypatch):
    """Runs a command over the test's database and returns its result."""

    @contextmanager
    def opened():
        yield engine

    monkeypatch.setattr(context, "open_engine", opened)
    monkeypatch.setenv("OUTDIAL_SOURCES_DIR", str(tmp_path))
    settings.cache_clear()
    yield lambda *words: CliRunner().invoke(commands, [*map(str, words), "--json"])
    settings.cache_clear()


def told(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_command_line_does_the_same(outdial, campaign_id):
    words = ("recurrence", "create", "--campaign", campaign_id, "--zone", "Europe/London")
    made = told(
        outdial(*words, "--at", "17:00", "--at", "09:00", "--day", "mon", "--file", "a.csv")
    )
    assert made["rule"] == {"zone": "Europe/London", "days": ["mon"], "times": ["09:00", "17:00"]}
    assert told(outdial("recurrence", "list"))[0]["id"] == made["id"]
    assert len(told(outdial("recurrence", "next", made["id"], "-n", 3))) == 3
    assert told(outdial("recurrence", "pause", made["id"]))["status"] == "paused"
    assert told(outdial("recurrence", "resume", made["id"]))["status"] == "active"
    assert told(outdial("recurrence", "show", made["id"]))["firings"] == []
    assert told(outdial("recurrence", "end", made["id"]))["status"] == "ended"
    made = told(outdial(*words, "--cron", "0 9 * * 1-5", "--url", "https://example.org/a.csv"))
    assert made["rule"]["cron"] == "0 9 * * 1-5"


def test_the_command_line_refuses_in_words(outdial, campaign_id):
    words = ("recurrence", "create", "--campaign", campaign_id, "--zone", "Europe/London")
    for more in (("--at", "09:00"), ("--file", "a.csv"), ("--at", "9", "--file", "a.csv")):
        result = outdial(*words, *more)
        assert result.exit_code == 1
        assert result.stdout == ""


def test_the_command_line_keeps_audio(outdial, tmp_path, engine):
    file = tmp_path / "greeting.wav"
    file.write_bytes(wav(2))
    kept = told(outdial("audio", "add", file))
    assert (kept["name"], kept["already"]) == ("greeting.wav", False)
    assert told(outdial("audio", "add", file, "--name", "other"))["already"] is True
    assert [one["sha256"] for one in told(outdial("audio", "list"))] == [kept["sha256"]]
    assert told(outdial("audio", "delete", kept["id"])) == {"deleted": kept["id"]}
    file.write_bytes(b"phone\n")
    assert outdial("audio", "add", file).exit_code == 1


def test_a_campaign_is_created_with_holidays(outdial, campaign_id, engine):
    told(
        outdial(
            *("campaign", "create", "--name", "Closed", "--kind", "announcement"),
            *("--account", "sim", "--message", "Hello.", "--windows", "mon-fri 09:00-17:00"),
            *("--holidays", "US-CA 2026-12-24"),
        )
    )
    with transaction(engine) as session:
        windows = session.execute(
            text("SELECT windows FROM campaigns WHERE name = 'Closed'")
        ).scalar_one()
    assert windows["holidays"] == {"country": "US", "subdivision": "CA", "dates": ["2026-12-24"]}
    result = outdial(
        *("campaign", "create", "--name", "Closed", "--kind", "announcement"),
        *("--account", "sim", "--message", "Hello.", "--holidays", "XQ"),
    )
    assert result.exit_code == 1
