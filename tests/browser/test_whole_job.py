"""A campaign from the list to the exported answers, as somebody does it for the first time."""

import csv
import io
import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import steps
from tests.browser.conftest import Visit
from tests.browser.lists import sample_of
from tests.browser.steps import SLOWLY, figure

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.beside,
    pytest.mark.timeout(280),
]

ALL = ("--limit", "1000", "--json")
CLINIC = "the Harbour Clinic"


def test_from_the_list_to_the_exported_answers(visit: Visit) -> None:
    visit.sign_in()
    expect(visit.page.get_by_role("region", name="System")).to_contain_text("Everything is up")
    visit.shot("overview")
    campaign = steps.begin(visit, "March appointments", "Appointment reminder")
    _bring_the_list(visit)
    _say_what_they_hear(visit)
    _hear_it_on_my_phone(visit)
    steps.next_step(visit, "Holidays")
    _choose_when(visit)
    _choose_the_pace(visit)
    _look_over_and_start(visit)
    steps.see_numbers_move(visit)
    visit.shot("campaign-running")
    steps.pause(visit)
    visit.shot("campaign-paused")
    _look_somebody_up(visit, campaign)
    opted_out = _opt_somebody_out(visit, campaign)
    visit.go(f"/campaigns/{campaign}")
    steps.resume(visit)
    steps.see_numbers_move(visit)
    visit.go(f"/recipients/{opted_out}")
    _see_them_blocked(visit, opted_out)
    visit.go(f"/campaigns/{campaign}")
    steps.stop(visit)
    _export_and_check(visit, campaign)


def _bring_the_list(visit: Visit) -> None:
    page = visit.page
    expect(page.get_by_role("heading", name="Whom shall we call?")).to_be_visible()
    visit.shot("wizard-recipients-empty")
    steps.upload(visit, "appointments.csv", sample_of(visit.stack))
    for column, meaning in {
        "Patient": "Name",
        "Phone": "Phone number",
        "Alternate phone": "Phone number 2",
        "Time zone": "Time zone",
        "Appointment": "Appointment, date and time",
        "Doctor": "Text to speak, or nothing",
    }.items():
        taken = page.get_by_label(f"{column} is", exact=True)
        assert taken.evaluate("one => one.selectedOptions[0].textContent") == meaning
    expect(page.get_by_text("are good")).to_be_visible()
    visit.shot("wizard-examination")
    steps.import_it(visit)
    expect(figure(page, "Imported")).to_have_text("277")
    expect(figure(page, "Rejected")).to_have_text("19")
    expect(figure(page, "Rows read")).to_have_text("296")
    expect(page.get_by_text("Digits lost in a spreadsheet")).to_be_visible()
    # The sample has called these people a moment ago.
    expect(page.get_by_text("in the last 7 days")).to_be_visible()
    visit.shot("wizard-recipients")


def _say_what_they_hear(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/message")
    heard = page.get_by_role("region", name="As it is heard")
    page.get_by_label("Organisation, as it is spoken").fill(CLINIC)
    expect(heard).to_contain_text(CLINIC)
    page.get_by_text("A text of your own", exact=True).click()
    page.get_by_label("Your text").fill("Hello {name}, {nickname} the clinic expects you. You see ")
    expect(heard).to_contain_text("Zoe Novak has nothing in {nickname}")
    page.get_by_label("Your text").fill("Hello {name}, the clinic expects you. You see ")
    page.get_by_role("button", name="{doctor}").first.click()
    expect(heard).to_contain_text("Zoe Novak")
    expect(heard).to_contain_text("+14165550131")
    expect(heard).to_contain_text("Hello Zoe Novak, the clinic expects you.")
    expect(heard).to_contain_text("Imani Cole")
    heard.get_by_role("button", name="Next person").click()
    expect(heard).to_contain_text("Hello Jonas Schmidt")
    page.get_by_label("Leave a message").check()
    expect(heard).not_to_contain_text("nothing, we hang up")
    visit.shot("wizard-message")


def _hear_it_on_my_phone(visit: Visit) -> None:
    page = visit.page
    trial = page.get_by_role("region", name="Hear it on your own phone")
    trial.get_by_label("Your number").fill("not a number")
    trial.get_by_role("button", name="Call me").click()
    expect(trial.locator(".invalid-feedback")).to_be_visible()
    trial.get_by_label("Your number").fill("+1 503 555 0107")
    trial.get_by_role("button", name="Call me").click()
    expect(trial).to_contain_text("Over: you answered.", timeout=SLOWLY)
    expect(trial).to_contain_text("Pressed: 1 (confirm)")


def _choose_when(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Call from", exact=False).fill("yesterday")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("alert")).to_contain_text("One thing needs another look")
    page.get_by_label("Call from", exact=False).fill("4d")
    steps.open_around_the_clock(visit)
    visit.shot("wizard-when")
    steps.next_step(visit, "How fast")


def _choose_the_pace(visit: Visit) -> None:
    page = visit.page
    estimate = page.get_by_role("region", name="How long it takes")
    # Whoever pressed 9 in the sample's calls is not among them.
    expect(estimate).to_contain_text(re.compile(r"2\d\d people at"))
    steps.calls_a_minute(visit, 60)
    expect(estimate).to_contain_text("people at 60 calls a minute")
    visit.shot("wizard-pace")
    steps.next_step(visit, "Start")


def _look_over_and_start(visit: Visit) -> None:
    page = visit.page
    expect(page.get_by_role("main")).to_contain_text(CLINIC)
    expect(page.get_by_role("region", name="Good to know")).to_contain_text("in the 7 days before")
    visit.shot("wizard-review")
    steps.start(visit, r"\d+ people")


def _look_somebody_up(visit: Visit, campaign: int) -> None:
    """Somebody calls back: who are they, and what did we want?"""
    page = visit.page
    called = json.loads(
        visit.stack.run("campaign", "recipients", str(campaign), "--status", "completed", *ALL)
    )
    number = called[0]["numbers"][0]
    page.get_by_role("link", name="Recipients", exact=True).first.click()
    page.get_by_label("Number or name").fill(number)
    page.get_by_label("Campaign", exact=True).select_option(label="March appointments")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("cell", name=number).locator("..").get_by_role("link").first.click()
    expect(page.get_by_role("main")).to_contain_text("Dialled")
    expect(page.get_by_role("main")).to_contain_text("Answered by")
    expect(page.get_by_role("region", name="About the person")).to_contain_text(number)
    visit.shot("recipient")


def _opt_somebody_out(visit: Visit, campaign: int) -> int:
    """A letter came; returns whose it was."""
    page = visit.page
    waiting = json.loads(
        visit.stack.run("campaign", "recipients", str(campaign), "--status", "pending", *ALL)
    )
    # The next in the queue, so that their turn comes while we watch.
    waiting.sort(key=lambda one: (one["deadline_at"], one["next_attempt_at"], one["id"]))
    person = next(one for one in waiting if not _attempts(visit, one["id"]))
    number = person["numbers"][0]
    page.get_by_role("link", name="Opt-outs").click()
    form = page.locator("form").filter(has=page.get_by_role("button", name="Never call again"))
    form.get_by_label("Number, or how numbers begin").fill(number)
    form.get_by_label("How we know").fill("letter of 3 March")
    form.get_by_role("button", name="Never call again").click()
    expect(page.get_by_role("status").first).to_contain_text(number)
    expect(page.get_by_role("row").filter(has_text=number)).to_contain_text("letter of 3 March")
    visit.shot("opt-outs")
    visit.go(f"/recipients/{person['id']}")
    expect(page.locator(".under-title")).to_contain_text("Opted out")
    expect(page.get_by_role("main")).to_contain_text("Not called yet")
    return int(person["id"])


def _attempts(visit: Visit, person: int) -> list[object]:
    told = visit.stack.run("recipient", "history", str(person), "--json")
    found: list[object] = json.loads(told)["attempts"]
    return found


def _see_them_blocked(visit: Visit, person: int) -> None:
    """When their turn comes they are passed over; nobody called them."""
    deadline = time.monotonic() + 60
    while "Next call" in (visit.page.get_by_role("main").text_content() or ""):
        assert time.monotonic() < deadline
        visit.go(f"/recipients/{person}")
    expect(visit.page.locator(".under-title")).to_contain_text("Opted out")
    expect(visit.page.get_by_role("main")).to_contain_text("Not called yet")


def _export_and_check(visit: Visit, campaign: int) -> None:
    rows = _exported(visit.page)
    report = json.loads(visit.stack.run("campaign", "report", str(campaign), "--json"))
    people = report["recipients"]
    assert len(rows) == people["total"] == 277
    counts = Counter(row["status"] for row in rows)
    assert counts["completed"] > 0
    assert counts["blocked"] > 0
    for status, count in counts.items():
        assert people[status] == count, (status, people, counts)
    assert sum(int(row["attempts"]) for row in rows) == report["attempts"]["spent"]
    confirmed = [row for row in rows if row["answer"] == "confirm"]
    assert len(confirmed) == report["answers"]["latest"]["confirm"]
    assert {"Patient", "Doctor"} & {name.capitalize() for name in rows[0]}


def _exported(page: Page) -> list[dict[str, str]]:
    page.get_by_role("button", name="More").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export as CSV").click()
    assert re.fullmatch(r".+\.csv", waiting.value.suggested_filename)
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))
