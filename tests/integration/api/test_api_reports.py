"""What the pages show beyond one campaign is in the API as well."""

import csv
import io
import json

from campaigns.db import transaction
from tests.integration.reporting.seed import make_attempt, make_recipient, make_response
from tests.integration.reporting.served import make_client


def test_people_are_found_by_their_last_digits(client, running):
    listed = client.get(f"/api/v1/campaigns/{running}/recipients").json()["items"]
    number = listed[0]["numbers"][0]
    found = client.get("/api/v1/recipients", params={"query": number[-4:]}).json()
    assert listed[0]["id"] in [one["recipient"]["id"] for one in found["items"]]
    none = client.get("/api/v1/recipients", params={"query": "+12025550199"}).json()
    assert none == {"items": [], "next": None}


def test_a_viewer_cannot_guess_numbers_by_searching(app, running):
    viewer = make_client(app, role="viewer")
    assert viewer.get("/api/v1/recipients", params={"query": "0143"}).status_code == 403


def test_the_overview_and_what_is_in_doubt_are_there(client, running):
    overview = client.get("/api/v1/reports/overview").json()
    assert [one["campaign"]["id"] for one in overview["campaigns"]] == [running]
    assert client.get("/api/v1/attempts").json() == {"items": [], "next": None}


def test_the_attempts_as_a_file_are_those_of_the_report(client, running, engine):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 50)
        attempt = make_attempt(session, recipient)
        make_response(session, attempt, "1", "confirm")
    total = client.get(f"/api/v1/campaigns/{running}/report").json()["attempts"]["total"]
    answer = client.get(f"/api/v1/campaigns/{running}/attempts.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    lines = client.get(f"/api/v1/campaigns/{running}/attempts.ndjson").text.splitlines()
    assert total > 0
    assert len(rows) == len(lines) == total
    first = json.loads(lines[0])
    assert rows[0]["id"] == str(first["id"])
    assert rows[0]["status"] == first["status"]
    assert first["number"].startswith("+1")
    assert first["pressed"] == "1"


def test_attempts_as_a_file_carry_numbers_and_so_are_not_for_viewers(app, running):
    viewer = make_client(app, role="viewer")
    assert viewer.get(f"/api/v1/campaigns/{running}/attempts.csv").status_code == 403
