"""Opt-outs on their way back to the tables before: nobody becomes callable by it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from campaigns import migrations
from campaigns.db import engine_for
from campaigns.local import ServerUrls
from tests.databases import drop_database, make_database


@pytest.fixture
def fresh(servers: ServerUrls, worker_id: str) -> Iterator[Engine]:
    """A database with the tables of this migration."""
    name = f"outdial_opt_outs_{worker_id}"
    engine = engine_for(make_database(servers.database_url, name), pool_size=2)
    migrations.upgrade(engine, "0006")
    yield engine
    engine.dispose()
    drop_database(servers.database_url, name)


def record(engine: Engine, *rows: str) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(
                text(f"""
                    INSERT INTO opt_outs (number, is_prefix, source, expires_at, replaced_at,
                                          lifted_at, lifted_by, lifted_why)
                    VALUES ({row})
                """)
            )


def test_what_holds_holds_for_ever_afterwards_and_what_does_not_is_gone(fresh: Engine) -> None:
    record(
        fresh,
        "'+12025550101', false, 'page', now() + interval '1 day', null, null, null, null",
        "'+12025550102', false, 'api', now() - interval '1 day', null, null, null, null",
        "'+12025550103', false, 'api', null, null, now(), 'x', 'x'",
        "'+12025550104', false, 'api', null, now(), null, null, null",
        "'+12025550104', false, 'keypress', null, null, null, null, null",
        "'+1202', true, 'api', null, null, now(), 'x', 'x'",
    )
    migrations.downgrade(fresh, "0005")
    with fresh.connect() as connection:
        rows = connection.execute(text("SELECT number, source FROM opt_outs ORDER BY 1")).all()
    assert rows == [("+12025550101", "cli"), ("+12025550104", "keypress")]
    migrations.upgrade(fresh, "0006")
    with fresh.connect() as connection:
        asked = connection.execute(
            text("SELECT opted_out(ARRAY['+12025550101'], 1, now() + interval '9 years')")
        )
        assert asked.scalar_one()


def test_a_prefix_that_holds_stops_the_way_back(fresh: Engine) -> None:
    record(fresh, "'+1202', true, 'api', null, null, null, null, null")
    with pytest.raises(DBAPIError, match="undo them first"):
        migrations.downgrade(fresh, "0005")
    with fresh.connect() as connection:
        assert connection.execute(
            text("SELECT opted_out(ARRAY['+12025550101'], 1, now())")
        ).scalar()
