"""Opt-outs over the API: prefixes, ends, looked for, taken in and out, undone."""

import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns.db import transaction
from tests.integration.api.test_api_errors import check_problem
from tests.integration.reporting.seed import make_attempt, make_recipient
from tests.integration.reporting.served import make_client

URL = "/api/v1/opt-outs"
NUMBER = "+12125550143"


def add(client: TestClient, *numbers: str, **more: Any) -> dict[str, Any]:
    answer = client.post(URL, json={"numbers": list(numbers), **more})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def listed(client: TestClient, **query: str) -> list[str]:
    return [one["number"] for one in client.get(URL, params=query).json()["items"]]


def test_a_prefix_takes_back_the_calls_to_all_that_begin_so(app, client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 60, status="in_flight")
        ringing = make_attempt(session, recipient, "ringing")
    assert add(client, "+1 212-555*") == {"numbers": ["+1212555*"], "recorded": 1, "recalled": 1}
    assert app.state.hints.recalled == [[ringing]]
    (one,) = client.get(URL).json()["items"]
    assert (one["number"], one["prefix"], one["state"]) == ("+1212555*", True, "live")
    assert (one["who"], one["source"]) == ("tests", "api")


def test_an_end_is_ahead_and_has_an_offset(client):
    for bad in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00"):
        check_problem(client.post(URL, json={"number": NUMBER, "expires_at": bad}), 422)
    assert listed(client) == []
    add(client, NUMBER, expires_at="2099-01-01T00:00:00Z")
    assert client.get(URL).json()["items"][0]["expires_at"].startswith("2099-01-01")


def test_it_may_hold_for_one_campaign(client, running):
    check_problem(client.post(URL, json={"number": NUMBER, "campaign_id": 99}), 404)
    add(client, NUMBER, campaign_id=running)
    told = client.get(f"{URL}/numbers/{NUMBER}").json()
    assert (told["opted_out"], told["somewhere"]) == (False, True)
    assert told["history"][0]["campaign_id"] == running


def test_looking_for_opt_outs(client):
    add(client, NUMBER, "+12135550143", source="verbal")
    add(client, "+1212*")
    assert listed(client, search="(212) 555-0143") == ["+1212*", NUMBER]
    assert listed(client, search="0143") == [NUMBER, "+12135550143"]
    assert listed(client, source="verbal") == [NUMBER, "+12135550143"]
    assert listed(client, newest_first="true")[0] == "+1212*"
    check_problem(client.get(URL, params={"search": "Ada"}), 422)
    check_problem(client.get(URL, params={"after": "999"}), 422)


def test_undone_with_a_reason_and_never_silently(client, engine, running):
    with transaction(engine) as session:
        blocked = make_recipient(session, running, 60, status="blocked", reason="opted out")
    add(client, "+12125550160", evidence="a letter")
    detail = client.get(f"{URL}/1").json()
    assert (detail["blocked_people"], len(detail["history"])) == (1, 1)
    check_problem(client.post(f"{URL}/1/lift", json={"why": " "}), 422)
    check_problem(client.post(f"{URL}/2/lift", json={"why": "x"}), 404)
    done = client.post(f"{URL}/1/lift", json={"why": "wrote again", "put_back": True}).json()
    assert (done["put_back"], done["opt_out"]["state"]) == (1, "lifted")
    assert (done["opt_out"]["lifted_by"], done["opt_out"]["lifted_why"]) == ("tests", "wrote again")
    check_problem(client.post(f"{URL}/1/lift", json={"why": "x"}), 409)
    assert listed(client) == []
    assert listed(client, state="lifted") == ["+12125550160"]
    with transaction(engine) as session:
        status = session.execute(
            text("SELECT status FROM recipients WHERE id = :id"), {"id": blocked}
        ).scalar_one()
    assert status == "pending"


def test_an_operator_may_add_but_not_undo_and_a_viewer_sees_no_number(app, client):
    operator, viewer = (make_client(app, role=role) for role in ("operator", "viewer"))
    add(operator, NUMBER)
    check_problem(operator.post(f"{URL}/1/lift", json={"why": "x"}), 403)
    check_problem(viewer.post(URL, json={"number": NUMBER}), 403)
    check_problem(viewer.get(f"{URL}/export.csv"), 403)
    for path in (URL, f"{URL}/1", f"{URL}/numbers/{NUMBER}"):
        assert NUMBER not in viewer.get(path).text
        assert NUMBER in operator.get(path).text


def test_a_file_is_taken_in_and_out_again(client):
    body = f"phone,reason\n{NUMBER},a letter\nnobody,\n+12125550144,\n"
    answer = client.post(
        f"{URL}/imports?evidence=list",
        content=body.encode(),
        headers={"Content-Type": "text/csv"},
    ).json()
    assert (answer["recorded"], answer["already"], answer["unreadable_count"]) == (2, 0, 1)
    assert answer["unreadable"][0]["line"] == 3
    files = {"file": ("mine.txt", b"+12125550145\n", "text/plain")}
    assert client.post(f"{URL}/imports", files=files).json()["recorded"] == 1
    rows = list(csv.DictReader(io.StringIO(client.get(f"{URL}/export.csv").text)))
    assert [row["evidence"] for row in rows] == ["a letter", "list", "mine.txt"]
    lines = client.get(f"{URL}/export.ndjson").text.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [f"+1212555014{n}" for n in (3, 4, 5)]


@pytest.mark.parametrize(
    ("query", "body", "kind", "status"),
    [
        ("", b"", "text/csv", 422),
        ("", b"x", "application/json", 415),
        ("", b"name,town\nAda,London\n", "text/csv", 422),
        ("", b"x" * 1_100_000, "text/csv", 413),
        ("?campaign_id=99", b"+12125550143\n", "text/csv", 404),
        ("?expires_at=2020-01-01T00:00:00Z", b"+12125550143\n", "text/csv", 422),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(client, query, body, kind, status):
    answer = client.post(f"{URL}/imports{query}", content=body, headers={"Content-Type": kind})
    check_problem(answer, status)
    assert listed(client) == []
