"""Tables change while everything runs: nobody waits long, and a migration gets through."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from campaigns import migrations
from campaigns.db import engine_for
from tests.migrations.test_migrations import fresh  # noqa: F401 - a fixture

LAST = migrations.known_revisions()[-1]


@pytest.fixture
def ready(fresh: Engine) -> Iterator[Engine]:  # noqa: F811
    """A database just before the last migration, and connections that may idle in transactions."""
    migrations.upgrade(fresh)
    url = fresh.url.render_as_string(hide_password=False)
    patient = engine_for(url, pool_size=2)
    yield patient
    patient.dispose()


class Holder(threading.Thread):
    """A transaction that keeps a table's lock until it is told to let go."""

    def __init__(self, engine: Engine, sql: str) -> None:
        super().__init__()
        self._engine, self._sql = engine, sql
        self.holds, self.let_go = threading.Event(), threading.Event()

    def run(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
            connection.execute(text(self._sql))
            self.holds.set()
            self.let_go.wait(60)
            connection.rollback()


def test_a_migration_that_must_wait_lets_others_pass_and_comes_through(
    ready: Engine,
    fresh: Engine,  # noqa: F811
) -> None:
    # What a migration always needs: the row with its own revision.
    blocker = Holder(ready, "SELECT * FROM alembic_version FOR UPDATE")
    blocker.start()
    assert blocker.holds.wait(20)
    migrating = threading.Thread(target=migrations.downgrade, args=(fresh, "-1"))
    migrating.start()
    time.sleep(3)  # longer than it waits for a lock
    assert migrating.is_alive(), "it gave up, or did not wait"
    with ready.connect() as connection:  # others find nothing locked by the one that waits
        held = connection.execute(
            text("""
                SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND c.relkind = 'r'
                  AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = l.pid
                              AND a.state_change < now() - interval '2500 milliseconds')
            """)
        ).scalar_one()
    assert held == 0
    blocker.let_go.set()
    blocker.join()
    migrating.join(timeout=60)
    assert not migrating.is_alive()
    with ready.connect() as connection:
        assert migrations.pending_migrations(connection) == [LAST]
    migrations.upgrade(fresh)


def test_what_was_set_for_a_migration_does_not_stay_on_the_connection(fresh: Engine) -> None:  # noqa: F811
    with fresh.connect() as connection:
        before = connection.execute(text("SHOW statement_timeout")).scalar_one()
    migrations.upgrade(fresh)
    with fresh.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == before
        locks = connection.execute(
            text("""
                SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """)
        ).scalar_one()
    assert locks == 0
