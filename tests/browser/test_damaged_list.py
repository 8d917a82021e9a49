"""A list as offices have them: seen, put right, and what cannot be used given back."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser import steps
from tests.browser.conftest import Visit
from tests.browser.lists import DAMAGED, DAMAGED_NUMBER, LOST_NUMBER, ambiguous_dates, members
from tests.browser.steps import figure
from tests.sounds import wav

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.beside,
    pytest.mark.timeout(200),
]


def test_a_damaged_list_is_put_right_and_its_rejects_are_given_back(visit: Visit) -> None:
    page = visit.page
    visit.sign_in()
    steps.begin(visit, "Club news", "Announcement")
    steps.upload(visit, "members.csv", DAMAGED)
    assert _chosen(page, "Encoding") == "Windows-1252 (found)"
    assert _chosen(page, "Between columns") == "Semicolon (found)"
    expect(page.get_by_role("cell", name="Renée Dubois", exact=True)).to_be_visible()
    _put_the_office_out_of_the_calls(page)
    visit.check_accessible()
    visit.shot("wizard-damaged")
    steps.import_it(visit)
    _see_what_became_of_it(page)
    visit.shot("wizard-repairs")
    _read_the_rejects(page)
    _take_it_back_and_bring_it_again(visit)
    _play_a_recording(visit)


def _chosen(page: Page, label: str) -> str:
    text: str = page.get_by_label(label).evaluate("one => one.selectedOptions[0].textContent")
    return text


def _put_the_office_out_of_the_calls(page: Page) -> None:
    """The office's own number was taken for a second number of each person."""
    office = page.get_by_label("Office phone is")
    assert _chosen(page, "Office phone is") == "Phone number 2"
    first = page.get_by_role("row").filter(has=page.get_by_role("cell", name="2", exact=True))
    expect(first).to_contain_text("+12065550101, +12065550199")
    office.select_option(label="Text to speak, or nothing")
    expect(first).not_to_contain_text("+12065550199")
    expect(first).to_contain_text("+12065550101")
    expect(page.get_by_text("are good")).to_contain_text("6 are good")


def _see_what_became_of_it(page: Page) -> None:
    expect(figure(page, "Imported")).to_have_text("6")
    expect(figure(page, "Rejected")).to_have_text("2")
    expect(page.get_by_text("Digits lost in a spreadsheet")).to_be_visible()
    expect(page.get_by_text("Numbers in scientific notation were written out")).to_be_visible()
    expect(page.locator(".repairs")).to_contain_text(DAMAGED_NUMBER)
    expect(page.locator(".repairs")).to_contain_text("+12065550143")


def _read_the_rejects(page: Page) -> None:
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the rejected rows").click()
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    lost, torn = csv.DictReader(io.StringIO(text, newline=""))
    assert (lost["outdial_line"], lost["outdial_reason"]) == ("5", "digits_lost")
    # In the list's own columns, so that it can be corrected and brought again.
    assert (lost["Name"], lost["Phone"]) == ("Lucía Peña", LOST_NUMBER)
    assert torn["outdial_line"] == "7"
    assert "Jürgen Groß" in torn["Name"]
    # Only the damaged row is lost: the one after it was imported.
    assert "Inés" not in text


def _take_it_back_and_bring_it_again(visit: Visit) -> None:
    page = visit.page
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Undo this import").click()
    expect(page.get_by_text("Undone", exact=True)).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", name="Whom shall we call?")).to_be_visible()
    steps.upload(visit, "members.csv", members("617", 4))
    steps.import_it(visit)
    expect(figure(page, "Imported")).to_have_text("4")


def _play_a_recording(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/message")
    page.get_by_role("radio", name="A recording").check()
    sound: FilePayload = {"name": "boat house.wav", "mimeType": "audio/wav", "buffer": wav(2.0)}
    page.get_by_label("Upload a recording").set_input_files([sound])
    expect(page.get_by_text("is chosen")).to_be_visible()
    player = page.locator("audio")
    expect(player).to_be_visible()
    address = player.get_attribute("src")
    assert address
    answer = page.request.get(address if address.startswith("http") else visit.stack.url + address)
    assert answer.headers["content-type"] == "audio/wav"
    heard = page.get_by_role("region", name="As it is heard")
    expect(heard).to_contain_text("boat house")
    steps.next_step(visit, "Holidays")


def test_dates_that_can_be_read_in_two_ways_are_asked_about(visit: Visit) -> None:
    page = visit.page
    visit.sign_in()
    steps.begin(visit, "Two ways", "Appointment reminder")
    steps.upload(visit, "dates.csv", ambiguous_dates(datetime.now(UTC).date()))
    question = page.get_by_role("region", name="How are the appointments written?")
    expect(question.get_by_role("alert")).to_contain_text("in more than one way")
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    question.get_by_role("radio", name="DD/MM/YYYY").check()
    expect(page.get_by_text("are good")).to_contain_text("4 are good")
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_enabled()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete draft").click()
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
