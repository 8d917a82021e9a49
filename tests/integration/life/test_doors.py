"""Every verb on a campaign of every status, through every door: API, pages, command line.

What is legal works; what is not changes nothing and says what is legal now.
"""

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from sqlalchemy import Engine
from starlette.testclient import TestClient
from typer.testing import CliRunner

from campaigns.cli import campaign as commands
from campaigns.cli import context
from campaigns.flows.builtin import announcement_flow
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Account
from tests.factories import make_campaign, make_flow, make_recipient
from tests.integration.core.conftest import Bench
from tests.integration.reporting.served import make_app, make_browser, make_client

ACTIVE, OVER = {"scheduled", "running", "paused"}, {"completed", "stopped"}


class Verb(NamedTuple):
    """One verb: from which statuses it is legal, what the campaign is then, and how it is asked."""

    legal: set[str]
    then: str | None  # None: as it was
    api: tuple[str, str, Any]
    page: tuple[str, dict[str, str]]
    cli: Sequence[str]


CAP = "3 in 24h to a number"
VERBS = {
    "start": Verb(
        {"draft", "scheduled"}, "running", ("POST", "start", None), ("setup/review", {}), ("start",)
    ),
    "pause": Verb({"running"}, "paused", ("POST", "pause", None), ("pause", {}), ("pause",)),
    "resume": Verb({"paused"}, "running", ("POST", "resume", None), ("resume", {}), ("resume",)),
    "stop": Verb({"draft", *ACTIVE}, "stopped", ("POST", "stop", None), ("stop", {}), ("stop",)),
    "archive": Verb(OVER, None, ("POST", "archive", None), ("archive", {}), ("archive",)),
    "pace": Verb(
        ACTIVE,
        None,
        ("PATCH", "pace", {"max_cps": 1}),
        ("pace", {"max_cps": "1"}),
        ("pace", "1"),
    ),
    "hours": Verb(
        ACTIVE,
        None,
        ("PATCH", "hours", {"windows": "daily 08:00-20:00"}),
        ("hours", {"windows": "daily 08:00-20:00"}),
        ("change", "--windows", "daily 08:00-20:00"),
    ),
    "household": Verb(
        ACTIVE,
        None,
        ("PATCH", "trying", {"household": "merge"}),
        ("trying", {"household": "merge"}),
        ("change", "--household", "merge"),
    ),
    "caps": Verb(
        ACTIVE,
        None,
        ("PATCH", "trying", {"caps": [CAP]}),
        ("trying", {"caps": CAP}),
        ("change", "--cap", CAP),
    ),
    "clone": Verb(
        {"draft", *ACTIVE, *OVER}, None, ("POST", "clone", None), ("clone", {}), ("clone",)
    ),
    "redial": Verb({*ACTIVE, *OVER}, None, ("POST", "redial", None), ("redial", {}), ("redial",)),
}
SAYS_WHAT_IS_LEGAL = (
    *("it can become", "Edit the draft instead", "Clone it to call again", "stop it first"),
    *("Start it instead", "Start it first", "no longer set up here"),
)


class Answer(NamedTuple):
    """Whether a door did it, and what it said."""

    done: bool
    said: str


Door = Callable[[Verb, int], Answer]


def _api(client: TestClient) -> Door:
    def ask(verb: Verb, campaign_id: int) -> Answer:
        method, path, body = verb.api
        answer = client.request(method, f"/api/v1/campaigns/{campaign_id}/{path}", json=body)
        if answer.is_success:
            return Answer(True, answer.text)
        assert answer.status_code == 409, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return Answer(False, answer.json()["detail"])

    return ask


def _page(browser: TestClient) -> Door:
    def ask(verb: Verb, campaign_id: int) -> Answer:
        path, form = verb.page
        answer = browser.post(f"/campaigns/{campaign_id}/{path}", data=form)
        if answer.status_code != 303:
            assert answer.status_code == 409, answer.text
            return Answer(False, html.unescape(answer.text))
        shown = html.unescape(browser.get(answer.headers["location"]).text)
        return Answer("no longer set up here" not in shown, shown)

    return ask


def _command(runner: CliRunner, app: typer.Typer) -> Door:
    def ask(verb: Verb, campaign_id: int) -> Answer:
        name, *more = verb.cli
        result = runner.invoke(app, [name, str(campaign_id), *more])
        if result.exit_code == 0:
            return Answer(True, result.stdout)
        assert result.exit_code == 1, result.output
        return Answer(False, result.stderr)

    return ask


@pytest.fixture(params=["API", "page", "command"])
def door(
    request: pytest.FixtureRequest,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Door]:
    if request.param == "command":

        @contextmanager
        def opened() -> Iterator[Engine]:
            yield engine

        monkeypatch.setattr(context, "open_engine", opened)
        monkeypatch.setattr(context, "send_recall", lambda ids: None)
        yield _command(CliRunner(env={"COLUMNS": "200"}), commands.app)
        return
    app = make_app(engine, tmp_path)
    if request.param == "API":
        yield _api(make_client(app, role="operator"))
    else:
        yield _page(make_browser(app))


def test_every_verb_through_every_door(
    bench: Bench, account: Account, door: Door, request: pytest.FixtureRequest
) -> None:
    on_page, wrong = "page" in request.node.name, []
    flow = bench.run(make_flow, announcement_flow("Hello.")).id
    for name, verb in VERBS.items():
        legal = {"draft"} if name == "start" and on_page else verb.legal
        for status in CampaignStatus:
            campaign = bench.run(make_campaign, account, status=status.value, flow_id=flow)
            bench.run(make_recipient, campaign)
            bench.run(make_recipient, campaign, status="exhausted")
            before = bench.rows("SELECT * FROM campaigns WHERE id = :id", id=campaign.id)
            said = bench.value("SELECT count(*) FROM campaign_log")
            answer = door(verb, campaign.id)
            (now,) = bench.rows("SELECT * FROM campaigns WHERE id = :id", id=campaign.id)
            told = bench.value("SELECT count(*) FROM campaign_log") > said
            if status.value in legal:
                right = answer.done and told and now.status == (verb.then or status.value)
            else:
                named = any(words in answer.said for words in SAYS_WHAT_IS_LEGAL)
                names = named and status.value in answer.said
                right = not answer.done and names and not told and [now] == before
            if not right:
                wrong.append(
                    f"{name} of {status}: {answer.done}, {now.status}: {answer.said[-300:]}"
                )
    assert not wrong, "\n".join(wrong)
