"""Files over the API: streamed, bounded, known again, read by the worker's own function."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns import hints, importing
from campaigns.db import transaction
from campaigns.models import Import
from tests.integration.api.test_api_campaigns import create
from tests.integration.api.test_api_errors import check_problem

CSV = b"name,phone\nAda,+12125550110\nBob,+12125550111\nNobody,12\n"
FIELD_ONLY = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n"
CUT_OFF = b'--x\r\nContent-Disposition: form-data; name=f; filename="a"\r\n\r\nname,pho'


def send(client: TestClient, campaign: int, body: Any = CSV, query: str = "") -> Response:
    """Hand in a bare file."""
    return client.post(
        f"/api/v1/imports?campaign_id={campaign}{query}",
        content=body,
        headers={"Content-Type": "text/csv"},
    )


def stored_files(app: FastAPI) -> list[Path]:
    uploads = app.state.settings.data_dir / "uploads"
    return sorted(uploads.iterdir()) if uploads.exists() else []


def work(app: FastAPI, import_id: int) -> importing.Summary:
    """What the import worker does with a hint."""
    with transaction(app.state.engine) as session:
        stored_at = importing.find(session, import_id).stored_at
    return importing.run(app.state.engine, import_id, app.state.settings.data_dir / str(stored_at))


def test_a_raw_file_is_kept_hinted_and_imported(app, client, running):
    answer = send(client, running, query="&file_name=people.csv")
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["status"], body["already"], body["file_name"]) == ("waiting", False, "people.csv")
    assert app.state.hints.sent == [(hints.IMPORT, body["id"])]
    assert [path.read_bytes() for path in stored_files(app)] == [CSV]
    work(app, body["id"])
    done = client.get(f"/api/v1/imports/{body['id']}").json()
    assert (done["status"], done["rows_imported"], done["rows_rejected"]) == ("done", 2, 1)
    assert done["progress"] == 1.0
    assert "2 of 3 rows were imported" in done["sentence"]
    assert done["mapping"]["phone_columns"] == ["phone"]
    rejects = client.get(f"/api/v1/imports/{body['id']}/rejects.csv")
    assert rejects.headers["content-type"].startswith("text/csv")
    assert "Nobody,12" in rejects.text


def test_a_multipart_file_is_the_same_file(app, client, running):
    path = f"/api/v1/imports?campaign_id={running}"
    first = client.post(path, files={"file": ("../../etc/pass\0wd.csv", CSV, "text/csv")})
    assert first.status_code == 202, first.text
    assert "/" not in first.json()["file_name"]
    again = send(client, running)
    assert again.status_code == 200
    assert again.json() == {**first.json(), "already": True}
    assert len(stored_files(app)) == 1
    assert len(app.state.hints.sent) == 1


def test_the_same_file_twice_is_one_import_before_and_after_it_ran(app, client, running):
    first = send(client, running).json()
    work(app, first["id"])
    again = send(client, running)
    assert (again.status_code, again.json()["id"], again.json()["already"]) == (
        200,
        first["id"],
        True,
    )
    with transaction(app.state.engine) as session:
        people = session.execute(text("SELECT count(*) FROM recipients")).scalar_one()
    assert people == 5


def test_an_upload_that_is_too_large_is_413_and_leaves_nothing(app, client, running):
    large = b"name,phone\n" + b"x" * (1024 * 1024)
    check_problem(send(client, running, large), 413)

    unannounced = (b"y" * 65536 for _ in range(40))
    check_problem(send(client, running, unannounced), 413)
    files = {"file": ("a.csv", large, "text/csv")}
    check_problem(client.post(f"/api/v1/imports?campaign_id={running}", files=files), 413)
    assert stored_files(app) == []
    assert app.state.hints.sent == []
    with transaction(app.state.engine) as session:
        assert session.query(Import).count() == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "text/csv", 422),
        (CSV, "application/json", 415),
        (CSV, "multipart/form-data", 415),
        (CSV, "multipart/form-data; boundary=x", 422),
        (FIELD_ONLY, "multipart/form-data; boundary=x", 422),
        (CUT_OFF, "multipart/form-data; boundary=x", 422),
        (CSV, "multipart/form-data; boundary=" + "b" * 1000, 422),
        (b"--x\r\n" + b"H: " + b"v" * 100_000, "multipart/form-data; boundary=x", 422),
        (CSV, "", 415),
    ],
)
def test_bodies_that_are_no_file_are_refused(app, client, running, body, content_type, status):
    answer = client.post(
        f"/api/v1/imports?campaign_id={running}",
        content=body,
        headers={"Content-Type": content_type},
    )
    check_problem(answer, status)
    assert stored_files(app) == []


def test_two_files_at_once_are_refused(app, client, running):
    files = [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]
    answer = client.post(f"/api/v1/imports?campaign_id={running}", files=files)
    assert "one file" in check_problem(answer, 422)
    assert stored_files(app) == []


def test_an_unknown_or_finished_campaign_takes_no_file(app, client, running):
    check_problem(send(client, 99), 404)
    check_problem(client.post("/api/v1/imports", content=CSV), 422)
    client.post(f"/api/v1/campaigns/{running}/stop")
    assert "stopped" in check_problem(send(client, running), 409)
    assert stored_files(app) == []


def test_overrides_go_with_the_file_and_unknown_ones_are_refused(app, client, running):
    body = b"a,b,c\nAda,+12125550110,+12125550112\n"
    query = "&phone_columns=c&phone_columns=b&name_column=a"
    answer = send(client, running, body, query)
    assert answer.status_code == 202, answer.text
    assert answer.json()["options"] == {"phone_columns": ["c", "b"], "name_column": "a"}
    work(app, answer.json()["id"])
    people = client.get(f"/api/v1/campaigns/{running}/recipients").json()["items"]
    assert people[-1]["numbers"] == ["+12125550112", "+12125550110"]
    check_problem(send(client, running, body, "&phone_colums=c"), 422)


def test_the_date_format_of_a_reminder_campaign_reads_its_lists(app, client, running):
    campaign = create(client, date_format="DD/MM/YYYY HH:MM").json()["id"]
    body = b"name,phone,appointment\nAda,+12125550110,03/04/2030 10:00\n"
    made = send(client, campaign, body).json()
    assert made["options"]["date_format"] == "DD/MM/YYYY HH:MM"
    work(app, made["id"])
    people = client.get(f"/api/v1/campaigns/{campaign}/recipients").json()["items"]
    assert people[0]["appointment_at"] == "2030-04-03T14:00:00Z"


def test_a_file_that_cannot_be_stored_is_503(app, client, running):
    (app.state.settings.data_dir / "uploads").write_text("in the way")
    check_problem(send(client, running), 503)
    with transaction(app.state.engine) as session:
        assert session.query(Import).count() == 0


def test_a_failed_commit_leaves_no_file(app, client, running, monkeypatch):
    monkeypatch.setattr("campaigns.web.api.imports.importing.summarise", lambda *_: 1 / 0)
    check_problem(send(client, running), 500)
    assert stored_files(app) == []
    assert app.state.hints.sent == []
