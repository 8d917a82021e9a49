"""Steps three and four: hours, recurrence, pace and retries, each problem beside its field."""

import pytest

from campaigns.drafting.retrying import preset_named
from tests.integration.wizard.setting import (
    HOURS,
    at,
    edit,
    import_text,
    kept,
    make_draft,
    note,
)


def test_hours_are_said_in_a_sentence_as_they_are_typed(engine, browser):
    campaign_id = make_draft(engine)
    said = browser.post(f"{at(campaign_id, 'when')}/said", data=HOURS).text
    assert "Mon and Tue 9:00–17:30" in said  # noqa: RUF001
    assert kept(engine, campaign_id)["windows"].get("wed") is not None


def test_several_ranges_of_a_day_and_holidays_are_kept(engine, browser):
    campaign_id = make_draft(engine)
    form = {
        "mon_from": ["09:00", "14:00", ""],
        "mon_to": ["12:00", "00:00", ""],
        "holiday_country": "US",
        "closed_dates": "2026-12-24",
    }
    assert browser.post(at(campaign_id, "when"), data=form).status_code == 303
    found = kept(engine, campaign_id)
    assert found["windows"] == {"mon": [["09:00", "12:00"], ["14:00", "24:00"]]}
    assert found["holidays"] == {"country": "US", "dates": ["2026-12-24"]}
    page = browser.get(at(campaign_id, "when")).text
    assert "public holidays in United States" in page
    assert page.count('name="mon_from" value="14:00"') == 1


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "hours"),
        ({"mon_from": "09:00", "mon_to": ""}, "mon"),
        ({**HOURS, "start": "at"}, "starts_at"),
        ({**HOURS, "ends_at": "2001-01-01T10:00"}, "ends_at"),
        ({**HOURS, "start": "at", "starts_at": "soon"}, "starts_at"),
        ({**HOURS, "holiday_country": "Atlantis"}, "holiday_country"),
    ],
)
def test_hours_that_cannot_be_used_are_told_beside_their_field(engine, browser, form, field):
    campaign_id = make_draft(engine)
    before = kept(engine, campaign_id)
    answer = browser.post(at(campaign_id, "when"), data=form)
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert kept(engine, campaign_id) == before


def test_a_deadline_must_be_nearer_than_the_call(engine, browser):
    campaign_id = make_draft(engine, "reminder")
    form = {**HOURS, "offset": "2h", "deadline": "1d"}
    answer = browser.post(at(campaign_id, "when"), data=form)
    assert 'id="e-deadline"' in answer.text
    assert 'value="2h"' in answer.text


def test_a_start_is_on_the_viewers_clock(engine, browser):
    campaign_id = make_draft(engine)
    browser.cookies.set("outdial_zone", "America/New_York")
    form = {**HOURS, "start": "at", "starts_at": "2099-07-01T09:00"}
    assert browser.post(at(campaign_id, "when"), data=form).status_code == 303
    assert kept(engine, campaign_id)["starts_at"].isoformat() == "2099-07-01T13:00:00+00:00"
    assert 'value="2099-07-01T09:00"' in browser.get(at(campaign_id, "when")).text


def test_a_campaign_recurs_from_its_own_page(engine, browser):
    campaign_id = make_draft(engine)
    edit(engine, campaign_id, message="The water is off.")
    page = at(campaign_id, "recurrence")
    form = {"day": ["mon"], "time": "09:00", "zone": "Europe/London"}
    answer = browser.post(page, data=form)
    assert answer.status_code == 422
    assert 'id="e-where"' in answer.text
    form |= {"where": "https://example.org/list.csv"}
    answer = browser.post(page, data=form)
    assert answer.status_code == 303
    assert "Monday at 09:00, Europe/London time" in note(browser, answer)
    assert browser.post(at(campaign_id, "delete")).status_code == 409
    browser.post(f"{page}/end")
    assert browser.post(at(campaign_id, "delete")).status_code == 303


def test_a_pace_beyond_the_account_is_refused(engine, browser):
    campaign_id = make_draft(engine)
    form = {"limit": "own", "pace": "400", "unit": "minute", "preset": "normal"}
    answer = browser.post(at(campaign_id, "pace"), data=form)
    assert answer.status_code == 422
    assert 'id="e-pace"' in answer.text
    assert 'value="400"' in answer.text
    browser.post(at(campaign_id, "pace"), data={**form, "pace": "30"})
    assert kept(engine, campaign_id)["max_cps"] == 0.5


def test_retries_of_ones_own_are_kept_as_typed(engine, browser):
    campaign_id = make_draft(engine)
    form = {
        "preset": "own",
        "max_attempts": "4",
        "max_per_day": "2",
        "wait_busy": "5m, 1h",
        "machine": "again",
        "wait_answered_machine": "2h",
        "most_busy": "2",
        "per_number": "3, 1",
        "other_hour": "yes",
    }
    assert browser.post(at(campaign_id, "pace"), data=form).status_code == 303
    policy = kept(engine, campaign_id)["retry_policy"]
    assert policy["waits"] == {"busy": [300, 3600], "answered_machine": [7200]}
    assert (policy["max_attempts"], policy["max_per_day"]) == (4, 2)
    assert policy["machine_counts_as_reached"] is False
    assert (policy["limits"], policy["per_number"]) == ({"busy": 2}, [3, 1])
    assert (policy["other_hour"], policy["message_then_person"]) == (True, False)
    page = browser.get(at(campaign_id, "pace")).text
    assert 'value="3, 1"' in page
    assert 'name="machine" value="again" checked' in page


def test_caps_of_ones_own_are_kept_as_typed(engine, browser):
    campaign_id = make_draft(engine)
    form = {"preset": "normal", "caps": "3 in 24h to a number; often"}
    wrong = browser.post(at(campaign_id, "pace"), data=form)
    assert (wrong.status_code, 'id="e-caps"' in wrong.text) == (422, True)
    assert 'value="3 in 24h to a number; often"' in wrong.text
    form["caps"] = "3 in 24h to a number; 5 in 7d per person"
    assert browser.post(at(campaign_id, "pace"), data=form).status_code == 303
    assert [one["calls"] for one in kept(engine, campaign_id)["caps"]] == [3, 5]
    assert f'value="{form["caps"]}"' in browser.get(at(campaign_id, "pace")).text
    assert form["caps"] in browser.get(at(campaign_id, "review")).text
    browser.post(at(campaign_id, "pace"), data={"preset": "normal"})  # a form without the field
    assert len(kept(engine, campaign_id)["caps"]) == 2


def test_a_preset_is_told_in_words_and_kept_whole(engine, browser):
    campaign_id = make_draft(engine)
    form = {"preset": "persistent", "limit": "account"}
    assert browser.post(at(campaign_id, "pace"), data=form).status_code == 303
    assert kept(engine, campaign_id)["retry_policy"] == preset_named("persistent").serialise()
    page = browser.get(at(campaign_id, "pace")).text
    assert 'value="persistent" data-retries' in page
    assert "Up to 6 calls to each person, at most 3 within 24 hours." in page
    assert "27 hours" in browser.get(at(campaign_id, "review")).text


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"max_attempts": "99"}, "max_attempts"),
        ({"max_attempts": "two"}, "max_attempts"),
        ({"most_busy": "99"}, "most_busy"),
        ({"per_number": "often"}, "per_number"),
        ({"per_number": "99"}, "per_number"),
        ({"wait_busy": "soon"}, "wait_busy"),
        ({"wait_no_answer": "30d"}, "wait_no_answer"),
        ({"ring_timeout": "0"}, "ring_timeout"),
        ({"weight": "-1"}, "weight"),
    ],
)
def test_retries_that_cannot_be_used_are_told_beside_their_field(engine, browser, form, field):
    campaign_id = make_draft(engine)
    answer = browser.post(at(campaign_id, "pace"), data={"preset": "own", **form})
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text


def test_the_estimate_follows_the_pace_that_is_typed(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    told = browser.post(
        f"{at(campaign_id, 'pace')}/estimate", data={"limit": "own", "pace": "1", "unit": "minute"}
    ).text
    assert "2 people at 1 call a minute: about 2 minutes" in told
