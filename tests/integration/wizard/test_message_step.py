"""Step two: texts are heard before they are kept, and nothing typed is lost."""

import re

import pytest
from sqlalchemy import Engine, text

from campaigns.campaigning import campaign_by_id
from campaigns.db import transaction
from campaigns.drafting import is_written
from tests.integration.wizard.setting import (
    actions,
    at,
    import_text,
    kept,
    make_draft,
)
from tests.sounds import wav


def test_a_text_is_heard_with_the_values_of_real_people(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    typed = {"text": "own", "message": "Hello {name} in {city}."}
    heard = browser.post(f"{at(campaign_id, 'message')}/heard", data=typed).text
    assert "Hello Ada in Boston." in heard
    following = {**typed, "person_id": "1", "person": "next"}
    heard = browser.post(f"{at(campaign_id, 'message')}/heard", data=following).text
    assert "Hello Grace in Salem." in heard
    assert not is_written_in(engine, campaign_id)


def is_written_in(engine: Engine, campaign_id: int) -> bool:
    with transaction(engine) as session:
        return is_written(campaign_by_id(session, campaign_id))


def test_a_value_of_the_list_cannot_become_markup(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path, "Name,Phone\n<b onclick=x>,+12125550143\n")
    typed = {"text": "own", "message": "Hello {name}."}
    heard = browser.post(f"{at(campaign_id, 'message')}/heard", data=typed).text
    assert "<b onclick" not in heard


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("", "Write what people hear."),
        ("Hello {name", "The text has a brace without its partner."),
        ("Hello {nobody}.", "the list has no such column"),
    ],
)
def test_a_text_that_cannot_be_used_is_kept_in_the_form(
    engine, browser, tmp_path, message, problem
):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    answer = browser.post(
        at(campaign_id, "message"), data={"text": "own", "message": message, "contact": "555 0100"}
    )
    assert answer.status_code == 422
    assert problem in answer.text
    assert f">{message}</textarea>" in answer.text
    assert 'value="555 0100"' in answer.text
    assert not is_written_in(engine, campaign_id)


def test_a_saved_text_leads_on_or_away(engine, browser):
    campaign_id = make_draft(engine, "reminder")
    form = {"text": "builtin", "organisation": "the Clinic", "voicemail": "leave_message"}
    answer = browser.post(at(campaign_id, "message"), data={**form, "do": "next"})
    assert answer.headers["location"] == at(campaign_id, "when")
    assert kept(engine, campaign_id)["voicemail"] == "leave_message"
    answer = browser.post(at(campaign_id, "message"), data={**form, "do": "leave"})
    assert answer.headers["location"] == "/campaigns"
    assert "the Clinic" in browser.get(at(campaign_id, "message")).text


def test_a_recording_is_uploaded_chosen_and_told_in_the_preview(engine, browser):
    campaign_id = make_draft(engine)
    answer = browser.post(
        f"{at(campaign_id, 'message')}/audio",
        files={"file": ("hello.wav", wav(2))},
        headers={"accept": "application/json"},
    )
    sha256 = answer.json()["sha256"]
    form = {"text": "audio", "audio": sha256}
    heard = browser.post(f"{at(campaign_id, 'message')}/heard", data=form).text
    assert "hello.wav" in heard
    assert browser.post(at(campaign_id, "message"), data=form).status_code == 303
    assert kept(engine, campaign_id)["audio"] == sha256


def test_a_test_call_says_what_the_person_in_the_preview_hears(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    form = {"text": "own", "message": "Hello {name}.", "to": "+12125550177", "person_id": "2"}
    answer = browser.post(f"{at(campaign_id, 'message')}/test", data=form)
    assert answer.status_code == 200
    now = re.search(r'hx-get="([^"]+)"', answer.text)
    assert now is not None
    assert "Your phone is called in a moment." in browser.get(now[1]).text
    with transaction(engine) as session:
        definition = session.execute(
            text("""SELECT f.definition FROM campaigns c JOIN flows f ON f.id = c.flow_id
                    WHERE c.kind = 'test' AND c.status = 'running'""")
        ).scalar_one()
    assert definition["message"] == "Hello Grace."
    assert not is_written_in(engine, campaign_id)


def test_a_test_call_to_no_number_says_so(engine, browser):
    campaign_id = make_draft(engine)
    form = {"text": "own", "message": "Hello.", "to": "12"}
    answer = browser.post(f"{at(campaign_id, 'message')}/test", data=form)
    assert answer.status_code == 422
    assert 'id="e-to"' in answer.text
    assert "test_call.place" not in actions(engine)


def test_a_campaign_is_not_shown_as_a_test_call(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    assert browser.get(f"{at(campaign_id, 'message')}/test/{campaign_id}/1").status_code == 404
