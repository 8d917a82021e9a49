"""Step one: a list comes in, is looked at, imported and undone; nothing is guessed about dates."""

import re

from sqlalchemy import select, text

from campaigns import importing
from campaigns.db import transaction
from campaigns.models import Import
from campaigns.web.pages.wizard import uploading
from tests.integration.reporting.seed import make_account
from tests.integration.reporting.served import make_client
from tests.integration.wizard.setting import (
    AMBIGUOUS,
    MEMBERS,
    actions,
    at,
    import_text,
    kept,
    make_draft,
    note,
    upload,
)


def test_a_file_is_looked_at_before_anything_is_imported(engine, browser):
    campaign_id = make_draft(engine)
    answer = upload(browser, campaign_id)
    assert answer.status_code == 303
    page = note(browser, answer)
    for part in ("UTF-8 (found)", "Comma (found)", "{city}", "+12125550143", "2 are good"):
        assert part in page, part
    with transaction(engine) as session:
        assert session.execute(text("SELECT count(*) FROM recipients")).scalar_one() == 0


def test_a_script_that_uploads_is_told_where_to_go_on(engine, browser):
    campaign_id = make_draft(engine)
    answer = upload(browser, campaign_id, accept="application/json")
    assert answer.json() == {"to": f"{at(campaign_id, 'recipients')}/1"}


def test_the_same_file_twice_is_one_list(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    first, second = (upload(browser, campaign_id) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert len(list((tmp_path / "uploads").iterdir())) == 1


def test_a_confirmed_list_is_read_by_a_worker_and_can_be_undone(engine, app, browser, tmp_path):
    campaign_id = make_draft(engine)
    page = upload(browser, campaign_id).headers["location"]
    answer = browser.post(page, data={"do": "import"})
    assert answer.status_code == 303
    [(_, import_id)] = app.state.hints.sent
    assert "It begins in a moment" in note(browser, answer)
    with transaction(engine) as session:
        path = tmp_path / str(session.get_one(Import, import_id).stored_at)
    importing.run(engine, import_id, path)
    fragment = browser.get(f"{at(campaign_id, 'recipients')}/lists/now").text
    assert "Undo this import" in fragment
    assert "hx-trigger" not in fragment  # nothing moves any more
    assert "2 to call" in fragment  # the bar of steps comes along
    undone = browser.post(f"{page}/undo")
    assert "was undone" in note(browser, undone)
    assert actions(engine)[-3:] == ["import.create", "import.confirm", "import.undo"]


def test_a_column_is_what_a_person_says_it_is(engine, browser):
    campaign_id = make_draft(engine)
    page = upload(browser, campaign_id, "A,B,C\nAda,+12125550143,Boston\n").headers["location"]
    form = {
        "do": "look",
        "read_as": "None/None/None/None",
        "column": ["A", "B", "C"],
        "role0": "name",
        "role1": "phone1",
        "role2": "text",
        "shown0": "text",
        "shown1": "text",
        "shown2": "text",
    }
    assert 'aria-describedby="why-not"' in browser.get(page).text  # no column looks like a number
    found = browser.post(page, data=form).text
    assert "You chose this column." in found
    assert re.search(r'id="role0".*?value="name" selected', found, re.DOTALL)
    browser.post(page, data={**form, "do": "import"})
    with transaction(engine) as session:
        options = session.scalars(select(Import.options)).one()
    assert (options["name_column"], options["phone_columns"]) == ("A", ["B"])
    assert "zone_column" not in options  # nobody touched it, so it stays a guess


def test_two_columns_cannot_be_the_name(engine, browser):
    campaign_id = make_draft(engine)
    page = upload(browser, campaign_id).headers["location"]
    form = {
        "do": "import",
        "read_as": "None/None/None/None",
        "column": ["Name", "Phone", "City"],
        "role0": "name",
        "role1": "phone1",
        "role2": "name",
        "shown0": "name",
        "shown1": "phone1",
        "shown2": "text",
    }
    answer = browser.post(page, data=form)
    assert answer.status_code == 422
    assert "Only one column can be this" in answer.text


def test_two_columns_cannot_be_the_same_phone_number(engine, app, browser):
    campaign_id = make_draft(engine)
    page = upload(browser, campaign_id).headers["location"]
    form = {
        "do": "import",
        "read_as": "None/None/None/None",
        "column": ["Name", "Phone", "City"],
        "role0": "phone1",
        "role1": "phone1",
        "role2": "text",
        "shown0": "name",
        "shown1": "phone1",
        "shown2": "text",
    }
    answer = browser.post(page, data=form)
    assert answer.status_code == 422
    assert "Only one column can be this: “Name” and “Phone”" in answer.text
    assert app.state.hints.sent == []


def test_a_zone_that_is_none_is_named_beside_its_field_and_can_be_corrected(engine, app, browser):
    campaign_id = make_draft(engine, "reminder")
    page = upload(browser, campaign_id, AMBIGUOUS).headers["location"]
    form = {"do": "import", "date_format": "DD/MM/YYYY HH:MM", "appointment_zone": "Chicago"}
    answer = browser.post(page, data=form)
    assert answer.status_code == 422
    assert 'id="e-appointment_zone"' in answer.text
    assert 'value="Chicago"' in answer.text
    assert 'value="DD/MM/YYYY HH:MM" checked' in answer.text
    assert app.state.hints.sent == []
    answer = browser.post(page, data=form | {"appointment_zone": "america/chicago"})
    assert answer.status_code == 303


def test_ambiguous_dates_are_not_imported_before_a_format_is_chosen(engine, app, browser):
    campaign_id = make_draft(engine, "reminder")
    page = upload(browser, campaign_id, AMBIGUOUS).headers["location"]
    found = browser.get(page).text
    assert "3 April 2099" in found
    assert "4 March 2099" in found
    assert browser.post(page, data={"do": "import"}).status_code == 422
    assert app.state.hints.sent == []
    answer = browser.post(page, data={"do": "import", "date_format": "DD/MM/YYYY HH:MM"})
    assert answer.status_code == 303
    assert kept(engine, campaign_id)["date_format"] == "DD/MM/YYYY HH:MM"


def test_a_file_that_is_no_list_says_so_and_can_be_discarded(engine, browser, tmp_path):
    campaign_id = make_draft(engine)
    page = upload(browser, campaign_id, "%PDF-1.7 not a list").headers["location"]
    found = browser.get(page)
    assert found.status_code == 422
    assert "a PDF" in found.text
    browser.post(f"{page}/discard")
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_file_of_another_campaign_is_not_found(engine, browser):
    campaign_id = make_draft(engine)
    page = upload(browser, campaign_id).headers["location"]
    with transaction(engine) as session:
        make_account(session, "other")
    other = make_draft(engine, name="third")
    assert browser.get(page.replace(f"/{campaign_id}/", f"/{other}/")).status_code == 404


def test_a_plain_form_carries_its_token_in_the_address(engine, browser):
    campaign_id = make_draft(engine)
    token = browser.headers.pop("x-csrf-token")
    files = {"file": ("members.csv", MEMBERS.encode())}
    page = at(campaign_id, "recipients")
    assert browser.post(f"{page}?csrf={token}", files=files).status_code == 303
    assert f'action="{page}?csrf={token}"' in browser.get(page).text


VISITS = "Phone,Appointment\n+12125550143,2099-04-13 10:00\n+12125550144,2099-04-13 11:00\n"
LATER = "Phone,Appointment\n+12125550143,2099-04-14 10:00\n"


def test_a_further_list_is_compared_with_the_appointments_there_are(engine, browser, app, tmp_path):
    campaign_id = make_draft(engine, "reminder")
    import_text(engine, campaign_id, tmp_path, VISITS)
    answer = upload(browser, campaign_id, LATER)
    page = browser.get(answer.headers["location"]).text
    assert "1 appointment would be moved." in page
    assert "1 appointment ahead is not in this list and stays." in page
    where, form = answer.headers["location"], {"missing": "cancel", "moved": "move"}
    assert "is not in this list and would be cancelled" in browser.post(where, data=form).text
    assert "2 appointments ahead are not" in browser.post(where, data={"moved": "add"}).text
    import_id = int(where.rsplit("/", 1)[1])
    told = make_client(app).get(f"/api/v1/imports/{import_id}/comparison").json()
    assert (told["moved"], told["missing"], told["missing_cancelled"]) == (1, 1, False)
    told = make_client(app).get(f"/api/v1/imports/{import_id}/comparison?missing=cancel").json()
    assert told["missing_cancelled"] is True
    assert browser.post(where, data={**form, "do": "import"}).status_code == 303
    with transaction(engine) as session:
        row = session.get_one(Import, import_id)
        path = tmp_path / str(row.stored_at)
        assert row.options["missing"] == "cancel"
    assert importing.run(engine, import_id, path).rows_moved == 1


def test_a_long_list_is_compared_when_somebody_asks(engine, browser, tmp_path, monkeypatch):
    monkeypatch.setattr(uploading, "COMPARED_UNASKED", 10)
    campaign_id = make_draft(engine, "reminder")
    import_text(engine, campaign_id, tmp_path, VISITS)
    where = upload(browser, campaign_id, LATER).headers["location"]
    page = browser.get(where).text
    assert ("Count now" in page, "would be moved" in page) == (True, False)
    assert "would be moved" in browser.post(where, data={"do": "compare"}).text


def test_a_first_list_has_nothing_to_be_compared_with(engine, browser):
    campaign_id = make_draft(engine, "reminder")
    page = browser.get(upload(browser, campaign_id, VISITS).headers["location"]).text
    assert "Beside the appointments" not in page
