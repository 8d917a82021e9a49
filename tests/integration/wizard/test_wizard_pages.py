"""The wizard as a browser meets it: begun, gone on with, reviewed, started, deleted."""

import re

from sqlalchemy import text

from campaigns.db import database_now, transaction
from tests.integration.reporting.seed import make_account
from tests.integration.reporting.served import make_app, make_browser, make_client
from tests.integration.wizard.setting import (
    LIVE_URL,
    actions,
    at,
    edit,
    import_text,
    make_draft,
    note,
    upload,
)


def test_without_an_account_the_page_says_what_to_do(browser):
    page = browser.get("/campaigns/new").text
    assert "No account to call from yet" in page
    assert 'name="kind"' not in page


def test_a_name_a_kind_and_an_account_make_a_draft(engine, browser):
    with transaction(engine) as session:
        make_account(session)
    answer = browser.post(
        "/campaigns/new", data={"name": "Water", "kind": "announcement", "account": "sim"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/campaigns/1/setup/recipients"
    assert actions(engine) == ["campaign.create"]
    assert "Whom shall we call?" in note(browser, answer)


def test_what_is_missing_is_said_beside_it_and_the_rest_is_kept(engine, browser):
    with transaction(engine) as session:
        make_account(session)
    answer = browser.post("/campaigns/new", data={"name": "", "kind": "announcement"})
    assert answer.status_code == 422
    assert 'id="e-name"' in answer.text
    assert re.search(r'value="announcement" checked', answer.text)


def test_a_viewer_is_kept_out_of_every_step(engine, app):
    campaign_id = make_draft(engine)
    viewer = make_browser(app, role="viewer")
    for path in ("/campaigns/new", *(at(campaign_id, s) for s in ("recipients", "review"))):
        assert viewer.get(path).status_code == 403, path
    assert viewer.post(at(campaign_id, "delete")).status_code == 403


def test_going_on_leads_to_the_first_step_that_is_open(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    page = f"/campaigns/{campaign_id}/setup"
    assert browser.get(page).headers["location"] == at(campaign_id, "recipients")
    import_text(engine, campaign_id, tmp_path)
    assert browser.get(page).headers["location"] == at(campaign_id, "message")


def test_the_review_names_what_stands_in_the_way(engine, browser):
    campaign_id = make_draft(engine)
    page = browser.get(at(campaign_id, "review")).text
    assert "There is nobody to call yet" in page
    assert "It is not written yet what people hear" in page
    assert browser.post(at(campaign_id, "review")).status_code == 422


def test_starting_leads_to_the_campaign_and_is_in_the_audit_log(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    edit(engine, campaign_id, message="Hello {name}.")
    page = browser.get(at(campaign_id, "review")).text
    assert "simulates calls to 2 people" in page
    assert "at once" in page
    answer = browser.post(at(campaign_id, "review"))
    assert answer.headers["location"] == f"/campaigns/{campaign_id}"
    assert actions(engine)[-1] == "campaign.start"
    again = browser.get(at(campaign_id, "review"))
    assert again.headers["location"] == f"/campaigns/{campaign_id}"


def test_real_calls_start_only_when_their_number_was_typed(engine, tmp_path):
    app = make_app(engine, tmp_path, live_dialling=True)
    browser = make_browser(app)
    campaign_id = make_draft(engine, live=True)
    with transaction(engine) as session:
        now = database_now(session)
        session.execute(
            text("""
                INSERT INTO zone_keys (country, zones) VALUES ('US', '{UTC}');
            """)
        )
        session.execute(
            text("""
                INSERT INTO recipients (campaign_id, dedupe_key, numbers, zone, zone_key, status,
                                        next_attempt_at)
                VALUES (:id, 'a', '{+12125550143}', 'UTC', 1, 'pending', :now)
            """),
            {"id": campaign_id, "now": now},
        )
    edit(engine, campaign_id, message="Hello.")
    page = browser.get(at(campaign_id, "review")).text
    assert "places real calls to 1 person" in page
    for wrong in ("", "2", "yes"):
        answer = browser.post(at(campaign_id, "review"), data={"confirmation": wrong})
        assert answer.status_code == 422
        assert "to place real calls" in answer.text
    answer = browser.post(at(campaign_id, "review"), data={"confirmation": "1"})
    assert answer.headers["location"] == f"/campaigns/{campaign_id}"


def test_a_live_account_that_may_not_dial_stands_in_the_way(engine, browser):
    campaign_id = make_draft(engine, live=True)
    assert "OUTDIAL_LIVE_DIALLING" in browser.get(at(campaign_id, "review")).text


def test_a_draft_is_deleted_with_its_files(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    upload(browser, campaign_id)
    answer = browser.post(at(campaign_id, "delete"))
    assert answer.headers["location"] == "/campaigns"
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_form_without_its_token_changes_nothing(engine, browser):
    campaign_id = make_draft(engine)
    del browser.headers["x-csrf-token"]
    assert browser.post(at(campaign_id, "pace"), data={"preset": "once"}).status_code == 403
    assert browser.post(at(campaign_id, "delete")).status_code == 403
    assert upload(browser, campaign_id).status_code == 403


def test_the_api_edits_a_draft_and_refuses_an_outdated_version(engine, app):
    campaign_id = make_draft(engine)
    client = make_client(app)
    path = f"/api/v1/campaigns/{campaign_id}"
    seen = client.get(path).headers["etag"]
    first = client.patch(path, json={"ring_timeout": 45}, headers={"if-match": seen})
    assert first.status_code == 200
    assert first.json()["ring_timeout"] == 45
    outdated = client.patch(path, json={"ring_timeout": 60}, headers={"if-match": seen})
    assert outdated.status_code == 412
    assert client.patch(path, json={"kind": "reminder"}).status_code == 422
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_live_calls_say_so_where_an_account_is_chosen(engine, browser):
    with transaction(engine) as session:
        make_account(session, "real", live=True, base_url=LIVE_URL)
    assert "Live: real calls" in browser.get("/campaigns/new").text
