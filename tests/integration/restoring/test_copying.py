"""Backups, with the real programs and a database of their own."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from campaigns import migrations, restoring
from campaigns.db import engine_for, transaction
from campaigns.errors import InvalidInput, NotAllowed, Unavailable
from campaigns.store import dispatch, installation
from tests.databases import drop_database, make_database
from tests.factories import make_account, make_campaign, make_recipient


@pytest.fixture
def own(servers, worker_id) -> Iterator[Engine]:
    """A database that may be replaced."""
    name = f"outdial_backup_{worker_id}"
    engine = engine_for(make_database(servers.database_url, name), pool_size=2)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()
    drop_database(servers.database_url, name)


def url_of(engine: Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def people(engine: Engine) -> int:
    with transaction(engine) as session:
        return int(session.execute(text("SELECT count(*) FROM recipients")).scalar_one())


def test_a_backup_is_put_back_with_dialling_off(own, tmp_path):
    with transaction(own) as session:
        campaign = make_campaign(session, make_account(session))
        make_recipient(session, campaign)
        restoring.look(session, restoring.HighWater())
    file = tmp_path / "everything.backup"
    assert restoring.create_backup(url_of(own), file) > 1000
    assert os.stat(file).st_mode & 0o077 == 0, "others may read it"
    with transaction(own) as session:
        make_recipient(session, campaign)
        marked_at = installation.reached(session).marked_at
    own.dispose()
    noted = restoring.restore_backup(url_of(own), file)
    assert people(own) == 1
    assert noted.lost_since == marked_at
    assert noted.was_enabled
    with transaction(own) as session:
        assert not dispatch.dialing_enabled(session)
        assert installation.open_restoration(session) == noted
        session.execute(text("SELECT opted_out(ARRAY['+12025550100'], NULL, now())"))
    assert list(tmp_path.iterdir()) == [file], "the script is gone: everybody's numbers are in it"


def test_an_older_backup_is_brought_up_to_date_and_stays_off(own, tmp_path):
    migrations.downgrade(own, "0016")
    file = tmp_path / "old.backup"
    restoring.create_backup(url_of(own), file)
    migrations.upgrade(own)
    own.dispose()
    restoring.restore_backup(url_of(own), file)
    with transaction(own) as session:
        assert migrations.schema_problem(session.connection()) is None
        assert not dispatch.dialing_enabled(session)
        assert installation.open_restoration(session) is not None


def test_nothing_is_replaced_while_processes_run(own, tmp_path):
    file = tmp_path / "everything.backup"
    restoring.create_backup(url_of(own), file)
    with transaction(own) as session:
        dispatch.beat(session, "dial:here:1", "dial", ready=True, detail={})
    with pytest.raises(NotAllowed, match="dial:here:1"):
        restoring.restore_backup(url_of(own), file)
    with transaction(own) as session:
        assert dispatch.dialing_enabled(session)


def test_what_is_no_backup_changes_nothing(own, tmp_path):
    with transaction(own) as session:
        make_recipient(session, make_campaign(session, make_account(session)))
    file = tmp_path / "no.backup"
    file.write_bytes(b"PGDMP" + b"\x00" * 100)
    with pytest.raises(Unavailable, match="Nothing was changed"):
        restoring.restore_backup(url_of(own), file)
    with pytest.raises(InvalidInput, match="no file"):
        restoring.restore_backup(url_of(own), tmp_path / "nothing")
    assert people(own) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["no.backup"]


def test_a_file_that_is_there_is_not_written_over(own, tmp_path):
    file = tmp_path / "everything.backup"
    file.write_text("precious")
    with pytest.raises(InvalidInput, match="already"):
        restoring.create_backup(url_of(own), file)
    assert file.read_text() == "precious"


def test_a_database_that_is_away_leaves_no_file(tmp_path):
    file = tmp_path / "everything.backup"
    with pytest.raises(Unavailable):
        restoring.create_backup("postgresql://nobody@127.0.0.1:1/nothing", file)
    assert list(tmp_path.iterdir()) == []
