"""What somebody who is let in must still not learn, keep or use up."""

import dataclasses
import io
import json
import logging
from typing import Any

import anyio
import pytest
from sqlalchemy import select, text

from campaigns import api_keys, logs
from campaigns.access import CLI, Actor, Role
from campaigns.api_keys import CreatedKey
from campaigns.db import database_now, transaction
from campaigns.models import AuditEntry, Import, User
from campaigns.notifying.endpoints import CreatedEndpoint
from campaigns.operating.accounts import AccountChange
from campaigns.opting_out import opt_out
from campaigns.provisioning import NewAccount
from campaigns.signing_in import Browser
from campaigns.store import dispatch
from campaigns.store.opt_outs import NewOptOut
from campaigns.store.outgoing import ClaimedDelivery
from campaigns.users import GivenPassword
from campaigns.web import live
from campaigns.web.auth import SECURE_SESSION_COOKIE, SESSION_COOKIE, Viewer
from tests.integration.people.asking import ask, run, scope_of
from tests.integration.people.test_numbers import ask_everything
from tests.integration.reporting.seed import (
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)
from tests.integration.reporting.served import make_browser, make_client

NUMBER = "+12025550142"
ONCE = {"Idempotency-Key": "the-same-key"}


@pytest.fixture
def campaign(engine) -> Any:
    """A campaign with one person, who has opted out too."""
    with transaction(engine) as session:
        now = database_now(session)
        make_account(session)
        made = make_campaign(session)
        make_recipient(session, made, 1, numbers=[NUMBER], fields={"name": "Ada Lovelace"})
        opt_out(session, [NewOptOut(NUMBER, evidence="a letter")], "cli", CLI, now)
    return int(made)


# --- idempotency -----------------------------------------------------------------------------


def test_a_key_of_one_browser_does_not_replay_the_answer_of_another(app, engine, campaign):
    flow = {"text": "Hello."}
    asked = {"name": "Mine", "kind": "announcement", "account": "sim", "message": flow["text"]}
    first, second = make_browser(app, role="operator"), make_browser(app, role="admin")
    answers = [
        one.post("/api/v1/campaigns", json=asked, headers=ONCE) for one in (first, second, second)
    ]
    assert [one.status_code for one in answers] == [201, 201, 201]
    assert ["idempotency-replayed" in one.headers for one in answers] == [False, False, True]
    assert answers[0].json()["id"] != answers[1].json()["id"] == answers[2].json()["id"]


def test_a_revoked_key_is_not_told_again_what_it_was_told(app, engine, campaign):
    program = make_client(app, role="operator")
    asked = {"name": "Mine", "kind": "announcement", "account": "sim", "message": "Hello."}
    assert program.post("/api/v1/campaigns", json=asked, headers=ONCE).status_code == 201
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_keys SET revoked_at = now()"))
    assert program.post("/api/v1/campaigns", json=asked, headers=ONCE).status_code == 401


def test_no_secret_of_a_page_is_kept_to_be_told_again(app, engine):
    admin = make_browser(app, role="admin")
    pages = {
        "/keys/new": {"name": "CRM", "role": "viewer", "days": "30"},
        "/users/new": {"login": "ada.lovelace", "name": "Ada Lovelace", "role": "viewer"},
    }
    for path, form in pages.items():
        assert admin.post(path, data=form, headers=ONCE).status_code == 200
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM idempotent_requests")).scalar_one()
    assert kept == 0


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sought", [NUMBER, "0142", "25550142", "Ada 0142", "+1 (202) 555-0142"])
def test_a_viewer_finds_nobody_by_a_number(app, campaign, sought):
    viewer, operator = make_browser(app, role="viewer"), make_browser(app)
    for path in ("/recipients", f"/campaigns/{campaign}/recipients"):
        answer = viewer.get(path, params={"q": sought})
        assert "Ada Lovelace" not in answer.text
        assert "no telephone numbers" in answer.text
    if "Ada" not in sought:
        assert "Ada Lovelace" in operator.get("/recipients", params={"q": sought}).text
    assert "Ada Lovelace" in viewer.get("/recipients", params={"q": "Ada"}).text


@pytest.mark.parametrize("sought", [NUMBER, "+1202555*", "142", "+12025"])
def test_a_viewer_finds_no_opt_out_by_a_number(app, campaign, sought):
    browser, program = make_browser(app, role="viewer"), make_client(app, role="viewer")
    page = browser.get("/opt-outs", params={"q": sought})
    assert "/opt-outs/1" not in page.text
    assert "no telephone numbers" in page.text
    assert program.get("/api/v1/opt-outs", params={"search": sought}).status_code == 403
    assert program.get(f"/api/v1/opt-outs/numbers/{NUMBER}").status_code == 403
    assert program.get("/api/v1/opt-outs").json()["items"]
    assert "/opt-outs/1" in browser.get("/opt-outs").text
    found = make_client(app, role="operator").get("/api/v1/opt-outs", params={"search": sought})
    assert found.json()["items"]


def test_a_list_whose_columns_are_numbers_shows_a_viewer_none(app, engine, campaign):
    """A first row that was taken for the headings gives the columns their names."""
    with transaction(engine) as session:
        session.add(
            Import(
                campaign_id=campaign,
                file_name=f"people of {NUMBER}.csv",
                file_sha256="0" * 64,
                bytes_total=1,
                status="failed",
                error=f"The column {NUMBER} is there twice.",
                options={"number_columns": [NUMBER]},
                mapping={NUMBER: "number"},
            )
        )
    viewer = make_client(app, role="viewer")
    for path in ("/api/v1/imports", "/api/v1/imports/1", "/imports"):
        answer = viewer.get(path)
        assert answer.status_code == 200
        assert NUMBER not in answer.text
        assert "+1202" in answer.text, "it was not there at all, so nothing was proved"
    assert NUMBER in make_client(app, role="operator").get("/api/v1/imports/1").text


# --- what others have written ----------------------------------------------------------------


def test_no_text_of_anybody_becomes_a_part_of_a_page(app, engine, visitors):
    evil = "\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"
    with transaction(engine) as session:
        now = database_now(session)
        make_account(session)
        made = make_campaign(session, name=evil)
        person = make_recipient(
            session, made, 1, numbers=[NUMBER], fields={"name": evil, evil: evil}
        )
        make_attempt(session, person, "in_progress", in_doubt_at=now, doubt_reason=evil)
        dispatch.write_log(session, evil, now, campaign_id=made)
        opt_out(session, [NewOptOut("+12025550143", evidence=evil)], "cli", CLI, now)
        api_keys.create_key(session, evil, actor=Actor("user", evil, Role.ADMIN, 1))
        session.add(User(login="evil", name=evil, role="viewer", password_hash="none"))
        session.add(
            Import(
                campaign_id=made,
                file_name=f"{evil}.csv",
                file_sha256="0" * 64,
                bytes_total=1,
                status="failed",
                error=evil,
                options={},
            )
        )
    pages = [
        (path, answer.body.decode())
        for path, answer in ask_everything(app, visitors.person(Role.ADMIN))
        if answer.headers.get("content-type", "").startswith("text/html")
    ]
    assert [path for path, page in pages if "<img src=x" in page] == []
    written = {path for path, page in pages if "&lt;img src=x" in page}
    assert written >= {
        *("/", "/campaigns", "/campaigns/{campaign_id:int}/log", "/recipients/{recipient_id:int}"),
        *("/opt-outs", "/imports", "/users", "/keys", "/audit", "/doubt"),
        "/campaigns/{campaign_id:int}/recipients",
    }


# --- sessions and logs -----------------------------------------------------------------------


def test_over_tls_no_other_host_can_slip_a_browser_its_session(app, visitors):
    """Another host of the same domain may set cookies, but none with the prefix `__Host-`."""
    headers = visitors.person(Role.VIEWER)
    secured = headers | {"cookie": headers["cookie"].replace(SESSION_COOKIE, SECURE_SESSION_COOKIE)}

    async def look(given: dict[str, str], proto: str) -> int:
        return (await ask(app, "GET", "/me", given | {"x-forwarded-proto": proto})).status

    assert anyio.run(look, headers, "http") == 200
    assert anyio.run(look, secured, "https") == 200
    assert anyio.run(look, headers, "https") == 303


@pytest.mark.parametrize(
    "secret",
    [
        "odk_Zm9vYmFyYmF6cXV4cXV1eA-_0",
        "whsec_Zm9vYmFyYmF6cXV4cXV1eA==",
        "/audio/Zm9vYmFyYmF6.cXV4.wav",
        "POST /opt-outs/import?csrf=Zm9vYmFyYmF6cXV4",
    ],
)
def test_no_secret_stands_in_a_log(secret, monkeypatch):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    try:
        logs.configure("INFO", "web")
        logging.getLogger("campaigns.web").warning("refused %s", secret)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "refused" in json.loads(stream.getvalue())["event"]
    assert "Zm9v" not in stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (CreatedKey, {"token"}),
        (GivenPassword, {"password"}),
        (Browser, {"token"}),
        (Viewer, {"csrf"}),
        (NewAccount, {"api_token", "signing_key"}),
        (AccountChange, {"api_token", "signing_key"}),
        (CreatedEndpoint, {"secret"}),
        (ClaimedDelivery, {"secret", "old_secret"}),
    ],
)
def test_what_holds_a_secret_does_not_print_it(kind, names):
    assert {one.name for one in dataclasses.fields(kind) if not one.repr} == names


# --- streams ---------------------------------------------------------------------------------


def test_one_person_cannot_take_every_stream(app, visitors, monkeypatch):
    monkeypatch.setitem(live.MOST_STREAMS, "user", 2)
    headers, other = visitors.person(Role.VIEWER), visitors.person(Role.OPERATOR)

    async def watch() -> Any:
        async with anyio.create_task_group() as tasks:
            opened: list[anyio.Event] = [anyio.Event(), anyio.Event()]

            async def hold(one: anyio.Event) -> None:
                async def send(message: Any) -> None:
                    if message["type"] == "http.response.body":
                        one.set()

                await app(scope_of("GET", "/live/overview", headers), anyio.sleep_forever, send)

            for one in opened:
                tasks.start_soon(hold, one)
            for one in opened:
                with anyio.fail_after(20):
                    await one.wait()
            refused = await ask(app, "GET", "/live/overview", headers)
            let_in = await ask(app, "GET", "/live/overview", other)
            tasks.cancel_scope.cancel()
        again = await ask(app, "GET", "/live/overview", headers)
        return refused.status, let_in.status, again.status

    assert run(app, watch) == (429, 200, 200)


# --- the audit log ---------------------------------------------------------------------------


def actions(engine) -> list[str]:
    with transaction(engine) as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_an_import_over_the_api_is_in_the_audit_log(app, engine, campaign):
    program = make_client(app, role="operator")
    before = len(actions(engine))
    body = b"phone,name\n+12025550143,Bea\n"

    def send(confirm: bool) -> Any:
        return program.post(
            f"/api/v1/imports?campaign_id={campaign}&confirm={confirm}",
            content=body,
            headers={"content-type": "text/csv"},
        )

    made = send(confirm=False).json()["id"]
    send(confirm=False)  # known: nothing happens
    assert program.post(f"/api/v1/imports/{made}/discard").status_code == 200
    assert send(confirm=True).status_code == 202
    assert actions(engine)[before:] == ["import.create", "import.discard", "import.create"]


def test_people_pushed_and_test_calls_are_in_the_audit_log(app, engine, campaign):
    program = make_client(app, role="operator")
    before = len(actions(engine))
    people = {"recipients": [{"numbers": ["+12025550144"], "fields": {"name": "Cy"}}]}
    assert program.post(f"/api/v1/campaigns/{campaign}/recipients", json=people).status_code == 201
    placed = {"account": "sim", "to": "+12025550145", "text": "Hi."}
    assert program.post("/api/v1/test-calls", json=placed).status_code == 201
    assert actions(engine)[before:] == ["recipient.push", "test_call.place"]


def test_who_took_numbers_away_in_a_file_is_in_the_audit_log(app, engine, campaign):
    operator, before = make_browser(app), len(actions(engine))
    paths = [
        f"/campaigns/{campaign}/recipients.csv",
        f"/campaigns/{campaign}/recipients.ndjson",
        "/opt-outs/export.csv",
        f"/api/v1/campaigns/{campaign}/recipients.csv",
        f"/api/v1/campaigns/{campaign}/recipients.ndjson",
        f"/api/v1/campaigns/{campaign}/attempts.csv",
        f"/api/v1/campaigns/{campaign}/attempts.ndjson",
        "/api/v1/opt-outs/export.csv",
        "/api/v1/opt-outs/export.ndjson",
    ]
    assert [operator.get(path).status_code for path in paths] == [200] * len(paths)
    told = actions(engine)[before:]
    assert told == [
        *("campaign.export", "campaign.export", "opt_out.export"),
        *("campaign.export",) * 4,
        *("opt_out.export",) * 2,
    ]
