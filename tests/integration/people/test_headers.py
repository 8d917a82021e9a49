"""What every answer tells the browser, and how much it may send us."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from campaigns.access import Role
from campaigns.web.app import SECURITY_HEADERS
from tests.integration.people.asking import ask, run

WANTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.fixture
def web(app) -> Any:
    return TestClient(
        app,
        base_url="http://127.0.0.1:8000",
        raise_server_exceptions=False,
        follow_redirects=False,
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sign-in", 200),
        ("/", 303),
        ("/static/outdial.css", 200),
        ("/static/nothing.css", 404),
        ("/nowhere", 404),
        ("/healthz", 200),
        ("/metrics", 200),
        ("/api/openapi.json", 200),
        ("/api/v1/campaigns", 401),
        ("/flows/x", 404),
        ("/sign-out", 405),
    ],
)
def test_every_answer_has_them(web, path, status):
    answer = web.get(path)
    assert answer.status_code == status
    assert_all_there(answer.headers)


def assert_all_there(headers) -> Any:
    for name, value in WANTED.items():
        assert headers[name] == value
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "cache-control" in headers


def test_the_answer_to_a_fault_has_them(web, monkeypatch):
    def broken(*_args, **_more) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr("campaigns.web.pages.sign_in.render", broken)
    answer = web.get("/sign-in")
    assert answer.status_code == 500
    assert_all_there(answer.headers)
    assert "Traceback" not in answer.text
    assert "broken" not in answer.text


def test_what_is_personal_is_kept_by_no_browser(web):
    assert web.get("/sign-in").headers["cache-control"] == "no-store"
    assert "immutable" in web.get("/static/outdial.css?v=1").headers["cache-control"]


@pytest.mark.parametrize("how", ["directly", "behind a proxy"])
def test_over_tls_browsers_are_told_to_stay_there(app, how):
    https = TestClient(
        app, base_url="https://127.0.0.1" if how == "directly" else "http://127.0.0.1"
    )
    headers = {} if how == "directly" else {"x-forwarded-proto": "https"}
    told = https.get("/sign-in", headers=headers).headers
    assert told["strict-transport-security"].startswith("max-age=")


def test_over_plain_http_they_are_not(web):
    assert "strict-transport-security" not in web.get("/sign-in").headers


def test_the_list_is_the_one_that_is_sent(web):
    sent = web.get("/sign-in").headers
    assert {name.lower() for name in SECURITY_HEADERS} <= set(sent.keys())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/sign-in", "application/x-www-form-urlencoded"),
        ("/users/new", "application/x-www-form-urlencoded"),
        ("/users/new", "multipart/form-data; boundary=x"),
        ("/api/v1/campaigns", "application/json"),
        ("/me", "application/x-www-form-urlencoded"),
    ],
)
def test_a_form_is_never_larger_than_a_megabyte(app, visitors, path, kind):
    body = b"csrf=" + b"x" * (1024 * 1024 + 1)
    if "multipart" in kind:
        body = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + body

    async def send() -> Any:
        headers = visitors.person(Role.ADMIN) | {"content-type": kind}
        headers.pop("x-csrf-token")
        return await ask(app, "POST", path, headers, body=body, whole=True)

    answer = run(app, send)
    assert answer.status == 413
    assert_all_there(answer.headers)
