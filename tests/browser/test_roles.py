"""What a viewer and an operator see, and what they do not."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from campaigns.samples import CALLER_ID
from tests.browser.conftest import Stack, Visit, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.beside]

OWN = "slate-Meadow-28-harbour-fog"
# A telephone number in full, however it is grouped.
WHOLE_NUMBER = re.compile(r"\+\d[\d ()-]{9,}\d")
MASKED = re.compile(r"\+\d{4}•••\d\d")
ACTIONS = re.compile(
    "^(New campaign|Pause|Resume|Stop|Call again|Change|Opt out|Take out|Undo|Never call|Add)"
)
SEEN_BY_ALL = ["/", "/campaigns/2", "/campaigns/2/recipients", "/recipients?q=novak", "/opt-outs"]


@pytest.fixture(scope="module")
def people(stack: Stack) -> dict[str, str]:
    """Passwords that were given to a viewer and to an operator."""
    return {
        "vera": stack.run("user", "add", "vera", "--role", "viewer").strip(),
        "otto": stack.run("user", "add", "otto", "--role", "operator").strip(),
    }


@pytest.fixture
def viewer(stack: Stack, chromium: Browser, people: dict[str, str]) -> Iterator[Visit]:
    with visiting(chromium, stack) as found:
        found.sign_in("vera", people["vera"])
        found.choose_password(people["vera"], OWN)
        yield found


@pytest.fixture
def operator(stack: Stack, chromium: Browser, people: dict[str, str]) -> Iterator[Visit]:
    with visiting(chromium, stack) as found:
        found.sign_in("otto", people["otto"])
        found.choose_password(people["otto"], OWN)
        yield found


def test_a_viewer_watches_and_sees_no_number_in_full(viewer: Visit) -> None:
    page = viewer.page
    main = page.get_by_role("main")
    for path in SEEN_BY_ALL:
        viewer.go(path)
        expect(main).to_be_visible()
        shown = main.inner_text()
        assert not WHOLE_NUMBER.search(shown), f"{path} shows {WHOLE_NUMBER.search(shown)}"
        for kind in ("button", "link"):
            expect(main.get_by_role(kind, name=ACTIONS)).to_have_count(0)
    viewer.go("/campaigns/2/recipients")
    expect(main.get_by_role("cell", name=MASKED).first).to_be_visible()
    main.get_by_role("link", name="Zoe Novak").first.click()
    expect(page.get_by_role("region", name="About the person")).to_be_visible()
    # The number shown to the people who are called is the clinic's own.
    assert not WHOLE_NUMBER.search(main.inner_text().replace(CALLER_ID, ""))
    expect(main.get_by_role("button", name=ACTIONS)).to_have_count(0)
    for forbidden in ("/campaigns/new", "/users", "/campaigns/2/recipients.csv"):
        answer = page.request.get(f"{viewer.stack.url}{forbidden}")
        assert answer.status == 403, forbidden


def test_an_operator_runs_campaigns_and_cannot_open_the_users(operator: Visit) -> None:
    page = operator.page
    expect(page.get_by_role("link", name="New campaign").first).to_be_visible()
    menu = page.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link", name="Opt-outs")).to_be_visible()
    for hidden in ("Users", "API keys", "Accounts", "Audit log"):
        expect(menu.get_by_role("link", name=hidden)).to_have_count(0)
    operator.go("/users")
    expect(page.get_by_role("alert")).to_contain_text("403")
    expect(page.get_by_role("link", name="To the overview")).to_be_visible()
    operator.check_accessible()
    operator.go("/campaigns/2/recipients")
    expect(page.get_by_role("cell", name=WHOLE_NUMBER).first).to_be_visible()
