"""The CSV export: every recipient, nothing that a spreadsheet would run."""

import csv
import io

from starlette.testclient import TestClient

from campaigns.db import transaction
from tests.integration.api.test_api_errors import check_problem
from tests.integration.reporting.seed import make_attempt, make_recipient, make_response

HOSTILE = [
    "=cmd|'/c calc'!A0",
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "\u200b=1",
    'say "hi", ok',
    "line\nbreak",
]


def exported(client: TestClient, campaign: int) -> list[dict[str, str]]:
    answer = client.get(f"/api/v1/campaigns/{campaign}/recipients.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_hostile_cells_are_shown_and_never_run(client, engine, running):
    with transaction(engine) as session:
        for n, text in enumerate(HOSTILE):
            make_recipient(session, running, 20 + n, fields={"name": text, text[:20]: "=1"})
    rows = exported(client, running)
    assert len(rows) == 3 + len(HOSTILE)
    for row, text in zip(rows[3:], HOSTILE, strict=True):
        assert row["name"].removeprefix("'") == text
    for row in rows:
        for name, cell in row.items():
            for value in (str(name), str(cell)):
                assert value.lstrip("\u200b ")[:1] not in set("=+-@\t\r\uff1d") or not value


def test_outcome_answer_and_numbers_are_in_their_columns(client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(
            session,
            running,
            30,
            status="completed",
            reason="answered by a person",
            numbers=["+12125550130", "+12125550131"],
            attempts_spent=2,
        )
        make_attempt(session, recipient, disposition="busy")
        last = make_attempt(session, recipient, disposition="answered_human", answered_by="human")
        make_attempt(session, recipient, "cancelled")
        make_response(session, last, "1", "confirm")
    row = exported(client, running)[-1]
    assert row["number"] == "'+12125550130"
    assert row["other_numbers"] == "'+12125550131"
    assert row["disposition"] == "answered_human"
    assert row["answer"] == "confirm"
    assert row["attempts"] == "2"
    assert row["status"] == "completed"


def test_an_export_of_more_than_one_piece_has_everybody_once(client, engine, running, monkeypatch):
    monkeypatch.setattr("campaigns.exporting.BATCH", 2)
    with transaction(engine) as session:
        for n in range(40, 45):
            make_recipient(session, running, n)
    ids = [int(row["recipient"]) for row in exported(client, running)]
    assert len(ids) == len(set(ids)) == 8


def test_an_empty_campaign_exports_its_heading(client, engine, running):
    with transaction(engine) as session:
        session.connection().exec_driver_sql("DELETE FROM recipients")
    answer = client.get(f"/api/v1/campaigns/{running}/recipients.csv")
    assert answer.text.startswith('"recipient","status"')
    assert answer.text.count("\r\n") == 1


def test_an_unknown_campaign_exports_nothing(client):
    check_problem(client.get("/api/v1/campaigns/99/recipients.csv"), 404)
