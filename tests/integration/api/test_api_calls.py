"""Opt-outs, flows and test calls over the API."""

from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns.db import transaction
from campaigns.models import Recipient
from tests.integration.api.test_api_errors import check_problem
from tests.integration.reporting.seed import make_account, make_attempt, make_recipient


def test_one_number_opts_out_once(client):
    for new, evidence in ((1, "first letter"), (0, "second letter")):
        answer = client.post(
            "/api/v1/opt-outs", json={"number": "(212) 555-0123", "evidence": evidence}
        )
        assert answer.status_code == 201
        assert answer.json() == {"numbers": ["+12125550123"], "recorded": new, "recalled": 0}
    items = client.get("/api/v1/opt-outs").json()["items"]
    assert [(one["number"], one["source"], one["evidence"]) for one in items] == [
        ("+12125550123", "api", "first letter")
    ]


def test_many_numbers_go_on_by_key(client):
    numbers = [f"+1212555{n:04d}" for n in range(100, 105)]
    assert client.post("/api/v1/opt-outs", json={"numbers": numbers}).status_code == 201
    first = client.get("/api/v1/opt-outs?limit=3").json()
    rest = client.get("/api/v1/opt-outs", params={"limit": 3, "after": first["next"]}).json()
    assert [one["number"] for one in first["items"] + rest["items"]] == numbers
    assert rest["next"] is None


def test_one_bad_number_and_none_is_recorded(client):
    body = {"numbers": ["+12125550123", "hello", "911"]}
    detail = check_problem(client.post("/api/v1/opt-outs", json=body), 422)
    assert "2 of 3" in detail
    assert "hello" in detail
    assert client.get("/api/v1/opt-outs").json()["items"] == []
    check_problem(client.post("/api/v1/opt-outs", json={}), 422)
    check_problem(client.post("/api/v1/opt-outs", json={"numbers": ["1"] * 501}), 422)
    check_problem(client.post("/api/v1/opt-outs", json={"number": "1", "country": "XX"}), 422)


def test_an_opt_out_takes_back_the_call_that_rings(app, client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 60, status="in_flight")
        ringing = make_attempt(session, recipient, "ringing")
    answer = client.post("/api/v1/opt-outs", json={"number": "+12125550160"})
    assert answer.json()["recalled"] == 1
    assert app.state.hints.recalled == [[ringing]]


def test_builtin_flows_can_be_previewed_as_they_are(client):
    for builtin in client.get("/api/v1/flows").json()["items"]:
        fields = dict.fromkeys(builtin["columns"], "Ada")
        body = {"flow": builtin["flow"], "fields": fields}
        heard = client.post("/api/v1/flows/preview", json=body)
        assert heard.status_code == 200, heard.text
        assert any("Ada" in sentence for sentence in heard.json()["human"])
        assert heard.json()["keys"]["9"] == ["You will not be called again.", "Goodbye."]


def test_a_flow_that_cannot_be_used_is_refused(client):
    check_problem(client.post("/api/v1/flows/preview", json={"flow": {"kind": "poem"}}), 422)


def place(client: TestClient, **over: Any) -> Response:
    body = {"account": "sim", "to": "+12125550190", "text": "This is a test.", **over}
    return client.post("/api/v1/test-calls", json=body)


def test_a_test_call_is_one_due_recipient_of_a_running_campaign(client, engine, running):
    answer = place(client, to="(212) 555-0190")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["campaign"]["kind"], made["campaign"]["status"]) == ("test", "running")
    assert made["campaign"]["retry_policy"]["max_attempts"] == 1
    with transaction(engine) as session:
        row = session.get_one(Recipient, made["recipient_id"])
        assert (row.numbers, row.status) == (["+12125550190"], "pending")
        assert row.zone_key is not None
        due = session.execute(text("SELECT :at <= now()"), {"at": row.next_attempt_at})
        assert due.scalar_one()


def test_a_number_that_opted_out_is_not_called_for_a_test(client, running):
    client.post("/api/v1/opt-outs", json={"number": "+12125550190"})
    assert "opted out" in check_problem(place(client), 409)
    kinds = [one["kind"] for one in client.get("/api/v1/campaigns").json()["items"]]
    assert kinds == ["announcement"]


def test_a_live_account_does_not_dial_fiction(client, engine, running):
    with transaction(engine) as session:
        make_account(session, "real", base_url="https://example.signalwire.com", live=True)
    assert "fiction" in check_problem(place(client, account="real"), 409)


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"account": "nobody"}, 404),
        ({"to": "hello"}, 422),
        ({"to": "+18005550190"}, 422),
        ({"text": None}, 422),
        ({"text": ""}, 422),
        ({"flow": {"kind": "announcement", "message": "x"}}, 422),
    ],
)
def test_a_test_call_that_cannot_be_placed_is_refused(client, running, over, status):
    check_problem(place(client, **over), status)


def test_a_test_call_takes_a_whole_flow(client, running):
    answer = place(client, text=None, flow={"kind": "announcement", "message": "A flow."})
    assert answer.json()["campaign"]["flow"]["message"] == "A flow."
