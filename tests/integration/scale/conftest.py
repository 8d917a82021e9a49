"""A database as months of calling would have filled it; its size is an environment variable."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from benchmarks.seed_million import Seeded, Size, seed
from campaigns import migrations
from campaigns.db import engine_for
from campaigns.local import ServerUrls
from tests.databases import drop_database, make_database

RECIPIENTS = int(os.environ.get("OUTDIAL_SEED_RECIPIENTS", "40000"))


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled database."""

    engine: Engine
    url: str
    seeded: Seeded

    @property
    def big(self) -> int:
        """The campaign that has nine tenths of everything."""
        return self.seeded.campaigns[0]


@pytest.fixture(scope="package")
def filled(servers: ServerUrls, worker_id: str) -> Iterator[Filled]:
    """Made once for all tests of this folder, which change nothing that stays."""
    name = f"outdial_scale_{worker_id}"
    url = make_database(servers.database_url, name)
    engine = engine_for(url, pool_size=5)
    migrations.upgrade(engine)
    yield Filled(engine, url, seed(engine, Size(RECIPIENTS, 3 * RECIPIENTS)))
    engine.dispose()
    drop_database(servers.database_url, name)
