"""A real browser in front of the real product, started as a new user starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from campaigns.local import free_port
from tests.browser.chromium import executable

OUTDIAL = Path(sys.executable).with_name("outdial")
AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
PASSWORD = "lake-heron-Walks-42-early"
# Where the pictures for the documentation go; set by hand to renew them.
SHOTS = os.environ.get("OUTDIAL_SHOTS_DIR")
PRINTED = re.compile(r"Sign in as (\S+) with the password (\S+)")
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1360, "height": 900}
NEW_YORK = "America/New_York"
# What axe-core looks for, and which of its rules depend on colours.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
# How long the page may take for what it does in an instant on a machine with nothing else to do.
PATIENCE = 30_000

expect.set_options(timeout=PATIENCE)


@dataclass
class Stack:
    """One `outdial up`, with everything it needs."""

    url: str
    home: Path
    env: dict[str, str]

    def run(self, *arguments: str) -> str:
        """Run the command line beside it."""
        done = subprocess.run(
            [OUTDIAL, *arguments],
            cwd=self.home, env=self.env, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"outdial {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def said(self) -> str:
        """What `outdial up` has told its user so far."""
        return (self.home / "out.txt").read_text()

    def printed(self) -> tuple[str, str]:
        """The login and the password that it shows once."""
        found = PRINTED.search(" ".join(self.said().split()))
        assert found, self.said()
        return found[1], found[2]


@contextmanager
def running(home: Path, *words: str, **env: str) -> Iterator[Stack]:
    """`outdial up` in a directory of its own until the block ends."""
    port = free_port("127.0.0.1")
    whole = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "COLUMNS": "200",
        "OUTDIAL_DATA_DIR": str(home / "data"),
        "OUTDIAL_PORT": str(port),
        "OUTDIAL_SIMULATOR_PORT": "0",
        **env,
    }
    with (home / "out.txt").open("w") as output:
        process = subprocess.Popen(
            [OUTDIAL, "up", *words],
            cwd=home, env=whole, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    stack = Stack(f"http://127.0.0.1:{port}", home, whole)
    try:
        _wait_until_ready(stack, process)
        yield stack
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_until_ready(stack: Stack, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while "Outdial is running" not in stack.said() or not _answers(stack.url):
        assert process.poll() is None, stack.said()
        assert time.monotonic() < deadline, stack.said()
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product on this machine with its sample, and an administrator with a known password."""
    home = tmp_path_factory.mktemp("browser")
    with running(
        home, "--sample", OUTDIAL_ADMIN_LOGIN="admin", OUTDIAL_ADMIN_PASSWORD=PASSWORD
    ) as found:
        yield found


@pytest.fixture(scope="package")
def fresh_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product as it is on its very first day: no sample, no campaign, a printed password."""
    with running(tmp_path_factory.mktemp("fresh")) as found:
        yield found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each of them gets a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page in a browser of its own, and everything that went wrong in it."""

    page: Page
    stack: Stack
    troubles: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a page by its address."""
        self.page.goto(f"{self.stack.url}{path}")

    def sign_in(self, login: str = "admin", password: str = PASSWORD) -> None:
        """Sign in as a person would."""
        self.go("/sign-in")
        self.page.get_by_label("Login").fill(login)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def choose_password(self, given: str, own: str) -> None:
        """Replace a password that somebody else has seen."""
        self.page.get_by_label("Present password").fill(given)
        self.page.get_by_label("New password", exact=True).fill(own)
        self.page.get_by_label("New password once more").fill(own)
        self.page.get_by_role("button", name="Change the password").click()
        self.page.wait_for_url(f"{self.stack.url}/")

    def end(self) -> None:
        """Fail when the browser's console had anything to complain about since the last time."""
        found, self.troubles[:] = list(self.troubles), []
        assert not found, found

    def shot(self, name: str, *, full: bool = False) -> None:
        """A picture of the page for the documentation, when pictures are wanted."""
        if SHOTS:
            self.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=full, animations="disabled")

    def check_accessible(self, *, colours: bool = False) -> None:
        """Fail on a violation that axe-core calls serious or critical, naming what has it.

        With `colours` only by the rules that look at them, for a page whose other theme was
        checked whole: to change the theme changes nothing else.
        """
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(
            "async rules => (await axe.run(document, {runOnly: rules, "
            "resultTypes: ['violations']}))"
            ".violations.map(v => ({id: v.id, impact: v.impact, "
            "nodes: v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary)}))",
            {"type": "rule", "values": COLOURS} if colours else {"type": "tag", "values": RULES},
        )
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, f"{self.page.url}: {serious}"

    def check_fits(self) -> None:
        """Fail when the page is wider than the window."""
        wide = self.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1], f"{self.page.url} is {wide[0]} px wide in {wide[1]} px"


def _watched(context: BrowserContext, stack: Stack) -> Visit:
    page = context.new_page()
    visit = Visit(page, stack)

    def note(message: ConsoleMessage) -> None:
        # A refused form is answered 4xx on purpose; Chromium notes that as an error of loading.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            visit.troubles.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: visit.troubles.append(f"{page.url}: {error}"))
    return visit


@contextmanager
def visiting(browser: Browser, stack: Stack, **options: Any) -> Iterator[Visit]:
    """A visitor at a desk in New York, or as the options describe them.

    Fails when the browser's console had anything to complain about.
    """
    context = browser.new_context(**{"viewport": DESK, "timezone_id": NEW_YORK, **options})
    context.set_default_timeout(PATIENCE)
    try:
        found = _watched(context, stack)
        yield found
    finally:
        context.close()
    found.end()


@pytest.fixture
def visit(stack: Stack, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visitor; `@pytest.mark.parametrize("visit", [...], indirect=True)` gives it options."""
    with visiting(chromium, stack, **getattr(request, "param", {})) as found:
        yield found


@pytest.fixture(scope="package")
def admins_cookies(stack: Stack, chromium: Browser) -> Any:
    """What a browser keeps in which the administrator is signed in."""
    with visiting(chromium, stack) as found:
        found.sign_in()
        return found.page.context.storage_state()


@pytest.fixture(scope="package")
def first_admins_cookies(fresh_stack: Stack, chromium: Browser) -> Any:
    """The same on the first day, after the printed password was used and another one chosen."""
    login, printed = fresh_stack.printed()
    with visiting(chromium, fresh_stack) as found:
        asked = found.page.get_by_role("heading", name="Choose a password of your own")
        found.sign_in(login, printed)
        expect(asked).to_be_visible()
        found.check_accessible()
        # Nothing else is shown before.
        found.go("/campaigns")
        expect(asked).to_be_visible()
        found.choose_password(printed, PASSWORD)
        return found.page.context.storage_state()
