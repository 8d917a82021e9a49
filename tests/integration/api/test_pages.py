"""Under which names the pages are shown, the files they need, and numbers for monitoring."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from campaigns.db import database_now, transaction
from campaigns.store import dispatch
from campaigns.web.glances import KEPT, Glances
from tests.integration.api.test_api_errors import check_problem
from tests.integration.reporting.seed import make_attempt, make_recipient
from tests.integration.reporting.served import make_browser, make_client

PAGES = ("/", "/campaigns", "/campaigns/1", "/campaigns/1/charts.json", "/recipients", "/doubt")
OTHER_NAMES = (
    {"Host": "example.test"},
    {"Host": "127.0.0.1.example.test"},
    {"Host": "localhost@example.test"},
    {"Host": ""},
    {"Host": "127.0.0.1", "X-Forwarded-Host": "example.test"},
    {"Host": "127.0.0.1", "X-Forwarded-Host": "localhost, example.test"},
)


def test_pages_are_shown_under_the_names_of_this_machine(app, running):
    browser = make_browser(app)
    for host in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        for path in PAGES:
            assert browser.get(path, headers={"Host": f"{host}:8000"}).status_code == 200


def test_pages_are_not_there_under_any_other_name(app, running):
    browser = make_browser(app)
    for headers in OTHER_NAMES:
        for path in PAGES:
            answer = browser.get(path, headers=headers)
            assert answer.status_code == 404
            assert "Water is off" not in answer.text


def test_pages_are_shown_to_nobody_who_is_not_signed_in(app, running):
    stranger = make_client(app, key=False)
    stranger.follow_redirects = False
    for path in PAGES:
        answer = stranger.get(path)
        if path.endswith(".json"):
            check_problem(answer, 401)
        else:
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/sign-in")


def test_an_address_without_a_page_keeps_the_menu_for_who_is_signed_in(app, running):
    missing = make_browser(app).get("/nothing/here")
    assert missing.status_code == 404
    assert 'href="/campaigns"' in missing.text
    stranger = make_client(app, key=False).get("/nothing/here")
    assert stranger.status_code == 404
    assert 'href="/campaigns"' not in stranger.text


def test_the_api_is_answered_under_any_name(app, running):
    assert make_client(app, host="example.test").get("/api/v1/campaigns").status_code == 200


def test_numbers_follow_the_rows(app, engine, running):
    browser = make_browser(app)
    browser.get("/")
    with transaction(engine) as session:
        make_recipient(session, running, 40, status="completed")
    app.state.glances = Glances()
    assert f'data-live="campaigns.{running}.done">1<' in browser.get("/").text


def test_the_files_of_the_pages_are_served(client):
    for name in ("outdial.css", "outdial.svg", "js/outdial.js", "js/live.js", "js/charts.js"):
        assert client.get(f"/static/{name}").status_code == 200


def test_a_fault_is_a_page_without_a_trace(app, running, monkeypatch):
    def away(*_args: object) -> None:
        raise TimeoutError("a secret of the database")

    browser = make_browser(app)
    monkeypatch.setattr("campaigns.web.pages.overview.reporting.overview", away)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "A fault in Outdial." in answer.text
    assert "secret" not in answer.text


def test_metrics_are_what_the_rows_say(client, engine, running):
    with transaction(engine) as session:
        recipient = make_recipient(session, running, 40, status="in_flight")
        make_attempt(session, recipient, "cancelled")
        make_attempt(session, recipient, disposition="busy")
        now = database_now(session)
        make_attempt(session, recipient, "dialing", in_doubt_at=now)
        dispatch.beat(session, "web:a:1", "web", ready=True, detail={})
        session.execute(text("UPDATE heartbeats SET at = :at"), {"at": now - timedelta(seconds=7)})
        dispatch.take_lease(session, "scheduler:a:1", 3600)
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'outdial_recipients{status="pending"} 3.0',
        'outdial_recipients{status="in_flight"} 1.0',
        'outdial_recipients{status="review"} 0.0',
        'outdial_attempts{status="dialing"} 1.0',
        'outdial_dispositions{disposition="busy"} 1.0',
        'outdial_dispositions{disposition="unknown"} 0.0',
        "outdial_slots_missed_total 1.0",
        "outdial_live_calls 1.0",
        "outdial_in_doubt 1.0",
        'outdial_scheduler_leads{holder="scheduler:a:1"} 1.0',
        "outdial_dialing_enabled 1.0",
    ):
        assert line in lines
    [age] = [line for line in lines if line.startswith("outdial_heartbeat_age_seconds{")]
    assert 'kind="web"' in age
    assert float(age.rsplit(" ", 1)[1]) >= 7


class Counting:
    """Something that costs time whenever it is counted."""

    def __init__(self) -> None:
        self.now, self.count = 0.0, 0

    def counting_for(self, seconds: float) -> Callable[[], int]:
        def count() -> int:
            self.now += seconds
            self.count += 1
            return self.count

        return count


def test_a_glance_is_kept_for_a_moment_and_longer_when_it_was_dear():
    dear = Counting()
    glances = Glances(lambda: dear.now)
    seen = []
    for key, wait, cost in (
        ("a", 0, 0.01),
        ("a", 0.5, 0.01),
        ("a", 0.5, 3.0),
        ("a", 29, 0.01),
        ("a", 2, 0.01),
        ("b", 0, 0.01),
    ):
        dear.now += wait
        seen.append(glances.at(key, dear.counting_for(cost)))
    assert seen == [1, 1, 2, 2, 3, 4]


def test_glances_that_fail_are_not_kept_and_the_number_of_those_kept_is_bounded():
    glances = Glances()
    with pytest.raises(ZeroDivisionError):
        glances.at("a", lambda: 1 // 0)
    assert glances.at("a", lambda: 1) == 1
    for n in range(3 * KEPT):
        glances.at(n, int)
    assert len(glances._known) == len(glances._locks) == KEPT
