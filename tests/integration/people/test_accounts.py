"""Accounts as administrators look after them: what is kept, refused, and never shown."""

from typing import Any

import pytest
from sqlalchemy import text

from campaigns import auditing, operating
from campaigns.access import CLI
from campaigns.auditing import Wanted
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Account
from campaigns.operating import AccountChange
from campaigns.provisioning import check_address, credentials_of
from campaigns.vault import Vault
from tests.integration.reporting.seed import SECRET, make_account, make_campaign, make_recipient
from tests.integration.reporting.served import make_app, make_browser, make_client

HOSTS = ("*.signalwire.com",)
TOKEN = "very-secret-token"


@pytest.fixture
def account_id(engine) -> Any:
    with transaction(engine) as session:
        make_account(session)
        return session.execute(text("SELECT id FROM accounts")).scalar_one()


def change(engine, account_id, **what) -> Any:
    with transaction(engine) as session:
        now = database_now(session)
        wanted = AccountChange(**what)
        operating.change_account(session, account_id, wanted, Vault(SECRET), CLI, now)


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("https://example.signalwire.com", True),
        ("https://EXAMPLE.signalwire.com/", True),
        ("http://127.0.0.1:8090", False),
        ("http://localhost:8090", False),
        ("http://[::1]:8090", False),
    ],
)
def test_a_provider_and_a_simulator_here_are_addresses(url, live):
    check_address(url, live=live, hosts=HOSTS)


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("http://example.signalwire.com", True),
        ("https://example.org", True),
        ("https://signalwire.com.example.org", True),
        ("https://evilsignalwire.com", True),
        ("https://signalwire.com", True),
        ("https://127.0.0.1", True),
        ("https://169.254.169.254", True),
        ("https://example.signalwire.com@example.org", True),
        ("https://user:pass@example.signalwire.com", True),
        ("https://example.signalwire.com/api", True),
        ("https://example.signalwire.com?x=1", True),
        ("https://example.signalwire.com#x", True),
        ("https://", True),
        ("ftp://example.signalwire.com", True),
        ("https://exa mple.signalwire.com", True),
        ("https://[::1", True),
        ("https://example.signalwire.com:99999", True),
        ("http://169.254.169.254", False),
        ("http://10.0.0.1", False),
        ("http://example.org", False),
        ("https://127.0.0.1", False),
    ],
)
def test_no_account_makes_us_knock_at_other_doors(url, live):
    with pytest.raises(InvalidInput, match="Nothing was changed"):
        check_address(url, live=live, hosts=HOSTS)


def test_other_hosts_are_allowed_by_name():
    check_address("http://simulator:8090", live=False, hosts=("simulator",))


def test_an_empty_token_keeps_the_one_it_has(engine, account_id):
    change(engine, account_id, project_id="another", signing_key="PSK_new")
    with transaction(engine) as session:
        account = session.get_one(Account, account_id)
        found = credentials_of(account, Vault(SECRET))
    assert (found.project_id, found.api_token, found.signing_key) == ("another", TOKEN, "PSK_new")


def test_a_change_is_in_the_audit_log_and_a_secret_is_not(engine, account_id):
    change(engine, account_id, cps=2.5, api_token="another-secret-token")
    with transaction(engine) as session:
        (entry,) = auditing.read(session, Wanted(subject=f"account:{account_id}"), None, 10)
    assert entry.before == {"cps": 5.0}
    assert entry.after == {"cps": 2.5, "api_token": "a new one", "name": "sim"}
    assert "secret" not in entry.model_dump_json()


def test_a_change_of_nothing_is_no_entry(engine, account_id):
    change(engine, account_id, cps=5.0)
    with transaction(engine) as session:
        assert auditing.read(session, Wanted(subject=f"account:{account_id}"), None, 10) == []


def test_what_a_campaign_was_made_for_stays_what_it_is(engine, account_id):
    with transaction(engine) as session:
        make_campaign(session)
    with pytest.raises(NotAllowed, match="has campaigns"):
        change(engine, account_id, live=True, base_url="https://example.signalwire.com")


def test_a_refused_address_changes_nothing(engine, account_id):
    with pytest.raises(InvalidInput):
        change(engine, account_id, live=True, base_url="https://example.org", cps=9.0)
    with transaction(engine) as session:
        account = session.get_one(Account, account_id)
    assert (account.live, account.cps) == (False, 5.0)


def test_caller_ids_come_and_go_unless_they_are_used(engine, account_id):
    with transaction(engine) as session:
        now = database_now(session)
        operating.add_caller_id(session, account_id, " +12125550101 ", CLI, now)
        with pytest.raises(NotAllowed, match="already"):
            operating.add_caller_id(session, account_id, "+12125550101", CLI, now)
        campaign = make_campaign(session)  # with the first one, +12125550100
        make_recipient(session, campaign, 1)
        with pytest.raises(NotAllowed, match="used by a campaign"):
            operating.remove_caller_id(session, account_id, "+12125550100", CLI, now)
        operating.remove_caller_id(session, account_id, "+12125550101", CLI, now)
        with pytest.raises(NotAllowed, match="only caller id"):
            operating.remove_caller_id(session, account_id, "+12125550100", CLI, now)


def test_accounts_over_the_api(engine, account_id, tmp_path):
    client = make_client(make_app(engine, tmp_path))
    before = client.get("/api/v1/accounts/sim")
    assert TOKEN not in before.text
    changed = client.patch(
        "/api/v1/accounts/sim",
        json={"cps": 3, "api_token": "another-secret-token"},
        headers={"If-Match": before.headers["etag"]},
    )
    assert changed.json()["cps"] == 3
    assert "another-secret-token" not in changed.text
    late = client.patch(
        "/api/v1/accounts/sim", json={"cps": 4}, headers={"If-Match": before.headers["etag"]}
    )
    assert late.status_code == 412
    added = client.post("/api/v1/accounts/sim/caller-ids", json={"number": "+12125550101"})
    assert added.json()["caller_ids"] == ["+12125550100", "+12125550101"]
    removed = client.delete("/api/v1/accounts/sim/caller-ids/+12125550101")
    assert removed.json()["caller_ids"] == ["+12125550100"]
    assert client.post("/api/v1/accounts/sim/off").json()["status"] == "off"
    assert client.post("/api/v1/accounts/sim/resume").json()["status"] == "active"
    checked = client.post("/api/v1/accounts/sim/check").json()
    assert checked["accepted"] is None
    assert "does not answer" in checked["sentence"]
    assert client.post("/api/v1/switch/off", json={"why": "drill"}).json()["dialling"] is False
    assert client.get("/api/v1/switch").json() == {"dialling": False, "why": "drill"}
    assert client.post("/api/v1/switch/on").json()["dialling"] is True


FORM = {
    "name": "clinic",
    "base_url": "http://127.0.0.1:1",  # where nobody answers
    "project_id": "p",
    "live": "no",
    "api_token": "the-new-secret-token",
    "caller_ids": "+12125550102\n+12125550103",
    "cps": "2",
    "max_concurrent": "10",
    "max_waiting": "",
}


def test_an_account_is_added_and_looked_after_in_the_browser(engine, tmp_path):
    browser = make_browser(make_app(engine, tmp_path), role="admin")
    assert "no account yet" in browser.get("/accounts").text
    added = browser.post("/accounts/new", data=FORM)
    where = added.headers["location"]
    page = browser.get(where).text
    assert "+12125550103" in page
    assert "the-new-secret-token" not in page
    assert "the-new-secret-token" not in browser.get(f"{where}/edit").text
    edited = browser.post(f"{where}/edit", data=FORM | {"cps": "3.5", "api_token": ""})
    assert edited.headers["location"] == where
    assert "3.5 calls a second" in browser.get(where).text
    assert "does not answer" in browser.post(f"{where}/check").text
    assert browser.post(f"{where}/pause", data={"why": "holiday"}).status_code == 303
    assert "holiday" in browser.get(where).text
    browser.post(f"{where}/resume")
    removed = browser.post(f"{where}/caller-ids/remove", data={"number": "+12125550102"})
    assert removed.status_code == 303
    last = browser.post(f"{where}/caller-ids/remove", data={"number": "+12125550103"})
    assert (last.status_code, "only caller id" in last.text) == (409, True)
    with transaction(engine) as session:
        found = [one.action for one in auditing.read(session, Wanted(action="account"), None, 20)]
    assert found == [
        "account.remove_caller_id",
        "account.resume",
        "account.pause",
        "account.change",
        "account.add",
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cps": "fast"}, "Give the calls per second"),
        ({"cps": "0"}, "Give the calls per second"),
        ({"max_concurrent": "1.5"}, "Give a whole number"),
        ({"max_waiting": "-1"}, "or nothing"),
        ({"api_token": ""}, "Fill this in"),
        ({"caller_ids": "12"}, "is no caller id"),
        ({"base_url": "https://example.org", "live": "yes"}, "no provider that Outdial knows"),
    ],
)
def test_a_wrong_field_is_told_and_what_was_typed_stays(engine, tmp_path, wrong, told):
    browser = make_browser(make_app(engine, tmp_path), role="admin")
    answer = browser.post("/accounts/new", data=FORM | wrong)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="clinic"' in answer.text
    assert FORM["api_token"] not in answer.text
    with transaction(engine) as session:
        assert session.execute(text("SELECT count(*) FROM accounts")).scalar_one() == 0
