"""A worker's eye on itself: what it depends on, and its end when it is deaf."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from campaigns import liveness, migrations
from campaigns.db import engine_for, transaction
from campaigns.store import signs
from workers.watch import Watch

NOBODY = "redis://127.0.0.1:1/0"


class Ended(list[str]):
    """Remembers why something was ended."""

    def __call__(self, why: str) -> None:
        self.append(why)


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
def watch(engine: Engine, servers, ended: Ended) -> Watch:
    return Watch(engine, "dial", servers.redis_url, ended)


@pytest.fixture
def other_tables(engine: Engine) -> Iterator[Engine]:
    """What the table says of the oldest code is put right again afterwards."""
    head = migrations.known_revisions()[-1]
    with engine.connect() as connection:
        oldest = connection.execute(text("SELECT oldest_code FROM schema_line")).scalar_one()
    yield engine
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": head})
        connection.execute(text("UPDATE schema_line SET oldest_code = :v"), {"v": oldest})


def pinged(engine: Engine, last: float, unbroken: float) -> None:
    """The pings of a scheduler that led all the time."""
    with transaction(engine) as session:
        signs.note_pings(session, "dial")
        session.execute(
            text("""
                UPDATE heartbeats SET at = clock_timestamp() - :last,
                    detail = jsonb_build_object('since', clock_timestamp() - :unbroken)
                WHERE name = 'pings:dial'
            """),
            {"last": timedelta(seconds=last), "unbroken": timedelta(seconds=unbroken)},
        )


def test_a_worker_with_everything_it_needs_has_no_problem(watch, ended):
    watch.look()
    assert watch.problems == ()
    assert watch.fit
    assert ended == []


def test_a_broker_that_is_away_is_named(engine, ended):
    watch = Watch(engine, "dial", NOBODY, ended)
    watch.look()
    assert len(watch.problems) == 1
    assert "broker does not answer" in watch.problems[0]


def test_a_database_that_is_away_is_named(servers, ended):
    away = engine_for("postgresql://nobody@127.0.0.1:1/nothing", pool_size=1)
    watch = Watch(away, "dial", servers.redis_url, ended)
    watch.look()
    away.dispose()
    assert "database does not answer" in watch.problems[0]
    assert not watch.fit


def test_tables_that_are_older_than_the_code_are_named_and_newer_ones_are_fine(watch, other_tables):
    with other_tables.begin() as connection:
        before = migrations.known_revisions()[-2]
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": before})
    watch.look()
    assert "outdial migrate" in watch.problems[0]
    assert not watch.fit
    with other_tables.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9998'"))
    watch.look()
    assert (watch.problems, watch.fit) == ((), True)


def test_tables_that_have_lost_what_the_code_needs_are_named(watch, other_tables):
    with other_tables.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_line SET oldest_code = '9998'"))
    watch.look()
    assert "older than the tables allow" in watch.problems[0]
    assert not watch.fit


def test_a_worker_that_hears_no_ping_is_ended(engine, watch, ended, monkeypatch):
    pinged(engine, last=5, unbroken=liveness.SILENT_SECONDS + 1)
    watch.look()
    assert ended == []  # it has heard something a moment ago
    monkeypatch.setattr(Watch, "silent", property(lambda _: liveness.SILENT_SECONDS + 1))
    watch.look()
    assert len(ended) == 1
    assert "took nothing from its queue" in ended[0]
    assert watch.problems == tuple(ended)


def test_a_broker_that_is_away_makes_nobody_deaf(engine, ended, monkeypatch):
    watch = Watch(engine, "dial", NOBODY, ended)
    pinged(engine, last=5, unbroken=liveness.SILENT_SECONDS + 1)
    monkeypatch.setattr(Watch, "silent", property(lambda _: liveness.SILENT_SECONDS + 1))
    watch.look()
    assert ended == []


def test_a_gap_in_the_pings_begins_them_anew(engine):
    pinged(engine, last=liveness.PINGED_SECONDS + 1, unbroken=1000)
    with transaction(engine) as session:
        signs.note_pings(session, "dial")
        found = signs.pings_through(session, "dial")
    assert found is not None
    assert found.unbroken < 1000
    pinged(engine, last=liveness.PINGED_SECONDS - 10, unbroken=1000)
    with transaction(engine) as session:
        signs.note_pings(session, "dial")
        found = signs.pings_through(session, "dial")
    assert found is not None
    assert found.last < 10
    assert found.unbroken >= 1000
