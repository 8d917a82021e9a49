"""What a person does in the wizard and on a campaign's page, named as they would name it."""

import re
import time

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.conftest import Visit

# A machine with two cores runs the product, its servers and the browser at once.
SLOWLY = 60_000
STEP = re.compile(r"/campaigns/(\d+)/setup/")


def begin(visit: Visit, name: str, kind: str) -> int:
    """A new campaign from the button on the overview; returns its id."""
    page = visit.page
    visit.go("/")
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("radio", name=re.compile(f"^{kind}")).check()
    page.get_by_role("button", name="Create draft").click()
    page.wait_for_url(STEP)
    found = STEP.search(page.url)
    assert found
    return int(found[1])


def upload(visit: Visit, file_name: str, content: bytes) -> None:
    """Choose a file and wait until it has been looked at."""
    page = visit.page
    page.wait_for_load_state()  # its scripts listen from then on
    file: FilePayload = {"name": file_name, "mimeType": "text/csv", "buffer": content}
    page.get_by_label("Choose a file").set_input_files([file])
    expect(page.get_by_role("heading", name=file_name)).to_be_visible(timeout=SLOWLY)
    expect(page.get_by_role("heading", name="What the columns mean")).to_be_visible()


def import_it(visit: Visit) -> None:
    """Import the file that was looked at; ends when everybody is in."""
    visit.page.get_by_role("button", name="Import", exact=True).click()
    expect(figure(visit.page, "Rows read")).to_be_visible(timeout=SLOWLY)


def figure(page: Page, label: str) -> Locator:
    """The number beside a word in a list of facts."""
    return (
        page.locator("dl > div")
        .filter(has=page.locator("dt").get_by_text(label, exact=True))
        .locator("dd")
    )


def tile(page: Page, label: str) -> Locator:
    """The large number under its name on a campaign's page."""
    return page.locator(".tile").filter(has_text=label).locator(".tile-value")


def number(shown: Locator) -> int:
    """A number as it stands on the page."""
    return int((shown.text_content() or "").replace(",", "").strip())


def next_step(visit: Visit, heading: str) -> None:
    """Save the step and go on to the next, known by a heading."""
    visit.page.get_by_role("button", name="Save and continue").click()
    expect(visit.page.get_by_role("heading", name=heading)).to_be_visible()


def open_around_the_clock(visit: Visit) -> None:
    """Calling hours that do not depend on when the tests run."""
    visit.page.get_by_role("button", name="Around the clock").click()
    expect(visit.page.get_by_role("region", name="What this means")).to_contain_text(
        "around the clock", ignore_case=True
    )


def calls_a_minute(visit: Visit, pace: int) -> None:
    """Slower than the account allows."""
    visit.page.get_by_text("Slower", exact=True).click()
    visit.page.get_by_label("At most", exact=True).fill(str(pace))


def start(visit: Visit, people: str) -> None:
    """Press start, which says how many people it calls."""
    page = visit.page
    expect(page.get_by_role("region", name="Start")).to_contain_text("Simulated")
    page.get_by_role("button", name=re.compile(rf"Start calling {people}")).click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def see_numbers_move(visit: Visit) -> None:
    """The numbers of a running campaign change, and the page is not loaded again for it."""
    page = visit.page
    calls, reached = tile(page, "Calls so far"), figure(page, "Reached")
    page.evaluate("() => { window.sameDocument = true; }")
    before, reached_before = number(calls), reached.text_content() or ""
    expect(calls).not_to_have_text(f"{before:,}", timeout=SLOWLY)
    # A call that was only claimed may yet be given up; whoever was reached was called.
    expect(reached).not_to_have_text(reached_before, timeout=SLOWLY)
    deadline = time.monotonic() + SLOWLY / 1000
    while number(calls) <= before:
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)
    assert page.evaluate("() => window.sameDocument === true"), "the page was loaded again"


def pause(visit: Visit) -> None:
    """Pause, and read when the last call went out."""
    visit.page.get_by_role("button", name="Pause").click()
    region = visit.page.get_by_role("region", name="Status")
    expect(region).not_to_contain_text("Running with")
    told = region.get_by_role("status")
    expect(told).to_contain_text("Paused")
    expect(told).to_contain_text(re.compile(r"last call (was dialled at most|went out) .*\d+ m?s"))
    expect(visit.page.get_by_role("button", name="Resume")).to_be_visible()


def resume(visit: Visit) -> None:
    """Go on calling."""
    visit.page.get_by_role("button", name="Resume").click()
    expect(visit.page.get_by_role("button", name="Pause")).to_be_visible()


def stop(visit: Visit) -> None:
    """Stop for good, and say yes when asked."""
    visit.page.once("dialog", lambda dialog: dialog.accept())
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    expect(visit.page.locator(".under-title")).to_contain_text("Stopped")
    expect(figure(visit.page, "Being called")).to_have_text("0", timeout=SLOWLY)
