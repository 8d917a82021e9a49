"""What every test may use: a real PostgreSQL and a real Redis, the bundled ones.

All test processes share one pair of servers; each has a database of its own, built by the
migrations and emptied before each test that asks for it.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine
from xdist.scheduler import LoadGroupScheduling

from campaigns import migrations
from campaigns.db import engine_for
from campaigns.local import ServerUrls, embedded_servers
from campaigns.web import watching
from tests.databases import empty_database, make_database
from tests.stateful.fixtures import moved, moved_engine, stories, world

__all__ = ["moved", "moved_engine", "stories", "world"]

# Properties hold however busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadgroup`, what is before a browser stays in one process, with one stack.

    The mark `xdist_group` says it by a suffix to the test's id, which pytest 9.2 drops.
    """
    if config.getoption("dist") != "loadgroup":
        return None

    def group_of(nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/browser/") else nodeid

    scheduler = LoadGroupScheduling(config, log)
    scheduler._split_scope = group_of
    return scheduler


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, nohup lets it ignore the end of
    its terminal, and so would all that the tests start; some of it must end by them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUrls]:
    """The bundled servers, shared by all test processes and stopped by the last."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with embedded_servers(Path(shared) / "servers") as urls:
        yield urls


@pytest.fixture(scope="session", autouse=True)
def _live_pages_of_its_own() -> Iterator[None]:
    """Redis tells every test process what another's pages say, and their campaigns have one id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "PREFIX", f"{watching.PREFIX}{os.getpid()}:")
        yield


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls) -> str:
    """An empty database of this test process."""
    name = f"outdial_test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    return make_database(servers.database_url, name)


@pytest.fixture(scope="session")
def migrated_engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database that the migrations built."""
    engine = engine_for(database_url, pool_size=10)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(migrated_engine: Engine) -> Engine:
    """The same, with every table empty and every id beginning at 1 again."""
    empty_database(migrated_engine)
    return migrated_engine
