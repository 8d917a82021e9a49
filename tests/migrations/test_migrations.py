"""The migrations: one line of them, up and down again, and equal to the models."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, text

from campaigns import migrations
from campaigns.db import engine_for
from campaigns.local import ServerUrls
from campaigns.models import Base
from campaigns.store.gate import GATE_LOCK
from tests.databases import drop_database, make_database


@pytest.fixture
def fresh(servers: ServerUrls, worker_id: str) -> Iterator[Engine]:
    """A database without any table."""
    name = f"outdial_migrations_{worker_id}"
    engine = engine_for(make_database(servers.database_url, name), pool_size=2)
    yield engine
    engine.dispose()
    drop_database(servers.database_url, name)


def things(engine: Engine) -> set[tuple[str, str]]:
    """Tables, functions and triggers of ours."""
    with engine.connect() as connection:
        return {
            (row[0], row[1])
            for row in connection.execute(
                text("""
                    SELECT 'table', tablename FROM pg_tables WHERE schemaname = 'public'
                    UNION SELECT 'function', proname FROM pg_proc p
                        JOIN pg_namespace n ON n.oid = p.pronamespace WHERE nspname = 'public'
                    UNION SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal
                """)
            )
        }


def test_a_slow_machine_has_all_the_time_it_needs(fresh: Engine) -> None:
    @event.listens_for(fresh, "connect")
    def be_impatient(connection: psycopg.Connection, _record: object) -> None:
        connection.autocommit = True
        connection.execute("SET idle_in_transaction_session_timeout = '250ms'")
        connection.autocommit = False

    @event.listens_for(fresh, "before_cursor_execute")
    def think(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "CREATE TABLE recipients" in statement:
            time.sleep(0.6)
            thought.append(statement)

    thought: list[str] = []
    migrations.upgrade(fresh)
    assert thought
    assert ("table", "recipients") in things(fresh)


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(migrations.config()).get_heads()) == 1


def test_up_down_and_up_again_gives_the_same(fresh: Engine) -> None:
    migrations.upgrade(fresh)
    first = things(fresh)
    migrations.downgrade(fresh)
    assert things(fresh) == {("table", "alembic_version")}
    migrations.upgrade(fresh)
    assert things(fresh) == first
    assert ("function", "claim_attempts") in first
    assert ("trigger", "attempts_move_forward") in first


def test_pending_migrations_are_those_not_applied(fresh: Engine) -> None:
    every = [r.revision for r in ScriptDirectory.from_config(migrations.config()).walk_revisions()]
    with fresh.connect() as connection:
        assert migrations.pending_migrations(connection) == every[::-1]
    migrations.upgrade(fresh, "0001")
    with fresh.connect() as connection:
        assert migrations.pending_migrations(connection) == every[::-1][1:]
    migrations.upgrade(fresh)
    with fresh.connect() as connection:
        assert migrations.pending_migrations(connection) == []


def test_models_and_migrations_describe_the_same_tables(migrated_engine: Engine) -> None:
    with migrated_engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_every_check_of_the_models_is_in_the_database(migrated_engine: Engine) -> None:
    with migrated_engine.connect() as connection:
        there = {
            row[0]
            for row in connection.execute(
                text("SELECT conname FROM pg_constraint WHERE contype = 'c'")
            )
        }
    wanted = {
        str(constraint.name)
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if constraint.__visit_name__ == "check_constraint"
    }
    assert wanted <= there


def test_the_claim_takes_the_lock_that_closes_the_gate(migrated_engine: Engine) -> None:
    with migrated_engine.connect() as connection:
        source = connection.execute(
            text("SELECT prosrc FROM pg_proc WHERE proname = 'claim_attempts'")
        ).scalar_one()
    assert f"pg_advisory_xact_lock_shared({GATE_LOCK})" in source


def test_dialling_is_switched_on_by_one_row(migrated_engine: Engine) -> None:
    with migrated_engine.connect() as connection:
        rows = connection.execute(text("SELECT id, enabled FROM dialing_switch")).all()
    assert rows == [(True, True)]
