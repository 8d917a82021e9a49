"""`outdial webhook ...`, against a real receiver."""

import json
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from campaigns.cli import context, webhook
from campaigns.config import Settings
from campaigns.notifying.events import EVENT_TYPES
from tests.integration.notifying.receiver import Answer


@pytest.fixture
def outdial(engine, monkeypatch, vault):
    """Runs a command of the group and returns its result; `exit_code` is asserted."""

    @contextmanager
    def opened():
        yield engine

    monkeypatch.setattr(context, "open_engine", opened)
    monkeypatch.setattr(webhook, "vault", lambda: vault)
    monkeypatch.setattr(webhook, "settings", lambda: Settings(webhook_allow_private=True))
    runner = CliRunner(env={"COLUMNS": "250"})

    def run(*words, code=0):
        result = runner.invoke(webhook.app, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def as_json(outdial):
    return lambda *words, code=0: json.loads(outdial(*words, "--json", code=code).stdout)


def test_the_secret_that_is_shown_once_verifies_a_test(outdial, receiver):
    secret = outdial("add", receiver.url, "--description", "CRM").stdout.strip()
    assert "Accepted: 200" in outdial("test", 1).stdout
    (received,) = receiver.received
    assert received.opened(secret)["type"] == "webhook.test"
    assert secret not in outdial("list").stdout


def test_a_test_that_is_refused_says_so_and_exits_with_1(outdial, as_json, receiver):
    receiver.answer = lambda _received: Answer(403)
    made = as_json("add", receiver.url)
    assert "Not accepted. Answered 403." in outdial("test", made["id"], code=1).stdout
    assert as_json("test", made["id"], code=1)["status_code"] == 403


def test_from_adding_to_removing(outdial, as_json, receiver):
    made = as_json("add", receiver.url, "--event", "campaign.paused", "--event", "attempt.ended")
    (listed,) = as_json("list")
    assert listed["event_types"] == ["attempt.ended", "campaign.paused"]
    assert as_json("pause", made["id"]) == {"id": made["id"], "status": "paused"}
    assert "Resume it" in outdial("test", made["id"], code=1).stderr
    assert "is active" in outdial("resume", made["id"]).stdout
    fresh = as_json("secret", made["id"])["secret"]
    assert fresh.startswith("whsec_")
    assert fresh != made["secret"]
    assert "is removed" in outdial("remove", made["id"]).stdout
    assert "no webhook yet" in outdial("list").stdout
    assert "There is no webhook" in outdial("remove", made["id"], code=1).stderr


def test_deliveries_are_listed_and_sent_again(bench, outdial, as_json, receiver, deliver):
    outdial("add", receiver.url)
    outdial("test", 1)
    assert "webhook.test" in outdial("deliveries", 1).stdout
    (row,) = as_json("deliveries", 1, "--status", "delivered")
    assert as_json("replay", 1, "--delivery", row["id"])["deliveries"] == 1
    deliver()
    bench.rows("UPDATE webhook_deliveries SET status = 'given_up'")
    assert "Sent again: 1" in outdial("replay", 1, "--hours", 1).stdout
    deliver()
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert ids == [row["webhook_id"]] * 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", 1), "Say --delivery ID or --hours N"),
        (("replay", 1, "--delivery", 1, "--hours", 1), "Say --delivery ID or --hours N"),
        (("deliveries", 1, "--status", "lost"), "not 'lost'"),
        (("replay", 1, "--delivery", 99), "has no delivery 99"),
        (("add", "ftp://example.org"), "https://"),
        (("add", "http://127.0.0.1/", "--event", "call.ended"), "There is no event 'call.ended'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(outdial, receiver, words, said):
    outdial("add", receiver.url)
    assert said in outdial(*words, code=1).stderr


def test_every_type_of_event_is_explained(as_json):
    assert as_json("events") == EVENT_TYPES
