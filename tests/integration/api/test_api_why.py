"""Why, evidence and consents over the API and on the pages, as each role may have them."""

import json

import pytest
from sqlalchemy import text

from campaigns.db import transaction
from tests.integration.reporting.seed import make_attempt, make_recipient
from tests.integration.reporting.served import make_browser, make_client

NUMBER = "+12125550143"
MASKED_OUT = "2125550143"


@pytest.fixture
def person(engine, running) -> int:
    """Somebody in the running campaign who was called once."""
    with transaction(engine) as session:
        found = make_recipient(session, running, 43)
        make_attempt(session, found)
    return found


@pytest.fixture
def consent(client) -> int:
    given = client.post(
        "/api/v1/consents",
        json={"numbers": [NUMBER], "basis": "written", "evidence": "form 12"},
    )
    assert given.status_code == 201, given.text
    assert given.json()["recorded"] == 1
    found: int = client.get("/api/v1/consents").json()["items"][0]["id"]
    return found


def test_why_is_answered_for_a_number_and_for_a_person(client, person, running):
    found = client.get("/api/v1/why", params={"number": NUMBER}).json()
    (one,) = found["campaigns"]
    assert one["recipient_id"] == person
    assert one["decides"] == "web"
    assert [each["gate"] for each in one["verdicts"]][:2] == ["dialling", "web"]
    same = client.get(f"/api/v1/recipients/{person}/why").json()
    assert same["verdicts"][0] == one["verdicts"][0]
    past = {"number": NUMBER, "at": "2026-11-23T09:20:10-05:00", "campaign_id": running}
    assert client.get("/api/v1/why", params=past).json()["past"] is True
    assert client.get("/api/v1/why", params={"number": "12"}).status_code == 422
    for at in ("0.5", "2026-11-23", "2026-11-23T09:00", "0001-01-01T00:00Z", "soon"):
        answer = client.get(f"/api/v1/recipients/{person}/why", params={"at": at})
        assert answer.status_code == 422, at


def test_a_viewer_sees_why_with_numbers_masked_and_may_not_ask_by_number(
    app, engine, client, person
):
    with transaction(engine) as session:
        session.execute(
            text("INSERT INTO opt_outs (number, source) VALUES (:n, 'api')"), {"n": NUMBER}
        )
    viewer = make_client(app, role="viewer")
    answer = viewer.get(f"/api/v1/recipients/{person}/why")
    assert answer.status_code == 200
    assert "is opted out everywhere" in answer.text
    assert MASKED_OUT not in answer.text
    for path in ("/api/v1/why", "/api/v1/evidence"):
        assert viewer.get(path, params={"number": NUMBER}).status_code == 403


def test_evidence_is_one_json_document_and_is_noted(client, engine, person, consent):
    answer = client.get("/api/v1/evidence", params={"number": "(212) 555-0143"})
    assert "attachment" in answer.headers["content-disposition"]
    found = json.loads(answer.text)
    assert [one["id"] for one in found["consents"]] == [consent]
    assert found["recipients"][0]["recipient_id"] == person
    assert len(found["attempts"]) == 1
    with transaction(engine) as session:
        noted = session.execute(
            text("SELECT after FROM audit_log WHERE action = 'evidence.export'")
        ).scalar_one()
    assert noted == {"number": "(212) 555-0143"}


def test_a_consent_is_revoked_once_over_the_api(client, consent):
    gone = client.post(f"/api/v1/consents/{consent}/revoke", json={"why": "letter"})
    assert gone.json()["consent"]["state"] == "revoked"
    again = client.post(f"/api/v1/consents/{consent}/revoke", json={"why": "letter"})
    assert again.status_code == 409
    old = {"numbers": [NUMBER], "evidence": "old", "given_at": "2026-01-01T00:00:00Z"}
    assert client.post("/api/v1/consents", json=old).json()["revoked_since"] == [NUMBER]


def test_a_file_of_consents_is_taken_over_the_api(client):
    answer = client.post(
        "/api/v1/consents/imports?basis=written&evidence=fair",
        content="phone\n+12125550150\nnobody\n",
        headers={"content-type": "text/csv"},
    )
    told = answer.json()
    assert (told["recorded"], told["unreadable_count"]) == (1, 1)


def test_the_pages_of_consents(app, engine, person, consent):
    operator = make_browser(app)
    with transaction(engine) as session:
        session.execute(
            text(
                "UPDATE recipients SET status = 'blocked', reason = 'consent', "
                "next_attempt_at = NULL WHERE id = :id"
            ),
            {"id": person},
        )
    page = operator.get("/consents")
    assert NUMBER in page.text
    assert "1 person with this number is blocked" in operator.get(f"/consents/{consent}").text
    form = {"number": NUMBER, "evidence": "form 13", "given_at": "2026-02-01", "put_back": "yes"}
    added = operator.post("/consents", data=form)
    assert added.status_code == 303, added.text
    with transaction(engine) as session:
        status = session.execute(
            text("SELECT status FROM recipients WHERE id = :id"), {"id": person}
        ).scalar_one()
    assert status == "pending"
    refused = operator.post("/consents", data={"number": NUMBER, "evidence": ""})
    assert refused.status_code == 422
    assert "how the consent can be proven" in refused.text
    gone = operator.post(f"/consents/{consent}/revoke", data={"why": "letter of 9 March"})
    assert gone.status_code == 303
    assert "letter of 9 March" in operator.get(f"/consents/{consent}").text
    again = operator.post("/consents", data=form | {"given_at": "2026-02-02"})
    assert "has taken its consent back since" in again.text
    viewer = make_browser(app, role="viewer")
    shown = viewer.get("/consents").text
    assert MASKED_OUT not in shown
    assert "Record a consent" not in shown


def test_the_pages_of_why_and_evidence(app, engine, person):
    operator = make_browser(app)
    page = operator.get(f"/recipients/{person}").text
    assert "No web process has given a sign of life" in page
    assert "Every check, one by one" in page
    asked = operator.get("/why", params={"number": NUMBER, "at": "2026-11-23T09:20"})
    assert "Only what holds today is known" in asked.text
    assert operator.get("/why", params={"number": "soon"}).status_code == 422
    assert "Nobody has this number" in operator.get("/why?number=%2B12125550188").text
    evidence = operator.get("/evidence", params={"number": NUMBER}).text
    assert "Water is off" in evidence
    assert "No answer" in evidence
    file = operator.get("/evidence.json", params={"number": NUMBER})
    assert json.loads(file.text)["number"] == NUMBER
    viewer = make_browser(app, role="viewer")
    assert MASKED_OUT not in viewer.get(f"/recipients/{person}").text
    assert viewer.get("/why").status_code == 403
