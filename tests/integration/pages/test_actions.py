"""What the buttons and forms of the daily pages do, and to whom they are refused."""

import json
import re
from typing import Any

from sqlalchemy import Engine, text

from campaigns.db import database_now, transaction
from campaigns.models import Campaign, Recipient
from tests.integration.pages.reading import Page
from tests.integration.reporting.seed import (
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)

CAMPAIGN = "/campaigns/1"
ACTIONS = (
    *(f"{CAMPAIGN}/{verb}" for verb in ("pause", "resume", "stop", "pace", "hours", "clone")),
    *(f"{CAMPAIGN}/{verb}" for verb in ("redial", "archive", "unarchive", "recipients/add")),
    *(f"/recipients/1/{verb}" for verb in ("edit", "remove", "opt-out", "call-again")),
    *("/imports/1/undo", "/kill-switch/off"),
)


def column(engine: Engine, sql: str) -> list[Any]:
    """The first value of each row."""
    with transaction(engine) as session:
        return [row[0] for row in session.execute(text(sql))]


def status_of(engine: Engine) -> str:
    """The campaign's status as it is now."""
    with transaction(engine) as session:
        return session.get_one(Campaign, 1).status


def test_viewers_may_press_nothing(browsers, engine, running):
    for path in ACTIONS:
        assert browsers("viewer").post(path).status_code == 403
    assert browsers("operator").post("/kill-switch/on").status_code == 403
    assert column(engine, "SELECT action FROM audit_log") == []
    for path in ("recipients.csv", "recipients.ndjson"):
        assert browsers("viewer").get(f"{CAMPAIGN}/{path}").status_code == 403


def test_forms_of_another_site_do_nothing(operator, engine, running):
    del operator.headers["x-csrf-token"]
    for path in ACTIONS:
        assert operator.post(path).status_code == 403
    assert status_of(engine) == "running"


def test_a_pause_takes_calls_back_and_tells_what_it_did(app, operator, engine, running):
    with transaction(engine) as session:
        now = database_now(session)
        person = make_recipient(session, running, 40, status="in_flight")
        dialing = make_attempt(session, person, "dialing", slot_at=now, provider_call_id="c")
    assert operator.get(CAMPAIGN).text.count("Paused") == 0
    answer = operator.post(f"{CAMPAIGN}/pause")
    assert (answer.status_code, answer.headers["location"]) == (303, CAMPAIGN)
    assert app.state.hints.recalled == [[dialing]]
    page = Page(operator.get(CAMPAIGN).text)
    assert f"{CAMPAIGN}/resume" in page.actions
    assert f"{CAMPAIGN}/pause" not in page.actions
    assert "1 call was recalled because nothing rang yet: 1 being taken back." in page.text
    assert re.search(r"last call (was dialled at most|went out) \d+(\.\d)? m?s", page.text)
    assert (
        "The campaign was paused by The operator."
        in Page(operator.get(f"{CAMPAIGN}/log").text).text
    )
    operator.post(f"{CAMPAIGN}/resume")
    assert status_of(engine) == "running"
    assert "1 call was recalled" not in Page(operator.get(CAMPAIGN).text).text.split("Lately")[0]


def test_a_stopped_campaign_can_be_redialled_copied_and_archived(operator, engine, running):
    operator.post(f"{CAMPAIGN}/stop")
    assert status_of(engine) == "stopped"
    page = Page(operator.get(f"{CAMPAIGN}/settings").text)
    assert {f"{CAMPAIGN}/redial", f"{CAMPAIGN}/clone", f"{CAMPAIGN}/archive"} <= page.actions
    assert f"{CAMPAIGN}/pace" not in page.actions
    answer = operator.post(f"{CAMPAIGN}/redial", data={"include_waiting": "yes"})
    assert answer.headers["location"] == "/campaigns/2/setup"
    people = "SELECT count(*) FROM recipients WHERE campaign_id = 2"
    assert column(engine, people) == [4]  # one not reached, three who waited
    assert operator.post(f"{CAMPAIGN}/clone").headers["location"] == "/campaigns/3/setup"
    told = Page(operator.get(CAMPAIGN).text).text
    assert "Redialled as Water is off (redial)" in told
    assert "Copied as Water is off (copy)" in told
    assert operator.post(f"{CAMPAIGN}/archive").headers["location"] == "/campaigns"
    listed = Page(operator.get("/campaigns").text).all("href")
    assert CAMPAIGN not in listed
    assert CAMPAIGN not in Page(operator.get("/").text).all("href")
    assert CAMPAIGN in Page(operator.get("/campaigns?show=archived").text).all("href")
    operator.post(f"{CAMPAIGN}/unarchive")
    assert CAMPAIGN in Page(operator.get("/campaigns?show=over").text).all("href")


def test_a_redial_of_nobody_leaves_no_draft_behind(operator, engine, running):
    with transaction(engine) as session:
        session.execute(text("UPDATE recipients SET status = 'completed', next_attempt_at = NULL"))
    answer = operator.post(f"{CAMPAIGN}/redial")
    assert answer.status_code == 409
    assert "There is nobody to call again" in answer.text
    assert column(engine, "SELECT id FROM campaigns") == [1]


def test_pace_and_hours_are_changed_or_say_what_is_wrong(operator, engine, running):
    for form, words in (
        ({"max_cps": "6"}, "5 calls per second at most"),
        ({"max_cps": "many"}, "Write a number"),
        ({"max_cps": "-1"}, "Write a number above 0"),
    ):
        answer = operator.post(f"{CAMPAIGN}/pace", data=form)
        assert answer.status_code == 422
        assert words in answer.text
        assert f'value="{form["max_cps"]}"' in answer.text
    operator.post(f"{CAMPAIGN}/pace", data={"max_cps": "2,5"})
    assert column(engine, "SELECT max_cps FROM campaigns") == [2.5]
    for form, words in (
        ({"windows": "noon"}, "is not a day of the week"),
        ({"windows": "always", "ends_at": "2020-01-01T10:00"}, "must lie ahead"),
        ({"windows": "always", "ends_at": "tomorrow"}, "Write a date and a time"),
        # The end alone could be kept; together with hours that cannot, it is not.
        ({"windows": "never", "ends_at": "2099-01-01T10:00"}, "is not a day of the week"),
    ):
        answer = operator.post(f"{CAMPAIGN}/hours", data=form)
        assert answer.status_code == 422
        assert words in answer.text
    assert column(engine, "SELECT ends_at FROM campaigns") == [None]
    form = {"windows": "mon-fri 09:00-17:00", "ends_at": "2099-01-01T10:00"}
    assert operator.post(f"{CAMPAIGN}/hours", data=form).status_code == 303
    told = Page(operator.get(f"{CAMPAIGN}/settings").text).text
    assert "mon-fri 09:00-17:00, in the time of whoever is called" in told
    actions = column(engine, "SELECT action FROM audit_log ORDER BY id")
    assert actions == ["campaign.change_pace", "campaign.change_hours", "campaign.change_hours"]
    before = column(engine, "SELECT count(*) FROM audit_log")
    operator.post(f"{CAMPAIGN}/hours", data=form)  # nothing is different
    assert column(engine, "SELECT count(*) FROM audit_log") == before


def test_the_kill_switch_is_pressed_by_operators_and_released_by_administrators(
    browsers, engine, running
):
    operator, admin = browsers("operator"), browsers("admin")
    assert operator.post("/kill-switch/off", data={"why": "smoke"}).status_code == 303
    page = Page(operator.get("/").text)
    assert "Dialling is switched off" in page.text
    assert page.actions == set()
    assert "/kill-switch/on" in Page(admin.get("/").text).actions
    admin.post("/kill-switch/on")
    assert "Dialling is switched off" not in Page(admin.get("/").text).text
    assert column(engine, "SELECT action || ' ' || actor_name FROM audit_log ORDER BY id") == [
        "dialling.switch_off The operator",
        "dialling.switch_on The admin",
    ]


def value_of(page, name):
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_a_person_is_found_changed_called_again_and_taken_out(operator, engine, running):
    with transaction(engine) as session:
        session.execute(text("UPDATE campaigns SET rule_set = 'practice'"))
    found = Page(operator.get("/recipients?q=0120").text).all("href")
    assert "/recipients/4" in found
    assert "/recipients/4" in Page(operator.get("/recipients?q=Person+20").text).all("href")
    assert "Nobody found" in operator.get("/recipients?q=Person+20&status=review").text
    assert "at least 4 digits" in operator.get("/recipients?q=12").text

    form = {"numbers": "+12125550199\n", "name": "Grace Hopper", "zone": "America/Chicago"}
    assert operator.post("/recipients/1/edit", data=form).status_code == 303
    with transaction(engine) as session:
        row = session.get_one(Recipient, 1)
        assert (row.numbers, row.fields["name"]) == (["+12125550199"], "Grace Hopper")
        assert row.zone == "America/Chicago"
    answer = operator.post("/recipients/1/edit", data={**form, "numbers": "12"})
    assert answer.status_code == 422
    assert "Nothing was changed" in answer.text
    assert "Grace Hopper" in answer.text
    assert operator.post("/recipients/1/edit", data={**form, "numbers": ""}).status_code == 422

    seen = value_of(operator.get("/recipients/1/edit").text, "seen")
    mine = {**form, "name": "Grace B. Hopper", "seen": seen}
    assert operator.post("/recipients/1/edit", data=mine).status_code == 303
    late = operator.post("/recipients/1/edit", data={**mine, "name": "Grace M. Hopper"})
    assert late.status_code == 412
    assert "the name is now “Grace B. Hopper”" in late.text
    assert 'value="Grace M. Hopper"' in late.text
    again = {**mine, "name": "Grace M. Hopper", "seen": value_of(late.text, "seen")}
    assert operator.post("/recipients/1/edit", data=again).status_code == 303

    told = Page(operator.get("/recipients/7").text)
    assert "/recipients/7/call-again" in told.actions
    assert "Over: Unknown" in told.text
    operator.post("/recipients/7/call-again")
    with transaction(engine) as session:
        assert session.get_one(Recipient, 7).status == "pending"
    operator.post("/recipients/7/remove", data={"why": "wrong list"})
    assert "Taken out" in Page(operator.get("/recipients/7").text).text
    answer = operator.post("/recipients/2/remove")
    assert answer.headers["location"] == "/recipients/2"
    assert "Taken out" in Page(operator.get("/recipients/2").text).text
    busy = operator.post("/recipients/8/remove")
    assert busy.status_code == 409
    assert "being called at this moment" in busy.text


def test_a_person_is_added_by_the_rules_for_lists(operator, engine, running):
    path = f"{CAMPAIGN}/recipients/add"
    assert operator.post(path, data={"numbers": "", "name": "Ana"}).status_code == 422
    bad = operator.post(path, data={"numbers": "911", "name": "Ana"})
    assert bad.status_code == 422
    assert "Nobody was added" in bad.text
    good = operator.post(path, data={"numbers": "+1 212 555 0177", "name": "Ana"})
    assert re.fullmatch(r"/recipients/\d+", good.headers["location"])
    again = operator.post(path, data={"numbers": "+12125550177", "name": "Ana"})
    assert again.status_code == 422
    assert "already" in again.text


def test_who_asked_to_be_left_alone_is_left_alone_everywhere(operator, engine, running):
    answer = operator.post("/recipients/1/opt-out", data={"why": "told us on the phone"})
    assert answer.status_code == 303
    rows = column(engine, "SELECT number || ' ' || source || ' ' || evidence FROM opt_outs")
    assert rows == ["+12125550100 verbal told us on the phone"]
    page = Page(operator.get("/recipients/1").text)
    assert "Opted out" in page.text
    assert "/recipients/1/opt-out" not in page.actions


def test_everybody_can_be_taken_along(operator, running):
    csv = operator.get(f"{CAMPAIGN}/recipients.csv").text
    assert len(csv.splitlines()) == 9
    lines = operator.get(f"{CAMPAIGN}/recipients.ndjson")
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    people = [json.loads(line) for line in lines.text.splitlines()]
    assert len(people) == 8
    reached = next(one for one in people if one["status"] == "completed")
    assert (reached["answer"], reached["disposition"]) == ("confirm", "answered_human")
    assert reached["fields"] == {"name": "Person 20"}


def test_campaigns_are_listed_by_status_and_drafts_are_continued(operator, engine):
    with transaction(engine) as session:
        make_account(session)
        for n in range(30):
            make_campaign(session, "draft" if n % 2 else "running", name=f"No {n}")
    first = Page(operator.get("/campaigns").text)
    drafts = [one for one in first.all("href") if one.endswith("/setup")]
    assert "/campaigns/30/setup" in drafts
    older = next(one for one in first.all("href") if "before=" in one)
    second = Page(operator.get(older).text)
    shown = {one for page in (first, second) for one in page.all("href")}
    assert {f"/campaigns/{n}" for n in range(1, 31, 2)} <= shown
    only = Page(operator.get("/campaigns?show=draft").text)
    assert "No 1 " in only.text + " "
    assert "/campaigns/1" not in only.all("href")
