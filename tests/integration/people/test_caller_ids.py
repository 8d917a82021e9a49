"""The numbers of an account as administrators look after them, over the API and on its page."""

from typing import Any

import pytest
from sqlalchemy import text

from campaigns import reporting
from campaigns.access import CLI
from campaigns.db import database_now, transaction
from campaigns.drafting import CampaignEdit, edit_draft
from tests.integration.reporting.seed import make_account, make_campaign, make_recipient
from tests.integration.reporting.served import make_app, make_browser, make_client

FIRST, SECOND = "+12125550100", "+12125550101"
HERE = "/api/v1/accounts/sim"


@pytest.fixture
def app(engine, tmp_path) -> Any:
    with transaction(engine) as session:
        make_account(session, caller_ids=(FIRST, SECOND))
    return make_app(engine, tmp_path)


def of_number(answer: Any, number: str) -> Any:
    return next(one for one in answer.json()["numbers"] if one["number"] == number)


def count(engine, where: str) -> int:
    with transaction(engine) as session:
        return int(session.execute(text(f"SELECT count(*) FROM {where}")).scalar_one())


def test_a_number_is_limited_paused_and_resumed_over_the_api(engine, app):
    client = make_client(app)
    added = client.post(f"{HERE}/caller-ids", json={"number": "+12125550102", "max_per_day": 50})
    assert of_number(added, "+12125550102")["max_per_day"] == 50
    limited = client.patch(f"{HERE}/caller-ids/{SECOND}", json={"cps": 0.5, "max_per_day": 100})
    assert of_number(limited, SECOND) == {
        "number": SECOND,
        "status": "active",
        "status_reason": None,
        "cps": 0.5,
        "max_per_day": 100,
    }
    free = client.patch(f"{HERE}/caller-ids/{SECOND}", json={})
    assert (of_number(free, SECOND)["cps"], of_number(free, SECOND)["max_per_day"]) == (None, None)
    paused = client.post(f"{HERE}/caller-ids/{SECOND}/pause", json={"why": "taken for spam"})
    assert of_number(paused, SECOND)["status"] == "paused"
    assert "taken for spam" in of_number(paused, SECOND)["status_reason"]
    assert count(engine, "outgoing_events") == 0  # a person knows without a mail
    resumed = client.post(f"{HERE}/caller-ids/{SECOND}/resume")
    assert of_number(resumed, SECOND)["status"] == "active"
    assert count(engine, "caller_ids WHERE judged_from IS NOT NULL") == 1
    assert count(engine, "audit_log WHERE action LIKE 'account.%_caller_id'") == 5


@pytest.mark.parametrize(
    ("body", "status"),
    [({"cps": 0}, 422), ({"max_per_day": 0}, 422), ({"max_per_day": 1.5}, 422), ({"x": 1}, 422)],
)
def test_senseless_limits_of_a_number_are_refused(app, body, status):
    assert make_client(app).patch(f"{HERE}/caller-ids/{FIRST}", json=body).status_code == status


def test_a_number_that_is_not_there_is_told(app):
    client = make_client(app)
    for verb in ("pause", "resume"):
        assert client.post(f"{HERE}/caller-ids/+12125559999/{verb}").status_code == 404


def test_the_safety_stop_is_changed_part_by_part(app):
    client = make_client(app)
    before = client.get(HERE).json()["safety"]
    after = client.patch(HERE, json={"safety": {"failed": 0.3, "on": False}}).json()["safety"]
    assert after == {**before, "failed": 0.3, "on": False}
    refused = client.patch(HERE, json={"safety": {"failed": 3}})
    assert refused.status_code == 422
    assert client.get(HERE).json()["safety"] == after


def test_the_page_of_an_account_does_the_same(engine, app):
    browser = make_browser(app, role="admin")
    browser.post("/accounts/1/caller-ids/limit", data={"number": SECOND, "max_per_day": "80"})
    assert "80 a day" in browser.get("/accounts/1").text
    wrong = browser.post("/accounts/1/caller-ids/limit", data={"number": SECOND, "cps": "fast"})
    assert (wrong.status_code, "is no number" in wrong.text) == (422, True)
    browser.post("/accounts/1/caller-ids/pause", data={"number": SECOND})
    assert "was paused by The admin." in browser.get("/accounts/1").text
    browser.post("/accounts/1/caller-ids/resume", data={"number": SECOND})
    assert count(engine, "caller_ids WHERE status = 'active'") == 2
    browser.post("/accounts/1/safety", data={"on": "yes", "failed": "30", "short": "70"})
    assert 'value="30"' in browser.get("/accounts/1").text
    wrong = browser.post("/accounts/1/safety", data={"on": "yes", "failed": "300"})
    assert wrong.status_code == 422


def test_the_page_says_what_lowers_the_rate_now(engine, app):
    with transaction(engine) as session:
        # It does not grow before that instant.
        session.execute(
            text("UPDATE accounts SET slowed_part = 0.5, slowed_at = now() + interval '1 minute'")
        )
    page = make_browser(app, role="admin").get("/accounts/1").text
    assert "2.5 calls a second." in page
    assert "The provider refused calls a while ago. It has its full rate again in" in page
    metrics = make_client(app).get("/metrics").text
    assert 'outdial_account_full_cps{account="sim"} 5.0' in metrics
    assert 'outdial_account_cps{account="sim"} 2.5' in metrics


def test_a_campaign_with_several_numbers_is_asked_for_shown_and_copied(engine, app):
    client = make_client(app)
    body = {
        "name": "Water",
        "kind": "announcement",
        "account": "sim",
        "message": "Hello.",
        "caller_id": SECOND,
        "more_caller_ids": [FIRST, SECOND],
        "local_presence": True,
        "ramp": {"start": 0.5, "seconds": 60},
    }
    made = client.post("/api/v1/campaigns", json=body).json()
    assert (made["caller_id"], made["caller_ids"]) == (SECOND, [SECOND, FIRST])
    assert (made["local_presence"], made["ramp"]) == (True, {"start": 0.5, "seconds": 60})
    copy = client.post(f"/api/v1/campaigns/{made['id']}/clone").json()["id"]
    shown = client.get(f"/api/v1/campaigns/{copy}").json()
    assert shown.get("campaign", shown)["caller_ids"] == [SECOND, FIRST]
    with transaction(engine) as session:
        edit = CampaignEdit(more_caller_ids=[])
        edit_draft(session, copy, edit, CLI, database_now(session))
    with transaction(engine) as session:
        assert reporting.campaign_view(session, copy).caller_ids == [SECOND]
    foreign = client.post("/api/v1/campaigns", json=body | {"more_caller_ids": ["+12125559999"]})
    assert foreign.status_code == 422


def test_a_campaign_whose_numbers_are_all_paused_says_so(engine, app):
    with transaction(engine) as session:
        campaign = make_campaign(session, caller_id=FIRST, more_caller_ids=[SECOND])
        make_recipient(session, campaign, 1)
    client = make_client(app)
    for number in (FIRST, SECOND):
        client.post(f"{HERE}/caller-ids/{number}/pause")
    told = client.get(f"/api/v1/campaigns/{campaign}").json()
    assert "all its 2 numbers are paused" in str(told)


def test_weight_and_ramp_change_while_it_runs(engine, app):
    with transaction(engine) as session:
        campaign = make_campaign(session)
    client = make_client(app)
    where = f"/api/v1/campaigns/{campaign}/pace"
    changed = client.patch(where, json={"weight": 3, "ramp": {"start": 0.2, "seconds": 600}})
    assert (changed.json()["weight"], changed.json()["ramp"]["seconds"]) == (3, 600)
    assert client.patch(where, json={}).status_code == 422
    assert client.patch(where, json={"ramp": {"start": 2, "seconds": 1}}).status_code == 422
    with transaction(engine) as session:
        (sentence,) = session.scalars(text("SELECT sentence FROM campaign_log")).all()
    assert "changed to 20% growing for 600 seconds" in sentence
    assert "weight beside other campaigns was changed to 3" in sentence
