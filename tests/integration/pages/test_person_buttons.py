"""The buttons of a person's page, and the people at risk of being late, as they are pressed."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from campaigns.db import database_now, transaction
from campaigns.foreseeing import foresee
from tests.factories import make_account, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench
from tests.integration.reporting.served import make_app, make_browser, make_client

RULE = {"offset": 86400.0, "deadline": 0.0}


@pytest.fixture
def bench(engine: Any) -> Bench:
    return Bench(engine)


@pytest.fixture
def app(engine: Any, tmp_path: Any) -> Any:
    return make_app(engine, tmp_path)


@pytest.fixture
def who(bench: Bench) -> Any:
    """Somebody in New York with an appointment in a week, in a running reminder campaign."""

    def act(session: Any) -> Any:
        campaign = make_campaign(session, make_account(session), kind="reminder", reminder=RULE)
        at = database_now(session).replace(minute=0, second=0, microsecond=0) + timedelta(days=7)
        return make_recipient(session, campaign, appointment_at=at, due=at - timedelta(days=1))

    return bench.run(act)


def log(bench: Bench) -> list[str]:
    return [row.sentence for row in bench.rows("SELECT sentence FROM campaign_log ORDER BY id")]


def test_an_appointment_is_moved_on_the_persons_own_clock(app, bench, who):
    browser, page = make_browser(app), f"/recipients/{who.id}"
    shown = browser.get(page).text
    assert f'action="{page}/appointment"' in shown
    moved = browser.post(f"{page}/appointment", data={"at": "2099-07-01T10:00"})
    assert (moved.status_code, moved.headers["location"]) == (303, page)
    row = bench.recipient(who.id)
    assert row.appointment_at.isoformat() == "2099-07-01T14:00:00+00:00"  # ten in New York
    assert row.next_attempt_at == row.appointment_at - timedelta(days=1)
    assert "The appointment was moved" in browser.get(page).text
    assert log(bench) == ["The operator moved the appointment of a person."]


@pytest.mark.parametrize(
    ("at", "said"),
    [("", "Say when the appointment is now"), ("soon", "Write a date and a time")],
)
def test_a_time_that_is_none_moves_nothing(app, bench, who, at, said):
    refused = make_browser(app).post(f"/recipients/{who.id}/appointment", data={"at": at})
    assert (refused.status_code, said in refused.text) == (422, True)
    assert bench.recipient(who.id).appointment_at == who.appointment_at
    assert log(bench) == []


def test_a_cancelled_appointment_takes_the_call_back(app, bench, who):
    calling = bench.run(lambda s: make_attempt(s, s.merge(who), "dialing"))
    page = f"/recipients/{who.id}"
    done = make_browser(app).post(f"{page}/cancel-appointment", data={"why": "by mail"})
    assert done.status_code == 303
    assert app.state.hints.recalled == [[calling.id]]
    assert bench.attempt(calling.id).recall_reason == "appointment_cancelled"
    assert log(bench) == ["The operator cancelled the appointment of a person."]
    again = make_browser_of_the_same(app).post(f"{page}/cancel-appointment")
    assert (again.status_code, len(log(bench))) == (303, 1)  # twice changes nothing


def make_browser_of_the_same(app: Any) -> Any:
    return make_browser(app, role="admin")


def test_nothing_moves_in_a_campaign_that_is_over(app, bench, who):
    bench.rows("UPDATE campaigns SET status = 'stopped'")
    browser, page = make_browser(app), f"/recipients/{who.id}"
    assert f"{page}/appointment" not in browser.get(page).text
    for path, form in (("appointment", {"at": "2099-07-01T10:00"}), ("cancel-appointment", {})):
        refused = browser.post(f"{page}/{path}", data=form)
        assert (refused.status_code, "it calls nobody any more" in refused.text) == (409, True)


def test_a_viewer_presses_none_of_it(app, bench, who):
    viewer, page = make_browser(app, role="viewer"), f"/recipients/{who.id}"
    shown = viewer.get(page).text
    for path in ("appointment", "cancel-appointment", "remove", "opt-out", "call-again"):
        assert f"{page}/{path}" not in shown
        assert viewer.post(f"{page}/{path}").status_code == 403


def test_the_other_buttons_do_what_they_say(app, bench, who):
    browser, page = make_browser(app), f"/recipients/{who.id}"
    bench.rows(
        "UPDATE recipients SET status = 'review', reason = 'unknown', next_attempt_at = NULL"
    )
    assert browser.post(f"{page}/call-again").status_code == 303
    assert bench.recipient(who.id).status == "pending"
    assert browser.post(f"{page}/remove", data={"why": "moved away"}).status_code == 303
    assert bench.recipient(who.id).reason == "taken out by The operator: moved away"
    number = who.numbers[0]
    assert browser.post(f"{page}/opt-out", data={"number": number}).status_code == 303
    assert bench.value("SELECT number FROM opt_outs") == number


@pytest.fixture
def hurried(bench: Bench) -> Any:
    """A campaign that cannot call all of its ten people within the hour."""

    def act(session: Any) -> Any:
        slow = make_account(session, cps=0.001)
        campaign = make_campaign(session, slow, kind="reminder", reminder=RULE)
        soon = database_now(session) + timedelta(hours=1)
        for _ in range(10):
            make_recipient(session, campaign, deadline_at=soon, appointment_at=soon)
        foresee(session, database_now(session))
        return campaign

    return bench.run(act)


def test_who_is_at_risk_is_listed_page_by_page(app, hurried):
    client, path = make_client(app), f"/api/v1/campaigns/{hurried.id}/at-risk"
    first = client.get(f"{path}?limit=6").json()
    assert "cannot be called in time" in first["sentence"]
    assert (first["people"] > 0, len(first["items"])) == (True, 6)
    rest = client.get(f"{path}?limit=6&after={first['next']}").json()
    assert (len(rest["items"]), rest["next"]) == (4, None)
    masked = make_client(app, role="viewer").get(path).json()["items"][0]["numbers"][0]
    assert masked not in {one["numbers"][0] for one in first["items"]}
    assert client.get("/api/v1/campaigns/99/at-risk").status_code == 404


def test_the_same_people_are_a_file_and_the_page_says_so(app, engine, hurried):
    client, path = make_client(app), f"/api/v1/campaigns/{hurried.id}/at-risk.csv"
    rows = list(csv.DictReader(io.StringIO(client.get(path).text)))
    assert len(rows) == 10
    assert rows[0]["name"] == "Ada"
    assert rows[0]["numbers"].startswith("'+1")  # a spreadsheet shall not take it for a sum
    assert make_client(app, role="viewer").get(path).status_code == 403
    browser = make_browser(app)
    assert browser.get(path).text == client.get(path).text
    page = browser.get(f"/campaigns/{hurried.id}").text
    assert "cannot be called in time" in page
    assert path in page
    assert path not in make_browser(app, role="viewer").get(f"/campaigns/{hurried.id}").text
    with transaction(engine) as session:
        session.connection().exec_driver_sql("DELETE FROM recipients")
        foresee(session, database_now(session))
    assert client.get(f"/api/v1/campaigns/{hurried.id}/at-risk").json()["sentence"] is None
    assert path not in make_browser(app, role="admin").get(f"/campaigns/{hurried.id}").text
