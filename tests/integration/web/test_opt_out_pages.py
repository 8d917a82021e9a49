"""The pages of the opt-outs, as each role sees and uses them."""

import re
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from campaigns.db import transaction
from tests.integration.reporting.seed import (
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_running_campaign,
)
from tests.integration.reporting.served import make_app, make_browser

NUMBER = "+12125550143"


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path, max_upload_mb=1)


@pytest.fixture
def admin(app):
    return make_browser(app, role="admin")


@pytest.fixture
def operator(app):
    return make_browser(app, role="operator")


def add(browser: TestClient, number: str = NUMBER, **form: str) -> Response:
    return browser.post("/opt-outs", data={"number": number, "why": "a letter", **form})


def note(browser: TestClient, answer: Response) -> str:
    """What the page after a change says."""
    return browser.get(answer.headers["location"]).text


def rows(engine: Engine, sql: str = "SELECT * FROM opt_outs ORDER BY id") -> list[Any]:
    with transaction(engine) as session:
        return list(session.execute(text(sql)).all())


def test_an_empty_list_says_what_it_is_for(operator):
    page = operator.get("/opt-outs")
    assert page.status_code == 200
    assert "Nobody has opted out" in page.text


def test_a_number_is_added_and_its_call_taken_back(app, operator, engine):
    running = make_running_campaign(engine)
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 60, status="in_flight")
        ringing = make_attempt(session, recipient, "ringing")
    answer = add(operator, "+1212555*", source="verbal", until="2099-12-31")
    assert answer.status_code == 303
    assert app.state.hints.recalled == [[ringing]]
    told = note(operator, answer)
    assert "Numbers that begin with +1212555 are not called any more. 1 call is" in told
    assert "all that begin so" in told
    (row,) = rows(engine)
    assert (row.source, row.who, row.evidence) == ("verbal", "The operator", "a letter")
    assert row.expires_at.isoformat() == "2100-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"number": "hello"}, "is not a telephone number"),
        ({"number": "+1*"}, "is not a prefix"),
        ({"until": "2020-01-01"}, "That day is over."),
        ({"until": "soon"}, "Write the day as"),
        ({"why": " "}, "Say how we know"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(operator, engine, form, said):
    answer = operator.post("/opt-outs", data={"number": NUMBER, "why": "a letter", **form})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert rows(engine) == []


def test_searching_filtering_and_going_on(operator, monkeypatch):
    monkeypatch.setattr("campaigns.web.pages.optouts.PAGE", 2)
    for n in range(3):
        add(operator, f"+1212555014{n}")
    first = operator.get("/opt-outs").text
    assert re.findall(r">(\+1\d{10})</a>", first) == ["+12125550142", "+12125550141"]
    older = re.search(r'href="(/opt-outs\?[^"]*after=\d+)"', first)
    assert older is not None
    assert "+12125550140" in operator.get(older[1].replace("&amp;", "&")).text
    assert "+12125550141" in operator.get("/opt-outs?q=0141").text
    assert "Nothing found" in operator.get("/opt-outs?q=%2B12125559999").text
    assert "Nothing found" in operator.get("/opt-outs?state=lifted").text
    assert operator.get("/opt-outs?q=Ada").status_code == 422
    assert "cannot be looked for" in operator.get("/opt-outs?q=Ada").text
    assert operator.get("/opt-outs?state=x&source=y&after=z").status_code == 200


def test_one_opt_outs_page_tells_who_why_and_what_undoing_means(admin, operator, engine):
    running = make_running_campaign(engine)
    with transaction(engine) as session:
        make_recipient(session, running, 43, status="blocked", reason="opted out")
    add(operator)
    page = admin.get("/opt-outs/1").text
    for words in ("The operator", "a letter", "Entered here", "1 person in a campaign", "for ever"):
        assert words in page
    assert "Undo the opt-out" in page
    assert "Only an administrator" in operator.get("/opt-outs/1").text
    assert admin.get("/opt-outs/2").status_code == 404


def test_undoing_needs_a_reason_and_a_confirmation(admin, operator, engine):
    running = make_running_campaign(engine)
    with transaction(engine) as session:
        blocked = make_recipient(session, running, 43, status="blocked", reason="opted out")
    add(operator)
    for form, said in (({"why": "asked"}, "Confirm that"), ({"sure": "yes"}, "Say why")):
        answer = admin.post("/opt-outs/1/lift", data=form)
        assert answer.status_code == 422
        assert said in answer.text
    assert operator.post("/opt-outs/1/lift", data={"why": "x", "sure": "yes"}).status_code == 403
    assert rows(engine)[0].lifted_at is None
    form = {"why": "asked in writing", "sure": "yes", "put_back": "yes"}
    told = note(admin, admin.post("/opt-outs/1/lift", data=form))
    assert "1 person waits for a call again" in told
    assert "by The admin: asked in writing" in told
    assert rows(engine, f"SELECT status FROM recipients WHERE id = {blocked}") == [("pending",)]
    add(operator)
    page = admin.get("/opt-outs/2").text
    assert "History of" in page
    assert "asked in writing" in page


def test_without_being_asked_nobody_is_put_back(admin, engine):
    running = make_running_campaign(engine)
    with transaction(engine) as session:
        blocked = make_recipient(session, running, 43, status="blocked", reason="opted out")
    add(admin)
    admin.post("/opt-outs/1/lift", data={"why": "asked", "sure": "yes"})
    assert rows(engine, f"SELECT status FROM recipients WHERE id = {blocked}") == [("blocked",)]


def test_a_file_is_taken_in_and_its_bad_lines_are_shown(operator, engine):
    assert "One number a line" in operator.get("/opt-outs/import").text
    files = {"file": ("list.txt", b"+12125550143\nhello\n", "text/plain")}
    page = operator.post("/opt-outs/import", files=files)
    assert page.status_code == 200
    assert "1 opt-out was recorded; 1 line could not be read." in page.text
    assert "hello" in page.text
    assert [row.evidence for row in rows(engine)] == ["list.txt"]


@pytest.mark.parametrize("content", [b"", b"name,town\nAda,London\n"])
def test_a_file_that_cannot_be_used_is_refused_with_words(operator, engine, content):
    page = operator.post("/opt-outs/import", files={"file": ("a.csv", content, "text/csv")})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert rows(engine) == []


def test_a_file_from_another_site_is_not_taken(operator, engine):
    files = {"file": ("list.txt", b"+12125550143\n", "text/plain")}
    for name in list(operator.headers):
        if "csrf" in name:
            del operator.headers[name]
    assert operator.post("/opt-outs/import", files=files).status_code == 403
    assert rows(engine) == []


def test_what_was_found_is_exported(operator):
    add(operator)
    add(operator, "+12135550143")
    answer = operator.get("/opt-outs/export.csv?q=%2B1213")
    assert answer.headers["content-disposition"] == 'attachment; filename="opt-outs.csv"'
    assert "+12135550143" in answer.text
    assert NUMBER not in answer.text


def test_an_opt_out_may_hold_in_one_campaign(operator, engine):
    with transaction(engine) as session:
        make_account(session)
        campaign = make_campaign(session)
    assert "Only in “Water is off”" in operator.get("/opt-outs").text
    told = note(operator, add(operator, scope=str(campaign)))
    assert "is not called any more in “Water is off”." in told
    assert "only in Water is off" in told
    assert [row.campaign_id for row in rows(engine)] == [campaign]
    for unknown in ("999", "0", "x", "9" * 19):
        answer = add(operator, "+12125550144", scope=unknown)
        assert answer.status_code == 422, unknown
    assert len(rows(engine)) == 1


def test_a_viewer_sees_masked_numbers_and_no_forms(app, operator):
    add(operator)
    viewer = make_browser(app, role="viewer")
    for path in ("/opt-outs", "/opt-outs/1"):
        page = viewer.get(path)
        assert page.status_code == 200
        assert NUMBER not in page.text
        assert 'action="/opt-outs"' not in page.text.replace('method="get" action="/opt-outs"', "")
    assert add(viewer).status_code == 403
    assert viewer.get("/opt-outs/export.csv").status_code == 403
    assert viewer.get("/opt-outs/import").status_code == 403
