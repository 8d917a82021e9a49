"""The data commands over a test's database."""

import json
from contextlib import contextmanager

import pytest
import typer
from typer.testing import CliRunner

from campaigns.cli import (
    account,
    campaign,
    consent,
    context,
    importing,
    keys,
    optout,
    recipient,
    test_call,
    why,
)
from campaigns.cli.output import Command
from campaigns.vault import Vault
from tests.integration.reporting.seed import SECRET


def whole_command_line() -> typer.Typer:
    """The groups as they are put together."""
    app = typer.Typer()
    app.add_typer(campaign.app, name="campaign")
    app.add_typer(recipient.app, name="recipient")
    app.add_typer(account.app, name="account")
    app.add_typer(optout.app, name="optout")
    app.add_typer(consent.app, name="consent")
    app.command("why", cls=Command)(why.why)
    app.command("evidence", cls=Command)(why.evidence)
    app.add_typer(keys.app, name="key")
    app.add_typer(importing.app)
    app.add_typer(test_call.app)
    return app


@pytest.fixture
def recalled(monkeypatch) -> list[list[int]]:
    """What commands asked the workers to take back."""
    found: list[list[int]] = []
    monkeypatch.setattr(context, "send_recall", lambda ids: found.append(list(ids)))
    return found


@pytest.fixture
def outdial(engine, monkeypatch, recalled):
    """Runs a command and returns its result; `exit_code` is asserted."""

    @contextmanager
    def opened():
        yield engine

    monkeypatch.setattr(context, "open_engine", opened)
    monkeypatch.setattr(account, "vault", lambda: Vault(SECRET))
    runner = CliRunner(env={"COLUMNS": "200"})  # wide enough that no sentence is broken

    def run(*words, code=0):
        result = runner.invoke(whole_command_line(), [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def as_json(outdial):
    """Runs a command with --json: all of stdout is one JSON value."""

    def run(*words, code=0):
        return json.loads(outdial(*words, "--json", code=code).stdout)

    return run
