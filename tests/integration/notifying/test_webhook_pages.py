"""The pages of webhooks: added by a form, looked at, changed, sent again; the secret once."""

import html
import re

import pytest

from campaigns.notifying.events import EVENT_TYPES
from tests.integration.reporting.served import make_app, make_browser

AUDITED = "SELECT action FROM audit_log WHERE action LIKE 'webhook.%' ORDER BY id"
FORM = {"url": "https://hooks.example/in", "description": "CRM", "event_types": ["attempt.ended"]}


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path)


@pytest.fixture
def admin(app):
    return make_browser(app, role="admin")


@pytest.fixture
def made(admin):
    """A webhook's address on the pages, and its secret."""
    page = admin.post("/webhooks/new", data=FORM)
    assert page.status_code == 200
    (secret,) = set(re.findall(r"whsec_[\w+/=]+", html.unescape(page.text)))
    return "/webhooks/1", secret


def test_the_empty_list_says_what_to_do(admin):
    page = admin.get("/webhooks")
    assert "Nobody is told yet" in page.text
    assert 'href="/webhooks/new"' in page.text
    assert "OUTDIAL_SMTP_URL" in page.text


def test_the_list_says_who_is_told_by_mail(engine, tmp_path):
    told = make_app(
        engine,
        tmp_path,
        smtp_url="smtp://mail.example.org",
        mail_from="outdial@example.org",
        mail_to=["ann@example.org"],
    )
    assert "Goes to ann@example.org." in make_browser(told, role="admin").get("/webhooks").text


def test_the_form_offers_every_event(admin):
    page = admin.get("/webhooks/new").text
    assert [kind for kind in EVENT_TYPES if f'value="{kind}" checked' not in page] == []


def test_the_secret_is_shown_once_and_then_nowhere(app, admin, made, bench):
    address, secret = made
    stored = bytes(bench.value("SELECT secret FROM webhook_endpoints"))
    assert app.state.vault.decrypt(stored) == {"secret": secret}
    for page in ("/webhooks", address, f"{address}/edit"):
        shown = admin.get(page)
        assert shown.status_code == 200
        assert secret not in html.unescape(shown.text)
        assert "hooks.example" in shown.text


@pytest.mark.parametrize(
    ("change", "said", "beside"),
    [
        ({"url": "http://hooks.example/"}, "https://", 'id="e-url"'),
        ({"url": ""}, "whole address", 'id="e-url"'),
        ({"event_types": []}, "Choose at least one event.", 'role="alert"'),
        ({"event_types": ["x"]}, "There is no event", 'role="alert"'),
        ({"description": "x" * 201}, "at most 200", 'role="alert"'),
    ],
)
@pytest.mark.parametrize("where", ["/webhooks/new", "/webhooks/1/edit"])
def test_what_cannot_be_used_is_said_beside_the_form(
    admin, made, bench, where, change, said, beside
):
    before = bench.rows("SELECT * FROM webhook_endpoints")
    page = admin.post(where, data=FORM | {"description": "new"} | change)
    assert page.status_code == 422
    assert said in html.unescape(page.text)
    assert beside in page.text
    assert bench.rows("SELECT * FROM webhook_endpoints") == before


def test_a_webhook_is_changed_paused_resumed_and_removed(admin, made, bench):
    address, _ = made
    changed = admin.post(f"{address}/edit", data=FORM | {"url": "https://other.example/"})
    assert (changed.status_code, changed.headers["location"]) == (303, address)
    assert "https://other.example/" in admin.get(address).text
    assert admin.post(f"{address}/pause").status_code == 303
    assert "What waits is kept" in admin.get(address).text
    admin.post(f"{address}/resume")
    assert "Send a test" in admin.get(address).text
    assert admin.post(f"{address}/remove").headers["location"] == "/webhooks"
    assert admin.get(address).status_code == 404
    actions = [row.action for row in bench.rows(AUDITED)]
    assert [one.removeprefix("webhook.") for one in actions] == [
        *("create", "update", "pause", "resume", "remove"),
    ]


def test_a_new_secret_is_shown_with_the_end_of_the_old_one(admin, made):
    page = admin.post(f"{made[0]}/secret")
    (fresh,) = set(re.findall(r"whsec_[\w+/=]+", html.unescape(page.text)))
    assert fresh != made[1]
    assert "the old secret signs too" in page.text


def test_a_delivery_is_followed_from_the_test_to_its_answer(admin, made, bench):
    address, _ = made
    sent = admin.post(f"{address}/test").headers["location"]
    moving = admin.get(sent).text
    assert "webhook.test" in moving
    assert f'hx-get="{sent}"' in moving
    bench.rows("""
        UPDATE webhook_deliveries SET status = 'given_up', tries = 10, status_code = 500,
            error = 'Answered 500.', response = '<b>oops</b>', duration_ms = 1234
    """)
    over = admin.get(sent).text
    assert "hx-get" not in over
    assert "&lt;b&gt;oops&lt;/b&gt;" in over
    assert "Answered 500." in admin.get(f"{address}?status=given_up").text
    assert "No delivery is in this state" in admin.get(f"{address}?status=delivered").text
    assert admin.post(f"{sent}/replay").headers["location"] == sent
    assert bench.value("SELECT status FROM webhook_deliveries") == "waiting"
    bench.rows("UPDATE webhook_deliveries SET status = 'given_up'")
    assert admin.post(f"{address}/replay").status_code == 303
    assert bench.value("SELECT status FROM webhook_deliveries") == "waiting"


def test_the_log_goes_on_page_by_page(admin, made, bench):
    address, _ = made
    bench.rows("INSERT INTO outgoing_events (type, data) VALUES ('webhook.test', '{}')")
    bench.rows("""
        INSERT INTO webhook_deliveries (event_id, endpoint_id, kind, due_at)
        SELECT 1, 1, 'webhook', now() FROM generate_series(1, 60)
    """)
    first = admin.get(address).text
    assert first.count("/deliveries/") == 50
    (older,) = re.findall(r'href="([^"]+before=\d+)"', html.unescape(first))
    rest = admin.get(older).text
    assert rest.count("/deliveries/") == 10
    assert "before=" not in rest
    assert "Nothing here" in admin.get(f"{address}?before=1").text


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_administrator_sees_them(app, role):
    browser = make_browser(app, role=role)
    assert browser.get("/webhooks").status_code == 403
    assert browser.post("/webhooks/new", data=FORM).status_code == 403
