"""Carriers: made once per account, and made anew when anything about the account has changed."""

from typing import Any

import pytest

from campaigns import provisioning
from campaigns.errors import NotConfigured, NotFound
from campaigns.models import Account
from campaigns.provisioning import Carriers
from campaigns.vault import Vault
from tests.factories import SECRET
from tests.integration.core.conftest import Bench


@pytest.fixture
def carriers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Carriers:
    """Carriers that look at the account's row each time."""
    monkeypatch.setattr(provisioning, "CREDENTIALS_KEPT_SECONDS", 0.0)
    return Carriers(bench.engine, Vault(SECRET), "https://public.example")


def test_an_unchanged_account_keeps_its_carrier(carriers: Carriers, account: Account) -> None:
    assert carriers.of(account.id) is carriers.of(account.id)


@pytest.mark.parametrize(
    "change",
    [
        {"live": True},
        {"base_url": "https://other.example"},
        {"project_id": "another"},
        {"credentials": Vault(SECRET).encrypt({"api_token": "new"})},
    ],
)
def test_a_changed_account_gets_a_new_one(
    bench: Bench, carriers: Carriers, account: Account, change: dict[str, Any]
) -> None:
    before = carriers.of(account.id)
    bench.set("accounts", account.id, **change)
    after = carriers.of(account.id)
    assert after is not before
    assert after.live is change.get("live", False)


def test_an_account_that_is_not_there(carriers: Carriers) -> None:
    with pytest.raises(NotFound):
        carriers.of(4711)


def test_credentials_under_another_secret_key_say_so(bench: Bench, account: Account) -> None:
    other = Carriers(bench.engine, Vault("another secret, long enough to be one"), "https://x")
    with pytest.raises(NotConfigured, match="another OUTDIAL_SECRET_KEY"):
        other.of(account.id)
