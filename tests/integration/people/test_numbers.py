"""A telephone number meets nobody who may not see it: no viewer, no log."""

import io
import json
import logging
import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from campaigns import logs
from campaigns.access import CLI, Role
from campaigns.db import database_now, transaction
from campaigns.opting_out import opt_out
from campaigns.store import dispatch
from campaigns.store.opt_outs import NewOptOut
from tests.integration.people.asking import ask, run
from tests.integration.people.test_roles import known
from tests.integration.reporting.seed import (
    NOW,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_response,
)

CANARY = "+12025550142"
# However it is written: with and without its plus, in groups, as a part of an address.
WRITTEN = re.compile(r"555[\s().-]*0142|2025550142")
SPELLINGS = {
    "phone": "(202) 555-0142",
    "other": "202.555.0142",
    "note": "call 2025550142 or +1 202 555 0142",
    "name": "Ada Lovelace",
}
# Ids of the rows below; everything is the first of its kind.
IDS = {"name": "sim", "number": CANARY, "token": "x", "provider": "signalwire", "digit": "1"}


@pytest.fixture
def called(engine) -> Any:
    """A person with the canary's number who was called, pressed a key, and is written about."""
    with transaction(engine) as session:
        now = database_now(session)
        make_account(session)
        campaign = make_campaign(session)
        person = make_recipient(session, campaign, 1, numbers=[CANARY], fields=SPELLINGS)
        attempt = make_attempt(session, person, doubt_reason=f"no answer about {CANARY}")
        make_attempt(session, person, "in_progress", in_doubt_at=NOW, answered_at=NOW)
        make_response(session, attempt, "1", "confirm")
        dispatch.write_log(session, f"{CANARY} was called.", now, campaign_id=campaign)
        dispatch.write_log(session, f"{CANARY} was called.", now, account_id=1)
        opt_out(session, [NewOptOut(CANARY, evidence=f"letter about {CANARY}")], "cli", CLI, now)
    return campaign


def filled(path: str) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: IDS.get(found[1], "1"), path)


def ask_everything(app, headers) -> Any:
    """Every address that is read, whole, and where it was."""

    async def read() -> Any:
        return [
            (one.path, await ask(app, "GET", filled(one.path), headers, whole=True))
            for one in known(app)
            if one.method == "GET"
        ]

    return run(app, read)


@pytest.mark.parametrize("kind", ["person", "program"])
def test_a_viewer_sees_no_number_in_full_anywhere(app, visitors, called, kind):
    headers = getattr(visitors, kind)(Role.VIEWER)
    leaks, seen = [], 0
    for path, answer in ask_everything(app, headers):
        body = answer.body.decode("utf-8", "replace")
        seen += "•••" in body or "\\u2022" in body
        at = WRITTEN.search(body)
        if at is not None:
            leaks.append(f"{path}: ...{body[max(at.start() - 60, 0) : at.end()]}")
    assert not leaks, "\n".join(leaks)
    assert seen >= 3, "the canary was nowhere, so nothing was proved"


def test_an_operator_sees_it(app, visitors, called):
    found = [
        path
        for path, answer in ask_everything(app, visitors.person(Role.OPERATOR))
        if WRITTEN.search(answer.body.decode("utf-8", "replace"))
    ]
    assert "/api/v1/recipients/{recipient_id}" in found
    assert "/api/v1/campaigns/{campaign_id}/recipients" in found
    assert "/recipients/{recipient_id:int}" in found


# --- logs ------------------------------------------------------------------------------------


@pytest.fixture
def logged(monkeypatch) -> Any:
    """All that this process logs, as it would be written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("DEBUG", "web")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_no_request_leaves_a_number_in_the_log(app, visitors, called, logged, engine):
    bodies = [
        ("POST", "/api/v1/opt-outs", {"number": CANARY}),
        ("POST", "/api/v1/opt-outs", {"number": f"{CANARY}00000000"}),
        ("POST", "/api/v1/test-calls", {"account": "sim", "to": CANARY, "text": "Hi."}),
        ("POST", "/api/v1/test-calls", {"account": CANARY, "to": "x", "text": "Hi."}),
        ("POST", "/api/v1/campaigns", {"name": CANARY}),
        ("PATCH", "/api/v1/accounts/sim", {"base_url": CANARY}),
        ("GET", f"/api/v1/opt-outs/numbers/{CANARY}", None),
        ("GET", f"/opt-outs?search={CANARY}", None),
        ("GET", f"/recipients?search={CANARY}", None),
        ("GET", f"/nowhere/{CANARY}", None),
        ("POST", f"/hooks/signalwire/{CANARY}", {"to": CANARY}),
        ("GET", f"/flows/{CANARY}", None),
    ]

    async def knock() -> Any:
        for method, path, body in bodies:
            headers = visitors.program(Role.ADMIN) | {"content-type": "application/json"}
            sent = json.dumps(body).encode() if body is not None else b""
            await ask(app, method, path.replace("+", "%2B"), headers, body=sent, whole=True)

    run(app, knock)
    with transaction(engine) as session, pytest.raises(DataError) as fault:
        session.execute(text("SELECT CAST(:number AS integer)"), {"number": f"{CANARY} x"})
    log = logging.getLogger("campaigns.web")
    log.error("a fault about %s", CANARY, exc_info=fault.value)
    log.warning("dialled %s", {"to": CANARY})
    logging.getLogger("uvicorn.error").error("Exception for %s", f"/x?n={CANARY}")
    written = logged.getvalue()
    assert "a fault about" in written
    assert [line for line in written.splitlines() if WRITTEN.search(line)] == []


def test_a_fault_while_answering_leaves_no_number_in_the_log(app, visitors, logged, monkeypatch):
    def broken(*_args, **_more) -> Any:
        raise RuntimeError(f"it broke at {CANARY}")

    monkeypatch.setattr("campaigns.reporting.recipient_history", broken)

    async def knock() -> Any:
        headers = visitors.program(Role.ADMIN)
        return await ask(app, "GET", "/api/v1/recipients/1", headers, whole=True)

    answer = run(app, knock)
    assert answer.status == 500
    assert not WRITTEN.search(answer.body.decode())
    assert not WRITTEN.search(logged.getvalue())
