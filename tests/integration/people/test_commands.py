"""Users, keys and accounts on the command line."""

import json
from contextlib import contextmanager
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from campaigns import auditing
from campaigns.auditing import Wanted
from campaigns.cli import account, context, keys, switch, user
from campaigns.db import transaction
from campaigns.vault import Vault
from tests.integration.reporting.seed import SECRET


@pytest.fixture
def outdial(engine, monkeypatch) -> Any:
    """Runs a command and returns what it printed; the exit code is asserted."""

    @contextmanager
    def opened() -> Any:
        yield engine

    monkeypatch.setattr(context, "open_engine", opened)
    monkeypatch.setattr(context, "send_recall", lambda _ids: None)
    monkeypatch.setattr(account, "vault", lambda: Vault(SECRET))
    app = typer.Typer()
    for name, group in (("user", user), ("key", keys), ("account", account), ("switch", switch)):
        app.add_typer(group.app, name=name)
    runner = CliRunner(env={"COLUMNS": "200"})

    def run(*words, code=0) -> Any:
        result = runner.invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output
        return result.output

    return run


def actions(engine) -> Any:
    with transaction(engine) as session:
        found = auditing.read(session, Wanted(actor_kind="cli"), None, 100)
    return [one.action for one in reversed(found)]


def test_users(outdial, engine):
    made = json.loads(outdial("user", "add", "boss", "--role", "admin", "--json"))
    assert made["password"]
    outdial("user", "add", "ada", "--name", "Ada")
    assert outdial("user", "role", "ada", "operator") == "ada is operator now.\n"
    assert outdial("user", "off", "ada") == "ada cannot sign in any more.\n"
    assert outdial("user", "on", "ada") == "ada can sign in again.\n"
    again = json.loads(outdial("user", "reset-password", "boss", "--json"))
    assert again["password"] != made["password"]
    assert "is not signed in" in outdial("user", "sessions", "ada")
    outdial("user", "sign-out", "ada")
    listed = json.loads(outdial("user", "list", "--json"))
    assert [(one["login"], one["role"]) for one in listed] == [
        ("ada", "operator"),
        ("boss", "admin"),
    ]
    assert "There is no user" in outdial("user", "off", "nobody", code=1)
    assert "only administrator" in outdial("user", "off", "boss", code=1)
    assert actions(engine) == [
        *("user.add", "user.add", "user.change", "user.change", "user.change"),
        "user.reset_password",
    ]


def test_keys(outdial, engine):
    made = json.loads(outdial("key", "create", "CRM", "--role", "viewer", "--days", 3, "--json"))
    assert made["role"] == "viewer"
    (listed,) = json.loads(outdial("key", "list", "--json"))
    assert listed["expires_at"] is not None
    outdial("key", "revoke", made["id"])
    assert actions(engine) == ["key.create", "key.revoke"]


def test_accounts_and_the_switch(outdial, engine):
    where = ("--simulator", "--base-url", "http://127.0.0.1:1", "--project-id", "p")
    number = ("--caller-id", "+12125550100")
    outdial("account", "add", "sim", *where, *number, "--api-token", "t")
    assert "no provider" in outdial(
        "account", "add", "x", "--base-url", "https://example.org", "--project-id", "p",
        *number, "--api-token", "t", code=1,
    )  # fmt: skip
    assert json.loads(outdial("account", "change", "sim", "--cps", 2, "--json"))["cps"] == 2
    outdial("account", "add-caller-id", "sim", "+12125550101")
    outdial("account", "remove-caller-id", "sim", "+12125550101")
    assert "does not answer" in outdial("account", "check", "sim", code=1)
    outdial("account", "off", "sim", "--why", "moved")
    outdial("account", "resume", "sim")
    outdial("switch", "off")
    outdial("switch", "on")
    assert actions(engine) == [
        "account.add",
        "account.change",
        "account.add_caller_id",
        "account.remove_caller_id",
        "account.off",
        "account.resume",
        "dialling.switch_off",
        "dialling.switch_on",
    ]
