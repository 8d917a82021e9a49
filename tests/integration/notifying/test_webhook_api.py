"""/api/v1/webhooks: who may, what is shown once, what is kept."""

import pytest

from campaigns.lifecycle import RecipientStatus
from campaigns.notifying.events import EVENT_TYPES
from tests.integration.reporting.served import make_app, make_client

URL = "/api/v1/webhooks"
HOOK = {"url": "https://hooks.example/outdial", "event_types": ["attempt.ended"]}


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path)


@pytest.fixture
def admin(app):
    return make_client(app)


@pytest.fixture
def operator(app):
    return make_client(app, role="operator")


@pytest.fixture
def viewer(app):
    return make_client(app, role="viewer")


@pytest.fixture
def hook(admin):
    return admin.post(URL, json=HOOK).json()


def test_a_webhook_is_made_and_its_secret_shown_once(admin, bench):
    made = admin.post(URL, json=HOOK | {"description": " CRM "})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert made.json()["description"] == "CRM"
    shown = admin.get(f"{URL}/{made.json()['id']}").json()
    assert shown == {k: v for k, v in made.json().items() if k != "secret"}
    assert admin.get(URL).json()["items"] == [shown]
    ((action, who, after),) = bench.rows(
        "SELECT action, actor_kind, after FROM audit_log WHERE action LIKE 'webhook.%'"
    )
    assert (action, who, after["url"]) == ("webhook.create", "key", HOOK["url"])
    assert "secret" not in after


def test_no_types_means_all_of_them(admin):
    made = admin.post(URL, json={"url": HOOK["url"]}).json()
    assert made["event_types"] == list(EVENT_TYPES)
    told = admin.get(f"{URL}/event-types").json()["items"]
    assert [one["type"] for one in told] == list(EVENT_TYPES)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"url": "http://hooks.example/"}, "https://"),
        ({"url": "https://127.0.0.1/"}, "not on the public internet"),
        ({"url": "https://hooks.example:8080/"}, "443 or 8443"),
        ({"event_types": ["call.ended"]}, "There is no event 'call.ended'"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(admin, body, said):
    refused = admin.post(URL, json=HOOK | body)
    assert refused.status_code == 422
    assert said in refused.json()["detail"]
    assert admin.get(URL).json()["items"] == []


def test_a_change_names_the_version_it_was_made_from(admin, hook, bench):
    address = f"{URL}/{hook['id']}"
    tag = admin.get(address).headers["ETag"]
    changed = admin.patch(
        address, json={"event_types": ["campaign.paused"]}, headers={"If-Match": tag}
    )
    assert changed.json()["event_types"] == ["campaign.paused"]
    assert changed.json()["url"] == HOOK["url"]
    stale = admin.patch(address, json={"description": "x"}, headers={"If-Match": tag})
    assert stale.status_code == 412
    rows = bench.rows("SELECT before, after FROM audit_log WHERE action = 'webhook.update'")
    assert [tuple(row) for row in rows] == [
        ({"event_types": ["attempt.ended"]}, {"event_types": ["campaign.paused"]})
    ]


def test_pausing_resuming_and_removing(admin, hook):
    address = f"{URL}/{hook['id']}"
    assert admin.post(f"{address}/pause").json()["status"] == "paused"
    assert admin.post(f"{address}/test").status_code == 409
    assert admin.post(f"{address}/resume").json()["status"] == "active"
    assert admin.delete(address).status_code == 204
    assert admin.get(address).status_code == 404
    assert admin.post(f"{address}/resume").status_code == 404


def test_a_new_secret_is_another_one(admin, hook, bench):
    fresh = admin.post(f"{URL}/{hook['id']}/rotate-secret").json()
    assert fresh["secret"] != hook["secret"]
    assert fresh["old_secret_until"] is not None
    assert bench.value("SELECT count(*) FROM audit_log WHERE action = 'webhook.rotate_secret'") == 1


def test_a_secret_is_not_kept_for_whoever_sends_the_request_again(admin, bench):
    key = {"Idempotency-Key": "once"}
    first = admin.post(URL, json=HOOK, headers=key)
    assert first.status_code == 201
    again = admin.post(URL, json=HOOK, headers=key)
    assert again.status_code == 409
    assert "carried out" in again.json()["detail"]
    assert len(admin.get(URL).json()["items"]) == 1
    kept = bench.rows("SELECT body FROM idempotent_requests")
    assert [row.body for row in kept] == [None]


def test_the_log_is_read_page_by_page(admin, hook):
    ids = [admin.post(f"{URL}/{hook['id']}/test").json()["delivery_id"] for _ in range(3)]
    log = f"{URL}/{hook['id']}/deliveries"
    first = admin.get(log, params={"limit": 2}).json()
    assert [one["id"] for one in first["items"]] == ids[:0:-1]
    rest = admin.get(log, params={"limit": 2, "before": first["next"]}).json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (ids[:1], None)
    assert admin.get(log, params={"status": "delivered"}).json()["items"] == []
    assert len(admin.get(log, params={"status": "waiting"}).json()["items"]) == 3
    assert admin.get(log, params={"status": "lost"}).status_code == 422


def test_one_delivery_shows_what_it_carries_and_can_be_sent_again(admin, hook, bench):
    delivery = admin.post(f"{URL}/{hook['id']}/test").json()["delivery_id"]
    address = f"{URL}/{hook['id']}/deliveries/{delivery}"
    assert admin.get(address).json()["data"]["webhook_id"] == hook["id"]
    bench.set("webhook_deliveries", delivery, status="given_up", tries=10)
    since = {"since": "2020-01-01T00:00:00Z"}
    again = admin.post(f"{URL}/{hook['id']}/replay", json=since)
    assert (again.status_code, again.json()) == (202, {"deliveries": 1})
    assert admin.post(f"{address}/replay").json()["status"] == "waiting"
    other = admin.post(URL, json=HOOK).json()["id"]
    assert admin.get(f"{URL}/{other}/deliveries/{delivery}").status_code == 404


def test_only_an_administrator_changes_webhooks(operator, viewer, admin, hook):
    delivery = admin.post(f"{URL}/{hook['id']}/test").json()["delivery_id"]
    address = f"{URL}/{hook['id']}"
    for client in (operator, viewer):
        assert client.get(URL).status_code == 403
        assert client.post(URL, json=HOOK).status_code == 403
        assert client.patch(address, json={}).status_code == 403
        assert client.delete(address).status_code == 403
        for word in ("pause", "resume", "rotate-secret", "test"):
            assert client.post(f"{address}/{word}").status_code == 403
        assert client.get(f"{address}/deliveries").status_code == 403
        assert client.get(f"{address}/deliveries/{delivery}").status_code == 403


def test_every_final_word_about_a_person_can_be_asked_for():
    live = {RecipientStatus.PENDING, RecipientStatus.IN_FLIGHT}
    assert {f"recipient.{one}" for one in set(RecipientStatus) - live} <= EVENT_TYPES.keys()
