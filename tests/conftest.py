"""What every test may use: a real PostgreSQL and a real Redis, the bundled ones.

All test processes share one pair of servers; each has a database of its own, built by the
migrations and emptied before each test that asks for it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from campaigns import migrations
from campaigns.db import engine_for
from campaigns.local import ServerUrls, embedded_servers
from campaigns.models import Base

KEPT = {"dialing_switch", "installation", "schema_line", "calling_rules", "rule_activations"}
APPEND_ONLY = {"audit_log"}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUrls]:
    """The bundled servers, shared by all test processes and stopped by the last."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with embedded_servers(Path(shared) / "servers") as urls:
        yield urls


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls) -> str:
    """An empty database of this test process."""
    name = f"outdial_test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


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


def empty_database(engine: Engine) -> None:
    """Empty every table of a migrated database, and let every id begin at 1 again."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        if connection.execute(text(_MANY)).scalar_one():
            connection.execute(text(f"TRUNCATE {', '.join(_TABLES)}"))
        # To truncate fifty tables with all their indexes makes hundreds of new files, and mostly
        # a few rows are there. Twice, since deleting makes triggers write.
        for _ in range(2):
            for table in connection.execute(text(_FILLED)).scalars():
                verb = "TRUNCATE" if table in APPEND_ONLY else "DELETE FROM"
                connection.execute(text(f"{verb} {table}"))
        connection.execute(text(_FROM_ONE))
        connection.execute(text("UPDATE dialing_switch SET enabled = true, reason = NULL"))


# Those that refer to others come before them.
_TABLES = [t.name for t in reversed(Base.metadata.sorted_tables) if t.name not in KEPT]
_FILLED = " UNION ALL ".join(
    f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in _TABLES
)
_MANY = "SELECT EXISTS (SELECT 1 FROM recipients OFFSET 500)"
_FROM_ONE = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
