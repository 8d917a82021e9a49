"""A database that went back in time is noticed, and dials nobody."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from campaigns import changing, restoring
from campaigns.access import CLI
from campaigns.db import database_now, transaction
from campaigns.errors import NotAllowed
from campaigns.restoring import HighWater
from campaigns.restoring.noticing import why_it_went_back
from campaigns.store import installation
from campaigns.store.installation import Reached
from tests.factories import make_account, make_attempt, make_campaign, make_recipient
from tests.integration.core.callers import Caller, state


@pytest.fixture(autouse=True)
def known(engine):
    """The database is marked as itself; what a test has made of it is put right again."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE installation SET identity = NULL, mark = 100"))
    look(engine, HighWater(100))
    yield
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM restorations"))
        connection.execute(text("UPDATE installation SET identity = NULL"))


def look(engine, outside: HighWater) -> HighWater:
    with transaction(engine) as session:
        return restoring.look(session, outside)


def waiting(engine):
    with transaction(engine) as session:
        return installation.open_restoration(session)


def enabled(engine) -> bool:
    with transaction(engine) as session:
        return bool(session.execute(text("SELECT enabled FROM dialing_switch")).scalar_one())


@pytest.mark.parametrize(
    ("reached", "outside", "back"),
    [
        (Reached("a/1/5", "a/1/5", 7, None), HighWater(7), False),
        (Reached("a/1/5", None, 0, None), HighWater(0), False),  # marked for the first time
        (Reached("a/1/5", "a/1/5", 6, None), HighWater(7), True),  # an older state
        (Reached("b/1/5", "a/1/5", 7, None), HighWater(0), True),  # a dump, read in elsewhere
        (
            Reached("a/2/5", "a/1/5", 7, None),
            HighWater(7),
            True,
        ),  # to a point in time, or a standby
    ],
)
def test_what_is_known_outside_tells_an_older_database(reached, outside, back):
    assert (why_it_went_back(reached, outside) is not None) is back


def test_a_database_that_goes_on_is_left_alone(engine):
    mark = HighWater(100)
    for _ in range(3):
        before, mark = mark, look(engine, mark)
        assert mark.mark > before.mark
    assert waiting(engine) is None
    assert enabled(engine)


def test_an_older_database_is_switched_off_and_says_since_when(engine):
    mark = look(engine, HighWater(100))
    with engine.begin() as connection:
        at = connection.execute(
            text("""
                UPDATE installation SET mark = 50, marked_at = now() - interval '1 day'
                RETURNING marked_at
            """)
        ).scalar_one()
    after = look(engine, mark)
    found = waiting(engine)
    assert found is not None
    assert found.lost_since == at
    assert found.was_enabled
    assert not enabled(engine)
    assert after.mark > mark.mark, "or it would be noticed again after it was reconciled"
    look(engine, after)
    assert waiting(engine) == found


def test_what_was_queued_is_cancelled_and_ids_are_not_given_out_again(engine):
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
        attempt = make_attempt(session, make_recipient(session, campaign))
    with transaction(engine) as session:
        restoring.note_restored(session, "It was restored.")
    with transaction(engine) as session:
        status = session.execute(text("SELECT status, cancel_reason FROM attempts")).one()
        assert tuple(status) == ("cancelled", "paused")
        later = make_attempt(session, make_recipient(session, campaign))
        assert later.id > attempt.id + 1_000_000


def test_nobody_can_switch_dialling_on_before_it_is_reconciled(engine):
    with transaction(engine) as session:
        restoring.note_restored(session, "It was restored.")
    with pytest.raises(NotAllowed, match="outdial reconcile"), transaction(engine) as session:
        changing.switch_on(session, CLI, database_now(session))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("UPDATE dialing_switch SET enabled = true"))
    assert not enabled(engine)


def test_a_call_by_a_token_of_ours_that_is_still_to_come_is_a_witness(engine):
    caller = Caller(engine)
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
        known = make_attempt(session, make_recipient(session, campaign), "dialing")
    assert caller.hook(known.id, state("ringing")) == 204
    assert waiting(engine) is None
    assert caller.hook(known.id + 7, state("ringing")) == 404
    found = waiting(engine)
    assert found is not None
    assert f"attempt {known.id + 7}" in found.why
    assert not enabled(engine)


def test_a_call_of_an_attempt_that_was_deleted_proves_nothing(engine):
    caller = Caller(engine)
    with transaction(engine) as session:
        campaign = make_campaign(session, make_account(session))
        first = make_attempt(session, make_recipient(session, campaign), "dialing")
        make_attempt(session, make_recipient(session, campaign), "dialing")
        for column, table in (("attempt_id", "attempt_numbers"), ("id", "attempts")):
            session.execute(text(f"DELETE FROM {table} WHERE {column} = :id"), {"id": first.id})
    assert caller.hook(first.id, state("ringing")) == 404
    assert waiting(engine) is None


def test_the_mark_outlives_the_process(tmp_path):
    assert HighWater.read(tmp_path) == HighWater(0)
    HighWater(7).write(tmp_path)
    assert HighWater.read(tmp_path) == HighWater(7)
    (tmp_path / "high_water.json").write_text("{")
    assert HighWater.read(tmp_path) == HighWater(0)


def test_it_is_too_early_while_a_live_providers_log_may_be_late(engine):
    with transaction(engine) as session:
        make_account(session, live=True)
        restoring.note_restored(session, "It was restored.")
    with pytest.raises(NotAllowed, match="late"), transaction(engine) as session:
        restoring.reconcile(session, lambda *_: [], hold=timedelta(0))
    assert waiting(engine) is not None


def test_without_a_restoration_there_is_nothing_to_reconcile(engine):
    with pytest.raises(NotAllowed, match="Nothing is to be"), transaction(engine) as session:
        restoring.reconcile(session, lambda *_: [])
