"""The first sign-in, with a password from the environment or the one that `up` prints once."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PASSWORD, Stack, Visit, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.beside]

OWN = "quiet-Orchard-71-ladder-moss"


def test_the_admin_of_the_environment_signs_in_and_out(visit: Visit) -> None:
    visit.go("/")
    expect(visit.page.get_by_role("heading", name="Sign in to Outdial")).to_be_visible()
    visit.page.get_by_label("Login").fill("admin")
    visit.page.get_by_label("Password").fill("not-the-password")
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page.get_by_role("alert")).to_be_visible()
    visit.check_accessible()
    visit.sign_in()
    expect(visit.page.get_by_role("heading", name="Overview")).to_be_visible()
    visit.page.get_by_role("button", name="Sign out").click()
    visit.go("/campaigns")
    expect(visit.page.get_by_role("heading", name="Sign in to Outdial")).to_be_visible()


def test_the_printed_password_works_once_and_is_replaced(
    fresh_stack: Stack, chromium: Browser, first_admins_cookies: Any
) -> None:
    login, password = fresh_stack.printed()
    assert login == "admin"
    with visiting(chromium, fresh_stack) as visit:
        visit.go("/sign-in")
        visit.page.get_by_label("Login").fill(login)
        visit.page.get_by_label("Password").fill(password)
        visit.page.get_by_role("button", name="Sign in").click()
        expect(visit.page.get_by_role("alert")).to_be_visible()
        visit.sign_in(login, PASSWORD)
        expect(visit.page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_password_given_anew_must_be_replaced_too(fresh_stack: Stack, chromium: Browser) -> None:
    fresh_stack.run("user", "add", "noor", "--role", "operator")
    given = fresh_stack.run("user", "reset-password", "noor").strip()
    with visiting(chromium, fresh_stack) as visit:
        visit.sign_in("noor", given)
        visit.choose_password(given, OWN)
        expect(visit.page.get_by_role("status").first).to_contain_text("Your password was changed")
