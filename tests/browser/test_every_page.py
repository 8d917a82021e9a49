"""Every page of the product: readable for everybody, in light and dark, on any width."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import DESK, PHONE, Stack, Visit, visiting
from tests.browser.lists import DAMAGED

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.beside,
    pytest.mark.timeout(300),
]

SETUP = "/campaigns/{draft}/setup"
PAGES = [
    "/",
    "/campaigns",
    "/campaigns?show=draft",
    "/campaigns/new",
    f"{SETUP}/recipients",
    f"{SETUP}/recipients/{{file}}",
    f"{SETUP}/message",
    f"{SETUP}/when",
    f"{SETUP}/recurrence",
    f"{SETUP}/pace",
    f"{SETUP}/review",
    "/campaigns/{waiting}",
    "/campaigns/{sample}",
    "/campaigns/{sample}/recipients",
    "/campaigns/{sample}/recipients?q=nobody-has-this-name",
    "/campaigns/{sample}/recipients?q=0131&status=completed",
    "/campaigns/{sample}/recipients/add",
    "/campaigns/{sample}/settings",
    "/campaigns/{sample}/log",
    "/campaigns/{draft}/recipients",
    "/campaigns/{draft}/settings",
    "/recipients",
    "/recipients?q=novak",
    "/recipients/{called}",
    "/recipients/{member}",
    "/recipients/{member}/edit",
    "/doubt",
    "/opt-outs",
    "/opt-outs?q=%2B19995550199",
    "/opt-outs/import",
    "/rules",
    "/rules?country=US&number=%2B13055550123",
    "/opt-outs/{opt_out}",
    "/why",
    "/why?number=%2B12125550100",
    "/evidence?number=%2B12125550100",
    "/consents",
    "/imports",
    "/accounts",
    "/accounts/new",
    "/accounts/1",
    "/accounts/1/edit",
    "/users",
    "/users/new",
    "/users/1",
    "/keys",
    "/keys/new",
    "/webhooks",
    "/webhooks/new",
    "/webhooks/{webhook}",
    "/webhooks/{webhook}/edit",
    "/webhooks/{webhook}/deliveries/{delivery}",
    "/audit",
    "/me",
    "/me/password",
    # What is not there, and what nobody can read.
    "/campaigns/987654",
    "/no-such-page",
    "/audit?since=yesterday",
]
HOME = re.compile("^(Outdial|To the overview)$")
EMPTY = [
    *("/", "/campaigns", "/campaigns/new", "/recipients", "/doubt", "/opt-outs", "/imports"),
    *("/consents", "/accounts", "/users", "/keys", "/webhooks", "/audit"),
]


@pytest.fixture(scope="module")
def places(stack: Stack) -> dict[str, int]:
    """Ids to fill in: samples and people of them, a draft with a file, and what settings have."""
    key = json.loads(stack.run("key", "create", "pages", "--role", "admin", "--json"))["key"]
    with httpx.Client(
        base_url=f"{stack.url}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=60,
    ) as api:
        draft = _draft_with_a_file(api)
        return {**draft, **_sample(api), **_opt_out(api), **_webhook_that_fails(api)}


def _sample(api: httpx.Client) -> dict[str, int]:
    member = api.get("/campaigns/1/recipients", params={"limit": 1}).json()["items"][0]
    deadline = time.monotonic() + 60
    while not (called := _reached(api)):
        assert time.monotonic() < deadline, "the sample reaches nobody"
    return {"waiting": 1, "sample": 2, "member": member["id"], "called": called[0]["id"]}


def _reached(api: httpx.Client) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {"status": "completed", "limit": 1}
    found: list[dict[str, Any]] = api.get("/campaigns/2/recipients", params=asked).json()["items"]
    return found


def _draft_with_a_file(api: httpx.Client) -> dict[str, int]:
    """Its file waits for somebody to say what the columns are."""
    campaign = {
        "name": "Looked over",
        "kind": "announcement",
        "account": "simulator",
        "message": "Hello {name}, we are open again.",
    }
    draft = _made(api.post("/campaigns", json=campaign), "id")
    asked: dict[str, Any] = {"campaign_id": draft, "confirm": "false"}
    file = _made(api.post("/imports", params=asked, files={"file": ("club.csv", DAMAGED)}), "id")
    return {"draft": draft, "file": file}


def _opt_out(api: httpx.Client) -> dict[str, int]:
    wanted = {"number": "+16175550188", "evidence": "letter of 3 March"}
    assert api.post("/opt-outs", json=wanted).status_code == 201
    return {
        "opt_out": api.get("/opt-outs", params={"q": wanted["number"]}).json()["items"][0]["id"]
    }


def _webhook_that_fails(api: httpx.Client) -> dict[str, int]:
    """Nobody is at its address, and it is asked to send nothing but this one test."""
    hook = _made(api.post("/webhooks", json={"url": "https://hooks.invalid/outdial"}), "id")
    delivery = _made(api.post(f"/webhooks/{hook}/test"), "delivery_id")
    api.post(f"/webhooks/{hook}/pause")
    return {"webhook": hook, "delivery": delivery}


def _made(answer: httpx.Response, name: str) -> int:
    assert answer.status_code in (201, 202), answer.text
    return int(answer.json()[name])


PLAIN: dict[str, Any] = {"color_scheme": "light", "reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def admins(stack: Stack, chromium: Browser, admins_cookies: Any) -> Iterator[Visit]:
    """The administrator, signed in already; goes from page to page in one window."""
    with visiting(chromium, stack, storage_state=admins_cookies, **PLAIN) as found:
        yield found


@pytest.fixture(scope="module")
def first_admins(
    fresh_stack: Stack, chromium: Browser, first_admins_cookies: Any
) -> Iterator[Visit]:
    """The same on the first day."""
    with visiting(chromium, fresh_stack, storage_state=first_admins_cookies, **PLAIN) as found:
        yield found


@pytest.fixture
def admin(admins: Visit) -> Iterator[Visit]:
    """The administrator at a desk, by day; each page answers for its own troubles."""
    yield from _at_the_desk(admins)


@pytest.fixture
def first_admin(first_admins: Visit) -> Iterator[Visit]:
    """The same on the first day."""
    yield from _at_the_desk(first_admins)


def _at_the_desk(visit: Visit) -> Iterator[Visit]:
    visit.page.set_viewport_size(DESK)
    visit.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    yield visit
    visit.end()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_everybody(admin: Visit, places: dict[str, int], path: str) -> None:
    admin.go(path.format_map(places))
    # Every page says what it is, and leads back.
    expect(admin.page.get_by_role("heading", level=1)).to_have_count(1)
    expect(admin.page.get_by_role("link", name=HOME).first).to_be_visible()
    _look_over(admin)


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_with_nothing_on_it_says_what_to_do(first_admin: Visit, path: str) -> None:
    first_admin.go(path)
    expect(first_admin.page.get_by_role("heading", level=1)).to_have_count(1)
    if path not in ("/users", "/audit"):
        assert first_admin.page.locator(".empty-title").count() > 0, f"{path} says nothing"
    _look_over(first_admin)


def _look_over(visit: Visit) -> None:
    """Light and dark, at a desk and on the width of a phone."""
    page = visit.page
    visit.check_fits()
    visit.check_accessible()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    visit.check_accessible(colours=True)
    page.set_viewport_size(PHONE)
    visit.check_fits()


def test_the_documentation_of_the_api_is_shown_under_the_strict_policy(admin: Visit) -> None:
    page = admin.page
    with page.expect_response("**/api/docs") as answer:
        admin.go("/api/docs")
    policy = answer.value.headers["content-security-policy"]
    assert "unsafe-inline" not in re.sub(r"style-src[^;]*", "", policy)
    assert "unsafe-eval" not in policy
    expect(page.get_by_role("heading", name="Outdial")).to_be_visible()
    start = page.locator(".opblock-summary-control").filter(has_text="/{campaign_id}/start")
    start.first.click()
    expect(page.get_by_role("heading", name="Responses").first).to_be_visible()
    admin.check_accessible()
    page.set_viewport_size(PHONE)
    admin.check_fits()
