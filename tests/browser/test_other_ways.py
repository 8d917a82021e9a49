"""The same job on a telephone's width, in the dark, and without a mouse."""

import re

import pytest
from playwright.sync_api import FileChooser, FilePayload, Locator, Page, TimeoutError, expect

from tests.browser import steps
from tests.browser.conftest import PASSWORD, PATIENCE, PHONE, Visit
from tests.browser.lists import members
from tests.browser.steps import SLOWLY, figure, tile

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.beside,
    pytest.mark.timeout(200),
]

ON_A_PHONE = {
    "viewport": PHONE,
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "reduced_motion": "reduce",
}
IN_THE_DARK = {"color_scheme": "dark", "reduced_motion": "reduce"}
# Presses of the Tab key until something must have been reached on any page.
MOST_TABS = 140
# Whether the element that has the focus, or its label, looks different for having it.
SHOWS_FOCUS = """() => {
  const one = document.activeElement;
  if (one === window.seenBefore) return true;  // the next part of a date or a time
  window.seenBefore = one;
  const seen = [one, ...(one.labels || [])];
  const look = () => seen.map((each) => {
    const style = getComputedStyle(each);
    return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor].join();
  }).join();
  const focused = look();
  one.blur();
  const otherwise = look();
  one.focus();
  return focused !== otherwise;
}"""
IN_VIEW = """(one) => {
  const seen = [one, ...(one.labels || [])].map((each) => each.getBoundingClientRect());
  return seen.some((box) => box.width > 4 && box.bottom > 0 && box.top < innerHeight);
}"""


@pytest.mark.parametrize("visit", [ON_A_PHONE], indirect=True, ids=["phone"])
def test_the_whole_job_on_a_phone(visit: Visit) -> None:
    page = visit.page
    visit.sign_in()
    visit.check_fits()
    visit.shot("phone-overview")
    _short_job(visit, "From the bus", "512", 60, "phone")
    steps.stop(visit)
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("link", name="Recipients").first.tap()
    # Any of those who were called before it was stopped.
    page.get_by_label("Number or name").fill("Robin Vale")
    page.get_by_label("Status").select_option("completed")
    page.get_by_role("button", name="Find").tap()
    found = page.get_by_role("link", name="Robin Vale").first
    expect(found).to_be_visible()
    visit.check_fits()
    found.tap()
    expect(page.get_by_role("main")).to_contain_text("Answered by")
    visit.check_fits()
    visit.check_accessible()
    visit.shot("phone-recipient")


@pytest.mark.parametrize("visit", [IN_THE_DARK], indirect=True, ids=["dark"])
def test_the_whole_job_in_the_dark(visit: Visit) -> None:
    page = visit.page
    visit.sign_in()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    visit.shot("overview-dark")
    _short_job(visit, "Late shift", "971", 24, "dark")
    expect(page.locator(".under-title")).to_contain_text("Completed", timeout=2 * SLOWLY)
    expect(figure(page, "Reached")).to_have_text("24")
    page.get_by_role("button", name="Light or dark").click()
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    visit.check_accessible()
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"


def _short_job(visit: Visit, name: str, area: str, people: int, shot: str) -> None:
    """A campaign from its list until it calls, every page of it looked over.

    One call a second: enough `people` that some still wait when it is paused and goes on.
    """
    page = visit.page
    steps.begin(visit, name, "Announcement")
    steps.upload(visit, "members.csv", members(area, people))
    _look_over(visit)
    steps.import_it(visit)
    _look_over(visit)
    visit.shot(f"{shot}-wizard-recipients")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/message")
    page.get_by_label("What people hear").fill("Hello {name}, the boat house in {city} is open.")
    heard = page.get_by_role("region", name="As it is heard")
    expect(heard).to_contain_text("Hello Robin Vale 100, the boat house in Boston is open.")
    _look_over(visit)
    visit.shot(f"{shot}-wizard-message")
    steps.next_step(visit, "Holidays")
    steps.open_around_the_clock(visit)
    _look_over(visit)
    steps.next_step(visit, "How fast")
    steps.calls_a_minute(visit, 60)
    _look_over(visit)
    steps.next_step(visit, "Start")
    _look_over(visit)
    steps.start(visit, f"{people} people")
    steps.see_numbers_move(visit)
    _look_over(visit)
    visit.shot(f"{shot}-campaign")
    steps.pause(visit)
    steps.resume(visit)


def _look_over(visit: Visit) -> None:
    visit.check_fits()
    visit.check_accessible()


@pytest.mark.parametrize("visit", [{"reduced_motion": "reduce"}], indirect=True, ids=["keys"])
def test_the_whole_job_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.go("/sign-in")
    _type(page, page.get_by_label("Login"), "admin")
    _type(page, page.get_by_label("Password"), PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{visit.stack.url}/")
    _skip_to_the_content(page)
    _press(page, page.get_by_role("link", name="New campaign").first)
    _create_by_keys(page)
    _list_by_keys(page)
    _type(
        page,
        page.get_by_label("What people hear"),
        "Hello {name}, the boat house is open.",
    )
    expect(page.get_by_role("region", name="As it is heard")).to_contain_text("Hello Robin Vale")
    _press(page, page.get_by_role("button", name="Save and continue"))
    expect(page.get_by_role("heading", name="Holidays")).to_be_visible()
    _press(page, page.get_by_role("button", name="Around the clock"), "Space")
    said = page.get_by_role("region", name="What this means")
    expect(said).to_contain_text("Around the clock")
    _press(page, page.get_by_role("button", name="Save and continue"))
    expect(page.get_by_role("heading", name="How fast")).to_be_visible()
    _reach(page, page.get_by_role("radio", name="As fast as the account allows"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Slower")).to_be_checked()
    _type(page, page.get_by_label("At most", exact=True), "60")
    _press(page, page.get_by_role("button", name="Save and continue"))
    _press(page, page.get_by_role("button", name=re.compile("Start calling 40 people")))
    _run_by_keys(page)


def _create_by_keys(page: Page) -> None:
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("By keys")
    _reach(page, page.get_by_role("radio", name=re.compile("^Appointment reminder")))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=re.compile("^Announcement"))).to_be_checked()
    _press(page, page.get_by_role("button", name="Create draft"))


def _list_by_keys(page: Page) -> None:
    page.wait_for_url(steps.STEP)
    page.wait_for_load_state()
    _reach(page, page.get_by_label("Choose a file"))
    chooser = _opened_by_space(page)
    content: FilePayload = {
        "name": "members.csv",
        "mimeType": "text/csv",
        "buffer": members("402", 40),
    }
    chooser.set_files([content])
    expect(page.get_by_role("heading", name="What the columns mean")).to_be_visible()
    _reach(page, page.get_by_label("City is"))
    page.keyboard.type("Time zone")
    page.keyboard.press("Tab")
    expect(page.get_by_text("would be rejected")).to_be_visible()
    _reach(page, page.get_by_label("City is"))
    page.keyboard.type("Text")
    page.keyboard.press("Tab")
    expect(page.get_by_text("would be rejected")).to_have_count(0)
    expect(page.get_by_text("are good")).to_contain_text("40 are good")
    _press(page, page.get_by_role("button", name="Import", exact=True))
    expect(figure(page, "Imported")).to_have_text("40", timeout=SLOWLY)
    _press(page, page.get_by_role("link", name="Continue"))
    expect(page.get_by_role("heading", name="The message")).to_be_visible()


def _opened_by_space(page: Page) -> FileChooser:
    """The browser asks for a file. On a busy machine it may swallow the first press."""
    try:
        with page.expect_file_chooser(timeout=PATIENCE / 3) as waiting:
            page.keyboard.press("Space")
    except TimeoutError:
        with page.expect_file_chooser() as waiting:
            page.keyboard.press("Space")
    return waiting.value


def _run_by_keys(page: Page) -> None:
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(tile(page, "Calls so far")).not_to_have_text("0", timeout=SLOWLY)
    expect(figure(page, "Reached")).not_to_have_text("0", timeout=SLOWLY)
    _press(page, page.get_by_role("button", name="Pause"))
    expect(page.get_by_role("region", name="Status").get_by_role("status")).to_contain_text(
        re.compile(r"last call (was dialled at most|went out) .*\d+ m?s")
    )
    _press(page, page.get_by_role("button", name="More"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Change pace or hours")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More")).to_be_focused()
    _press(page, page.get_by_role("button", name="Resume"))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    _press(page, page.get_by_role("link", name="Log", exact=True))
    expect(page.get_by_role("main")).to_contain_text("paused", ignore_case=True)


def _skip_to_the_content(page: Page) -> None:
    """The first Tab offers a way past the menu."""
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def _reach(page: Page, wanted: Locator) -> None:
    """Press Tab until the focus is there; wherever it stops on the way, it can be seen."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement === document.body"):
            continue
        where = page.evaluate("() => document.activeElement.outerHTML.slice(0, 160)")
        assert page.evaluate(SHOWS_FOCUS), f"{page.url}: no focus to be seen on {where}"
        assert page.evaluate(f"() => ({IN_VIEW})(document.activeElement)"), f"out of view: {where}"
    raise AssertionError(f"{page.url}: the Tab key never reaches {wanted}")


def _type(page: Page, field: Locator, text: str) -> None:
    _reach(page, field)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def _press(page: Page, control: Locator, key: str = "Enter") -> None:
    _reach(page, control)
    page.keyboard.press(key)
