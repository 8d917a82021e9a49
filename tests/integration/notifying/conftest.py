"""Endpoints, couriers and receivers over a test's database."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from campaigns.access import CLI
from campaigns.models import Account, Campaign
from campaigns.notifying.addresses import resolve
from campaigns.notifying.delivery import Courier, Outside
from campaigns.notifying.endpoints import CreatedEndpoint, create_endpoint, send_test
from campaigns.notifying.posting import Poster
from campaigns.vault import Vault
from tests.factories import SECRET, make_account, make_campaign
from tests.integration.core.conftest import Bench
from tests.integration.notifying.receiver import Receiver


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


@pytest.fixture
def account(bench: Bench) -> Account:
    return bench.run(make_account)


@pytest.fixture
def campaign(bench: Bench, account: Account) -> Campaign:
    return bench.run(make_campaign, account)


@pytest.fixture
def vault() -> Vault:
    return Vault(SECRET)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def subscribe(bench: Bench, vault: Vault) -> Callable[..., CreatedEndpoint]:
    """Adds an endpoint; by default one that is told everything and that nobody delivers to."""

    def add(*event_types: str, url: str = "http://127.0.0.1:9/hook") -> CreatedEndpoint:
        return bench.run(
            create_endpoint, vault, url, event_types, CLI, bench.now(), allow_private=True
        )

    return add


@pytest.fixture
def ping(bench: Bench) -> Callable[[CreatedEndpoint], int]:
    """Stores a test event for an endpoint and returns its delivery's id."""
    return lambda made: bench.run(send_test, made.row.id)


@pytest.fixture
def outside(vault: Vault) -> Outside:
    return Outside(vault, Poster(resolve, allow_private=True), None)


@pytest.fixture
def courier(engine: Engine, outside: Outside) -> Iterator[Courier]:
    made = Courier(engine, outside)
    yield made
    made.close()


@pytest.fixture
def deliver(courier: Courier) -> Callable[[], int]:
    """Delivers what is due now and waits until it is recorded; returns how much there was."""

    def run() -> int:
        taken = courier.take()
        courier.settle()
        return taken

    return run


@pytest.fixture
def told(bench: Bench) -> Callable[..., list[Any]]:
    """The stored events, oldest first: all, or those of one type."""

    def read(kind: str | None = None) -> list[Any]:
        rows = bench.rows("SELECT type, data FROM outgoing_events ORDER BY id")
        return [row for row in rows if kind is None or row.type == kind]

    return read
