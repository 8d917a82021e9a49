"""A database of its own, in which time stands still until it is moved; and a world in it.

tests/conftest.py takes these fixtures for all folders: a test process has one such database.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from campaigns import migrations
from campaigns.db import engine_for
from campaigns.local import ServerUrls
from tests.databases import make_database
from tests.stateful.moved_clock import SCHEMA, SEARCH_PATH, MovedClock
from tests.stateful.working import in_moved_time
from tests.stateful.world import World, watched


@pytest.fixture(scope="session")
def moved_engine(servers: ServerUrls) -> Iterator[Engine]:
    """An engine on a database whose clock is moved by hand; the migrations built it."""
    name = f"outdial_moved_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    url = make_database(servers.database_url, name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET search_path = {SEARCH_PATH}')
        # Nothing here survives a crash of the server, and nothing has to.
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    engine = engine_for(url, pool_size=5, pre_ping=False)
    with engine.begin() as session:
        session.exec_driver_sql(SCHEMA)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def moved(moved_engine: Engine) -> Iterator[MovedClock]:
    """The clock, and dial workers that live by it."""
    clock = MovedClock(moved_engine)
    with in_moved_time(clock):
        yield clock
    clock.close()


@pytest.fixture
def stories(
    moved_engine: Engine, moved: MovedClock, tmp_path: Path
) -> Iterator[Callable[[], World]]:
    """A function that begins a new story in an empty installation."""
    with ExitStack() as last:

        def begin() -> World:
            last.close()
            return last.enter_context(watched(World(moved_engine, moved, tmp_path)))

        yield begin


@pytest.fixture
def world(moved_engine: Engine, moved: MovedClock, tmp_path: Path) -> Iterator[World]:
    """An empty installation at the beginning of a story."""
    with watched(World(moved_engine, moved, tmp_path)) as world:
        yield world
