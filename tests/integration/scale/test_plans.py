"""No page, list, search, report or live look reads more rows because the tables hold more.

`OUTDIAL_SEED_RECIPIENTS=1000000` makes a million recipients with three million attempts; the
bound on what a statement may touch is the same.
"""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from campaigns import reporting, tallying
from campaigns.db import database_now, transaction
from campaigns.lifecycle import RecipientStatus
from campaigns.reporting import Surroundings, Watch
from campaigns.store import exports, health, tallies
from campaigns.store.abandoned_calls import abandoned_and_answered, latest_abandoned_calls
from campaigns.store.counted_calls import Reach, calls_that_count
from tests.integration.scale.conftest import Filled
from tests.integration.scale.plans import capture, cost, told

# Rows that one statement's scans may touch, whatever the tables hold.
BOUND = 2000
AROUND = Surroundings()

Ask = Callable[[Session, Filled], object]


def _last(session: Session, table: str, campaign_id: int) -> int:
    newest = text(f"SELECT max(id) FROM {table} WHERE campaign_id = :id")
    return int(session.execute(newest, {"id": campaign_id}).scalar_one())


def _deep(session: Session, filled: Filled) -> object:
    middle = _last(session, "recipients", filled.big) // 2
    found = [reporting.list_recipients(session, filled.big, None, middle, 50)]
    found += [
        reporting.list_recipients(session, filled.big, status.value, middle, 50)
        for status in RecipientStatus
    ]
    return found


def _histories(session: Session, filled: Filled) -> object:
    attempt = _last(session, "attempts", filled.big)
    one = reporting.attempt_history(session, attempt)
    return reporting.recipient_history(session, one.recipient_id, database_now(session))


def _searches(session: Session, filled: Filled) -> object:
    number = reporting.list_recipients(session, filled.big, None, 5000, 1)[0].numbers[0]
    for query in (number, number[-4:], number[-7:], "smith", "Ada S", "zzz", "lee"):
        for campaign_id in (None, filled.big, filled.seeded.campaigns[3]):
            page = reporting.search_recipients(session, query, campaign_id=campaign_id, limit=50)
            if page:
                reporting.search_recipients(
                    session,
                    query,
                    campaign_id=campaign_id,
                    after=page[-1].recipient.id,
                    limit=50,
                )
    return reporting.recipients_with_number(session, number, 50)


def _in_doubt(session: Session, filled: Filled) -> object:
    first = reporting.in_doubt(session, None, 20)
    assert len(first) == 20
    return reporting.in_doubt(session, first[-1].attempt.id, 20)


def _logs(session: Session, filled: Filled) -> object:
    first = reporting.read_log(session, None, 20, campaign_id=filled.big)
    reporting.read_log(session, first[-1].id, 20, campaign_id=filled.big)
    return reporting.read_log(session, None, 20)


def _live_campaign(session: Session, filled: Filled) -> object:
    return Watch().campaign(session.connection(), filled.big, AROUND)


def _live_overview(session: Session, filled: Filled) -> object:
    return Watch().overview(session.connection(), AROUND)


def _report(session: Session, filled: Filled) -> object:
    return reporting.campaign_report(session, filled.big, database_now(session), AROUND)


def _counts(session: Session, filled: Filled) -> object:
    return reporting.campaign_with_counts(session, filled.big, database_now(session), AROUND)


def _overview(session: Session, filled: Filled) -> object:
    reporting.overview(session, database_now(session), AROUND, "1-99")
    return reporting.overview(session, database_now(session), AROUND)


def _export(session: Session, filled: Filled) -> object:
    exports.variable_names(session, filled.big)
    return exports.read_recipients(session, filled.big, 20_000, 50)


def _metrics(session: Session, _filled: Filled) -> object:
    health.all_recipients_by_status(session)
    return health.all_attempts(session)


def _accounts(session: Session, _filled: Filled) -> object:
    reporting.list_campaigns(session, None, 50)
    return reporting.list_accounts(session)


def _caps(session: Session, filled: Filled) -> object:
    """What a tick asks about 100 people who are due."""
    people = [
        (one.id, one.numbers[0])
        for one in reporting.list_recipients(session, filled.big, None, 5000, 100)
    ]
    reach = Reach(7, database_now(session) - timedelta(days=3650))
    return calls_that_count(
        session,
        people,
        number=reach,
        subject=reach,
        person=reach,
        abandoned_since=reach.since,
        campaigns=[filled.big],
    )


def _silence(session: Session, filled: Filled) -> object:
    """What the scheduler asks about a campaign of which one call in fifty met silence."""
    since = database_now(session) - timedelta(days=30)
    assert len(latest_abandoned_calls(session, filled.big, 100)) == 100
    silent, answered = abandoned_and_answered(session, filled.big, since)
    assert 0.01 < silent / answered < 0.03
    return silent


def _why(session: Session, filled: Filled) -> object:
    now = database_now(session)
    number = reporting.list_recipients(session, filled.big, None, 5000, 1)[0].numbers[0]
    reporting.evidence.attempts_of(session, number, None, 50)
    reporting.evidence.people_of(session, number, 50)
    found = reporting.why(session, number, now, AROUND, at=now - timedelta(days=2))
    return [found, reporting.why(session, number, now, AROUND)]


ASKED: dict[str, Ask] = {
    "overview": _overview,
    "campaign": _counts,
    "report": _report,
    "live campaign": _live_campaign,
    "live overview": _live_overview,
    "recipients": _deep,
    "search": _searches,
    "histories": _histories,
    "in doubt": _in_doubt,
    "log": _logs,
    "export": _export,
    "accounts and campaigns": _accounts,
    "metrics": _metrics,
    "caps": _caps,
    "silence": _silence,
    "why": _why,
}


@pytest.fixture
def probe(filled: Filled):
    plain = make_url(filled.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        yield connection


@pytest.mark.parametrize("name", ASKED)
def test_no_plan_grows_with_the_tables(filled, probe, name):
    with capture(filled.engine) as issued, transaction(filled.engine) as session:
        assert ASKED[name](session, filled) is not None
    asked = [one for one in issued if "max(id) FROM" not in one.statement]
    assert asked
    for one in asked:
        for generic in (False, True):
            found = cost(probe, one, generic=generic)
            assert found.read_whole == [], told(one, found)
            assert found.touched <= BOUND, f"{found.touched:,.0f} rows: {told(one, found)}"


def test_the_capture_sees_what_reads_a_table_from_end_to_end(filled, probe):
    with capture(filled.engine) as issued, transaction(filled.engine) as session:
        session.execute(text("SELECT count(*) FROM recipients WHERE reason = 'opted out'"))
    found = cost(probe, issued[0], generic=False)
    assert found.read_whole == ["recipients"]
    assert found.touched > BOUND


def test_a_live_look_is_one_statement(filled):
    watch = Watch()
    with filled.engine.connect() as connection:
        watch.campaign(connection, filled.big, AROUND)
        with capture(filled.engine) as issued:
            watch.campaign(connection, filled.big, AROUND)
    assert len(issued) == 1


def test_the_tallies_of_the_seed_are_what_its_rows_are(filled):
    for campaign_id in filled.seeded.campaigns:
        assert tallying.prove(filled.engine, campaign_id) == []


def test_a_live_look_and_the_page_say_the_same(filled):
    with transaction(filled.engine) as session:
        reporting.read_one_snapshot(session)
        now = database_now(session)
        for campaign_id in filled.seeded.campaigns:
            page = reporting.campaign_report(session, campaign_id, now, AROUND)
            live = Watch().campaign(session.connection(), campaign_id, AROUND)
            for name in ("recipients", "retrying", "live_calls", "answers", "dispositions"):
                assert getattr(live, name) == getattr(page, name)
            wait = live.waiting
            assert wait.due + wait.hours + wait.retry + wait.later == page.recipients.pending


def test_who_waits_is_counted_as_the_rows_say(filled):
    with transaction(filled.engine) as session:
        reporting.read_one_snapshot(session)
        now = database_now(session)
        wait = reporting.campaign_with_counts(session, filled.big, now, AROUND).waiting
        due, later = session.execute(
            text("""
                SELECT count(*) FILTER (WHERE next_attempt_at <= :now),
                       count(*) FILTER (WHERE next_attempt_at > :now)
                FROM recipients WHERE campaign_id = :id AND status = 'pending'
            """),
            {"id": filled.big, "now": now},
        ).one()
    assert wait.due + wait.retry + wait.later == due + later
    if wait.exact:
        assert (wait.due, wait.retry + wait.later) == (due, later)


def test_deltas_that_wait_to_be_folded_are_found_by_their_campaign(filled, probe):
    """With a backlog of other campaigns' deltas, a report reads its own only."""
    other = filled.seeded.campaigns[1]
    with contextlib.ExitStack() as back:
        session = back.enter_context(Session(filled.engine))
        session.execute(
            text("""
                INSERT INTO tally_deltas (campaign_id, tally, key, n)
                SELECT :id, 'hours', ARRAY['x'], 1 FROM generate_series(1, 20000)
            """),
            {"id": other},
        )
        session.execute(text("ANALYZE tally_deltas"))
        with capture(filled.engine) as issued:
            tallies.read_tallies(session, [filled.big], ["recipients", "hours"])
        probing = cast(psycopg.Connection, session.connection().connection.driver_connection)
        found = cost(probing, issued[0], generic=False)
        session.rollback()
    assert found.read_whole == []
    assert found.touched <= BOUND
