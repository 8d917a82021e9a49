"""The same changes over the API: versions, recalls, refusals, and never a bare number."""

import json
from typing import Any

import pytest

from campaigns.db import database_now, transaction
from campaigns.models import Campaign, Recipient
from tests.integration.reporting.seed import make_attempt, make_recipient, make_running_campaign
from tests.integration.reporting.served import make_app, make_client

CAMPAIGN = "/api/v1/campaigns/1"


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path)


@pytest.fixture
def client(app, engine):
    make_running_campaign(engine)
    return make_client(app, role="operator")


def test_pace_and_hours_of_a_running_campaign_are_patched_by_version(client):
    version = client.get(CAMPAIGN).headers["etag"]
    changed = client.patch(f"{CAMPAIGN}/pace", json={"max_cps": 2}, headers={"If-Match": version})
    assert (changed.status_code, changed.json()["max_cps"]) == (200, 2.0)
    assert changed.headers["etag"] != version
    for part, body in (("pace", {"max_cps": 3}), ("hours", {"windows": "always"})):
        stale = client.patch(f"{CAMPAIGN}/{part}", json=body, headers={"If-Match": version})
        assert stale.status_code == 412
    hours = client.patch(f"{CAMPAIGN}/hours", json={"windows": "mon-fri 09:00-17:30"})
    assert hours.json()["windows"] == "mon-fri 09:00-17:30"
    for part, body in (
        ("pace", {}),
        ("pace", {"max_cps": 0}),
        ("pace", {"max_cps": 99}),
        ("hours", {"windows": "noon"}),
        ("hours", {"ends_at": "2020-01-01T00:00:00Z"}),
        ("hours", {"ends_at": "2099-01-01T00:00:00"}),
        ("hours", {"when": "always"}),
    ):
        assert client.patch(f"{CAMPAIGN}/{part}", json=body).status_code == 422
    assert client.get(CAMPAIGN).json()["campaign"]["max_cps"] == 2.0


def test_narrowed_hours_take_calls_back(app, client, engine):
    with transaction(engine) as session:
        now = database_now(session)
        person = make_recipient(session, 1, 9, status="in_flight", zone="America/New_York")
        dialing = make_attempt(session, person, "dialing", slot_at=now, provider_call_id="c")
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(now.weekday() + 3) % 7]
    answer = client.patch(f"{CAMPAIGN}/hours", json={"windows": f"{day} 09:00-10:00"})
    assert answer.status_code == 200
    assert app.state.hints.recalled == [[dialing]]


def test_a_pause_is_measured(client):
    assert client.get(f"{CAMPAIGN}/pause").json() is None
    client.post(f"{CAMPAIGN}/pause")
    told = client.get(f"{CAMPAIGN}/pause").json()
    assert (told["last_dial_ms"], told["recalled"]) == (None, 0)
    assert "Nothing had been dialled" in told["sentence"]


def test_copies_and_redials_are_new_drafts(client, engine):
    copy = client.post(f"{CAMPAIGN}/clone", json={"name": "Again"})
    assert (copy.status_code, copy.json()["status"], copy.json()["name"]) == (201, "draft", "Again")
    assert client.post(f"{CAMPAIGN}/redial").status_code == 409  # nobody was called yet
    with transaction(engine) as session:
        make_recipient(session, 1, 9, status="exhausted")
    redial = client.post(f"{CAMPAIGN}/redial", json={"name": "Once more"})
    assert redial.status_code == 201
    assert (redial.json()["people"], redial.json()["campaign"]["name"]) == (1, "Once more")
    assert client.post("/api/v1/campaigns/99/clone").status_code == 404


def test_only_what_is_over_is_archived(client, engine):
    assert client.post(f"{CAMPAIGN}/archive").status_code == 409
    client.post(f"{CAMPAIGN}/stop")
    assert client.post(f"{CAMPAIGN}/archive").status_code == 200
    with transaction(engine) as session:
        assert session.get_one(Campaign, 1).archived_at is not None
    assert client.post(f"{CAMPAIGN}/unarchive").status_code == 200


def test_a_person_is_changed_and_removed(client, engine):
    changed = client.patch(
        "/api/v1/recipients/1", json={"numbers": ["+12125550188"], "fields": {"doctor": "Grey"}}
    )
    assert changed.status_code == 200
    assert changed.json()["numbers"] == ["+12125550188"]
    assert changed.json()["fields"] == {"name": "Person 0", "doctor": "Grey"}
    bodies: list[dict[str, Any]] = [
        {"numbers": []},
        {"numbers": ["12"]},
        {"fields": {"A b": "x"}},
        {"id": 3},
    ]
    for body in bodies:
        assert client.patch("/api/v1/recipients/1", json=body).status_code == 422
    assert client.delete("/api/v1/recipients/1").json() == {"kept": True}
    assert client.delete("/api/v1/recipients/1").status_code == 409
    with transaction(engine) as session:
        make_attempt(session, 2, "ended")
    assert client.delete("/api/v1/recipients/2?why=moved").json() == {"kept": True}
    with transaction(engine) as session:
        assert session.get_one(Recipient, 2).reason == "taken out by tests: moved"
    assert client.patch("/api/v1/recipients/2", json={"name": "x"}).status_code == 409


def test_everybody_is_exported_as_lines_of_json(client):
    lines = client.get(f"{CAMPAIGN}/recipients.ndjson").text.splitlines()
    assert [json.loads(line)["fields"]["name"] for line in lines] == [
        "Person 0",
        "Person 1",
        "Person 2",
    ]


def test_viewers_change_nothing(app, client):
    viewer = make_client(app, role="viewer")
    for method, path in (
        ("PATCH", f"{CAMPAIGN}/pace"),
        ("PATCH", f"{CAMPAIGN}/hours"),
        ("POST", f"{CAMPAIGN}/clone"),
        ("POST", f"{CAMPAIGN}/redial"),
        ("POST", f"{CAMPAIGN}/archive"),
        ("PATCH", "/api/v1/recipients/1"),
        ("DELETE", "/api/v1/recipients/1"),
        ("GET", f"{CAMPAIGN}/recipients.ndjson"),
    ):
        body = {"max_cps": 1} if method == "PATCH" else None
        assert viewer.request(method, path, json=body).status_code == 403


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_an_instant_that_no_calendar_page_can_show_is_refused_in_words(client, engine, year):
    with transaction(engine) as session:
        person = make_recipient(session, 1, 9)
    at = f"{year}-12-31T23:00:00-05:00"
    answer = client.patch(f"/api/v1/recipients/{person}", json={"appointment_at": at})
    assert answer.status_code == 422
    assert "cannot be meant" in answer.text
    assert client.get(f"/recipients/{person}/edit").status_code == 200
