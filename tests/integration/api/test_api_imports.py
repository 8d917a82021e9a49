"""Files over the API: streamed, bounded, known again, read by the worker's own function."""

import asyncio
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from campaigns import api_keys, hints, importing
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
    assert rejects.text.startswith('"outdial_line"'), "without a mark that programs stumble over"
    assert '"Nobody","12"' in rejects.text


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
    monkeypatch.setattr("campaigns.web.api.imports.importing.summary_of", lambda *_: 1 / 0)
    check_problem(send(client, running), 500)
    assert stored_files(app) == []
    assert app.state.hints.sent == []


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def hand_in(
    client: TestClient, campaign: int, body: bytes = CSV, query: str = ""
) -> dict[str, Any]:
    """Hand in a file that is not to be imported yet."""
    answer = send(client, campaign, body, "&confirm=false")
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/octet-stream",
        "text/csv",  # what it is, its bytes say
    ],
)
def test_a_workbook_is_imported_like_any_list(app, client, running, content_type):
    body = workbook(["name", "phone"], ["Ada", 12125550110], ["Bob", "+1 212 555 0111"])
    answer = client.post(
        f"/api/v1/imports?campaign_id={running}",
        content=body,
        headers={"Content-Type": content_type},
    )
    assert answer.status_code == 202, answer.text
    work(app, answer.json()["id"])
    done = client.get(f"/api/v1/imports/{answer.json()['id']}").json()
    assert (done["status"], done["rows_imported"], done["repairs"]) == ("done", 2, {"lost_plus": 1})


def test_a_file_waits_for_its_confirmation(app, client, running):
    made = hand_in(client, running)
    assert (made["status"], made["file_kept"]) == ("uploaded", True)
    assert app.state.hints.sent == []
    seen = client.get(f"/api/v1/imports/{made['id']}/examination").json()
    assert [column["meaning"] for column in seen["columns"]] == ["name", "phone"]
    assert [row["numbers"] for row in seen["rows"]] == [["+12125550110"], ["+12125550111"], []]
    assert seen["sampled_rejects"] == {"short_number": 1}
    other = client.get(
        f"/api/v1/imports/{made['id']}/examination?header=false&name_column=column 1"
    ).json()
    assert (other["header"], len(other["rows"])) == (False, 4)
    answer = client.post(f"/api/v1/imports/{made['id']}/confirm", json={"name_column": "phone"})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["options"]) == (
        "waiting",
        {"name_column": "phone"},
    )
    assert app.state.hints.sent == [(hints.IMPORT, made["id"])]
    assert work(app, made["id"]).rows_imported == 2
    check_problem(client.post(f"/api/v1/imports/{made['id']}/confirm"), 409)


def test_an_import_is_undone_confirmed_again_and_discarded(app, client, running):
    made = hand_in(client, running)
    path = f"/api/v1/imports/{made['id']}"
    client.post(f"{path}/confirm")
    work(app, made["id"])
    check_problem(client.post(f"{path}/discard"), 409)
    undone = client.post(f"{path}/undo").json()
    assert (undone["status"], undone["file_kept"]) == ("undone", True)
    assert "2 recipients were removed" in undone["sentence"]
    assert client.post(f"{path}/confirm").json()["status"] == "waiting"
    work(app, made["id"])
    client.post(f"{path}/undo")
    gone = client.post(f"{path}/discard").json()
    assert (gone["status"], gone["file_kept"]) == ("discarded", False)
    assert stored_files(app) == []
    check_problem(client.get(f"{path}/examination"), 409)
    assert client.get("/api/v1/imports").json()["items"] == []


def test_imports_are_listed_in_pages(client, running):
    ids = [hand_in(client, running, CSV + b"x%d\n" % n)["id"] for n in range(3)]
    page = client.get("/api/v1/imports?limit=2").json()
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1]]
    rest = client.get(f"/api/v1/imports?limit=2&before={page['next']}").json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == ([ids[0]], None)
    assert client.get("/api/v1/imports?campaign_id=99").json()["items"] == []


def test_repairs_are_told_with_examples(app, client, running):
    body = b"phone\n1.2125550110E+10\n2125550111.0\n"
    made = send(client, running, body).json()
    work(app, made["id"])
    kinds = client.get(f"/api/v1/imports/{made['id']}/repairs").json()
    assert [(kind["kind"], kind["count"]) for kind in kinds] == [
        *(("exponent", 1), ("lost_plus", 1), ("trailing_zero", 1)),
    ]
    assert kinds[0]["examples"] == [
        {"line": 2, "before": "1.2125550110E+10", "after": "+12125550110"}
    ]
    assert "scientific notation" in kinds[0]["words"]
    check_problem(client.get("/api/v1/imports/99/repairs"), 404)


def test_a_file_sent_twice_keeps_one_copy(app, client, running):
    first = hand_in(client, running)
    again = send(client, running, CSV, "&confirm=false")
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert len(stored_files(app)) == 1
    confirmed = send(client, running)
    assert (confirmed.status_code, confirmed.json()["status"]) == (202, "waiting")
    assert len(stored_files(app)) == 1
    assert work(app, first["id"]).rows_imported == 2


@pytest.mark.parametrize("query", ["", "&confirm=false"])
def test_an_upload_that_breaks_off_leaves_nothing(app, running, query):
    """The connection ends in the middle of the body, as the server sees it."""
    with transaction(app.state.engine) as session:
        token = api_keys.create_key(session, "cut").token
    messages = iter(
        [
            {"type": "http.request", "body": CSV[:20], "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent = []

    async def receive() -> Any:
        return next(messages)

    async def remember(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/imports",
        "raw_path": b"/api/v1/imports",
        "root_path": "",
        "query_string": f"campaign_id={running}{query}".encode(),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"text/csv"),
            (b"authorization", f"Bearer {token}".encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    asyncio.run(app(scope, receive, remember))
    assert sent[0]["status"] == 400
    assert stored_files(app) == []
    assert app.state.hints.sent == []
    with transaction(app.state.engine) as session:
        assert session.query(Import).count() == 0


def test_people_are_pushed_into_a_running_campaign(client, running):
    path = f"/api/v1/campaigns/{running}/recipients"
    people = [{"numbers": ["+12125550150"], "name": "Zoe"}, {"numbers": ["911"]}]
    answer = client.post(path, json={"recipients": people})
    assert answer.status_code == 201, answer.text
    assert [(row["outcome"], row["reason"]) for row in answer.json()["rows"]] == [
        ("created", None),
        ("rejected", "emergency"),
    ]
    again = client.post(path, json={"recipients": people[:1]})
    assert (again.status_code, again.json()["duplicates"]) == (200, 1)
    found = client.get(path).json()["items"]
    assert "+12125550150" in {number for one in found for number in one["numbers"]}


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"recipients": []}, {"recipients": [{"numbers": ["\0"]}]}, [], "x"),
        *({"recipients": [{"numbers": ["+12125550150"], "nmae": "x"}]},),
        {"recipients": [{"numbers": ["+12125550150"]}], "default_country": "ZZZ"},
    ],
)
def test_bodies_that_push_nobody_are_refused(client, running, body):
    check_problem(client.post(f"/api/v1/campaigns/{running}/recipients", json=body), 422)


def test_a_push_into_nothing_or_into_what_is_over_is_refused(client, running):
    body = {"recipients": [{"numbers": ["+12125550150"]}]}
    check_problem(client.post("/api/v1/campaigns/99/recipients", json=body), 404)
    client.post(f"/api/v1/campaigns/{running}/stop")
    check_problem(client.post(f"/api/v1/campaigns/{running}/recipients", json=body), 409)
