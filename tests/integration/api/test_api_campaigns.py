"""Campaigns over the API: created, started, paused, resumed, stopped, looked at."""

from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns.db import transaction
from campaigns.models import Attempt
from tests.integration.api.test_api_errors import check_problem
from tests.integration.reporting.seed import make_attempt, make_recipient

REMINDER = {
    "name": "Reminders",
    "kind": "reminder",
    "account": "sim",
    "organisation": "Lakeside Clinic",
    "offset": "24h",
    "deadline": "90m",
    "windows": "mon-fri 09:00-17:30",
    "retry_policy": {"max_attempts": 2},
}


def create(client: TestClient, **over: Any) -> Response:
    """Create a reminder campaign."""
    return client.post("/api/v1/campaigns", json={**REMINDER, **over})


def test_a_reminder_is_created_with_all_it_needs(client, running):
    answer = create(client, starts_at="2030-01-01T10:00:00+01:00", date_format="DD/MM/YYYY HH:MM")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["status"] == "draft"
    assert body["reminder"] == {
        "offset": 86400.0,
        "deadline": 5400.0,
        "date_format": "DD/MM/YYYY HH:MM",
    }
    assert body["windows"] == "mon-fri 09:00-17:30"
    assert body["rule_set"] == "practice"
    assert body["starts_at"] == "2030-01-01T09:00:00Z"
    assert body["retry_policy"]["max_attempts"] == 2
    assert body["caller_id"] == "+12125550100"
    assert "Lakeside Clinic" in body["flow"]["message"]


def test_texts_of_its_own_replace_those_of_the_builtin_flow(client, running):
    body = create(
        client, message="Hi {first}.", voicemail="leave_message", voicemail_text="Call back."
    ).json()
    assert body["flow"]["message"] == "Hi {first}."
    assert body["flow"]["voicemail"] == {"policy": "leave_message", "text": "Call back."}
    assert set(body["flow"]["answers"]) == {"1", "2", "3", "9"}


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"organisation": ""}, "organisation"),
        ({"kind": "announcement", "offset": None, "deadline": None}, "message"),
        ({"kind": "announcement", "message": "x"}, "Only a reminder"),
        ({"offset": "soon"}, "length of time"),
        ({"offset": "1h", "deadline": "2h"}, "before its deadline"),
        ({"offset": -5}, "offset"),
        ({"starts_at": "2030-01-01T10:00:00"}, "starts_at"),
        ({"starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}, "end before"),
        ({"windows": "sometimes"}, "day of the week"),
        ({"windows": 7}, "windows"),
        ({"retry_policy": {"max_attempts": 0}}, "max_attempts"),
        ({"retry_policy": {"waits": {"answered_human": [1]}}}, "waits"),
        ({"ring_timeout": 0}, "ring_timeout"),
        ({"weight": 0}, "weight"),
        ({"max_cps": -1}, "max_cps"),
        ({"default_country": "XX"}, "XX"),
        ({"caller_id": "+12125550199"}, "caller id"),
        ({"message": "Hello {name"}, "brace"),
        ({"flow": {"kind": "reminder"}}, "message"),
        ({"rule_set": "wild west"}, "rule set"),
        ({"date_format": "whenever"}, "date format"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(client, running, over, said):
    values = {**REMINDER, **over}
    values = {name: value for name, value in values.items() if value is not None}
    detail = check_problem(client.post("/api/v1/campaigns", json=values), 422)
    assert said in detail
    assert len(client.get("/api/v1/campaigns").json()["items"]) == 1


def test_an_unknown_account_is_404_and_says_which_there_are(client, running):
    assert "sim" in check_problem(create(client, account="nobody"), 404)


def test_the_whole_life_of_a_campaign(client, engine, running):
    campaign = create(client).json()["id"]
    path = f"/api/v1/campaigns/{campaign}"
    assert "no recipients" in check_problem(client.post(f"{path}/start"), 409)
    with transaction(engine) as session:
        make_recipient(session, campaign, 50)
    assert client.post(f"{path}/start").json()["status"] == "running"
    check_problem(client.post(f"{path}/start"), 409)
    assert client.post(f"{path}/pause", json={"why": "lunch"}).json()["status"] == "paused"
    assert client.get(path).json()["sentence"] == "Paused by the API key “tests”: lunch."
    assert client.post(f"{path}/resume").json()["status"] == "running"
    assert client.post(f"{path}/stop").json()["status"] == "stopped"
    assert "final" in check_problem(client.post(f"{path}/resume"), 409)
    log = client.get(f"{path}/log").json()["items"]
    assert [entry["sentence"] for entry in log] == [
        "The campaign was stopped by the API key “tests”: by request.",
        "The campaign was resumed by the API key “tests”.",
        "Nothing had been dialled before the pause. No call had to be recalled.",
        "The campaign was paused by the API key “tests”: lunch.",
        "The campaign was started by the API key “tests”.",
        "The API key “tests” created the campaign, as a draft.",
    ]
    assert client.get("/api/v1/events?limit=2").json()["items"] == log[:2]


def test_a_draft_with_a_start_ahead_is_scheduled(client, engine, running):
    campaign = create(client, starts_at="2190-01-01T10:00:00Z").json()["id"]
    with transaction(engine) as session:
        make_recipient(session, campaign, 50)
    answer = client.post(f"/api/v1/campaigns/{campaign}/start")
    assert answer.json()["status"] == "scheduled"
    told = client.get(f"/api/v1/campaigns/{campaign}").json()["sentence"]
    assert told == "Scheduled. Starts Fri 1 Jan 2190, 10:00 UTC."


def test_stopping_recalls_what_rings_after_the_commit(app, client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 60, status="in_flight")
        ringing = make_attempt(session, recipient, "ringing", provider_call_id="c1")
    assert client.post(f"/api/v1/campaigns/{running}/stop").status_code == 200
    assert app.state.hints.recalled == [[ringing]]
    with transaction(engine) as session:
        assert session.get_one(Attempt, ringing).recall_requested_at is not None


def test_a_refused_stop_recalls_nothing(app, client, engine, running):
    client.post(f"/api/v1/campaigns/{running}/stop")
    check_problem(client.post(f"/api/v1/campaigns/{running}/stop"), 409)
    assert app.state.hints.recalled == []


def test_lists_go_on_by_key(client, engine, running):
    with transaction(engine) as session:
        for n in range(10, 15):
            make_recipient(session, running, n, status="completed" if n % 2 else "pending")
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = client.get(f"/api/v1/campaigns/{running}/recipients?limit=3&after={after}").json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
    assert seen == sorted(set(seen))
    assert len(seen) == 8
    done = client.get(f"/api/v1/campaigns/{running}/recipients?status=completed").json()["items"]
    assert [one["status"] for one in done] == ["completed", "completed"]

    for n in range(3):
        create(client, name=f"c{n}")
    first = client.get("/api/v1/campaigns?limit=2").json()
    second = client.get(f"/api/v1/campaigns?limit=2&after={first['next']}").json()
    names = [one["name"] for one in first["items"] + second["items"]]
    assert names == ["c2", "c1", "c0", "Water is off"]


def test_the_report_and_the_histories_are_served(client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 70, status="exhausted")
        attempt = make_attempt(session, recipient)
        session.execute(
            text(
                "INSERT INTO call_events (attempt_id, source, kind, dedupe_key, event, raw)"
                " VALUES (:id, 'webhook', 'ended', 'k', '{}', 'raw')"
            ),
            {"id": attempt},
        )
    report = client.get(f"/api/v1/campaigns/{running}/report").json()
    assert report["recipients"]["total"] == 4
    assert report["dispositions"]["no_answer"] == 1
    history = client.get(f"/api/v1/recipients/{recipient}").json()
    assert history["numbers"] == ["+12125550170"]
    assert history["attempts"][0]["events"][0]["kind"] == "ended"
    assert client.get(f"/api/v1/attempts/{attempt}").json() == history["attempts"][0]


def test_accounts_never_give_their_secrets_back(client, app):
    body = {
        "name": "clinic",
        "base_url": "https://example.signalwire.com",
        "project_id": "p",
        "api_token": "the-api-token",
        "signing_key": "the-signing-key",
        "caller_ids": ["+12125550100"],
    }
    answer = client.post("/api/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["live"] is True
    listed = client.get("/api/v1/accounts")
    for text_ in (answer.text, listed.text):
        assert "the-api-token" not in text_
        assert "the-signing-key" not in text_
    check_problem(client.post("/api/v1/accounts", json=body), 409)
    refused = client.post("/api/v1/accounts", json={**body, "name": "b", "caller_ids": ["12"]})
    check_problem(refused, 422)
    refused = client.post("/api/v1/accounts", json={**body, "name": "b", "cps": 0})
    assert "the-api-token" not in refused.text


def test_an_account_is_paused_and_resumed(app, client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 60, status="in_flight")
        dialing = make_attempt(session, recipient, "dialing", accepted_at=None)
    paused = client.post("/api/v1/accounts/sim/pause", json={"why": "new contract"}).json()
    assert (paused["status"], paused["live_calls"]) == ("paused", 1)
    assert "new contract" in paused["status_reason"]
    assert app.state.hints.recalled == [[dialing]]
    assert client.post("/api/v1/accounts/sim/resume").json()["status"] == "active"
    check_problem(client.post("/api/v1/accounts/nobody/pause"), 404)


def test_the_document_describes_every_endpoint(client):
    document = client.get("/api/openapi.json").json()
    paths = document["paths"]
    for path in ("/campaigns", "/campaigns/{campaign_id}/report", "/imports", "/opt-outs"):
        assert f"/api/v1{path}" in paths
    for path, verbs in paths.items():
        for verb, described in verbs.items():
            assert described.get("summary"), f"{verb} {path}"
            assert described["security"], f"{verb} {path}"
    draft = document["components"]["schemas"]["CampaignDraft"]
    assert draft["properties"]["windows"]["description"]


def test_pages_are_not_in_the_document(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    assert all(path.startswith("/api/v1/") for path in paths)
