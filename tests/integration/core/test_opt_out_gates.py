"""Opt-outs of prefixes, with an end, of one campaign: what each gate makes of them."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from campaigns import callbacks, migrations, stopping
from campaigns.access import CLI
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.flows.builtin import reminder_flow
from campaigns.models import Account, Attempt, Campaign
from campaigns.opting_out import lift
from campaigns.store import gate, opt_outs
from campaigns.store.opt_outs import NewOptOut
from campaigns.test_call import place_test_call
from tests.factories import make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench, Ticker
from tests.integration.core.test_claim import claim, in_thread

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NUMBER = "+12025550143"
PREFIX = NewOptOut("+1202555", is_prefix=True)


def record(bench: Bench, *new: NewOptOut, source: str = "api", **named: Any) -> stopping.OptedOut:
    return bench.run(lambda s: stopping.opt_out(s, new, source, database_now(s), **named))


def live_attempt(bench: Bench, campaign: Campaign, status: str = "queued", **row: Any) -> Attempt:
    row = {"numbers": [NUMBER]} | row
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign, **row), status))


def undo(bench: Bench, opt_out_id: int, *, put_back: bool = False) -> Any:
    return bench.run(
        lambda s: lift(s, opt_out_id, CLI, "asked for it", database_now(s), put_back=put_back)
    )


@pytest.mark.parametrize(
    ("status", "then", "recalled"),
    [
        ("queued", "cancelled", False),
        ("dialing", "dialing", True),
        ("ringing", "ringing", True),
        ("in_progress", "in_progress", False),
    ],
)
def test_a_prefix_stops_whoever_begins_so_in_every_status(
    bench: Bench, campaign: Campaign, status: str, then: str, recalled: bool
) -> None:
    mine = live_attempt(bench, campaign, status)
    other = live_attempt(bench, campaign, status, numbers=["+12025560143"])
    assert record(bench, PREFIX).recalled == ([mine.id] if recalled else [])
    assert bench.attempt(mine.id).status == then
    assert bench.attempt(other.id).status == status
    assert bench.attempt(other.id).recall_requested_at is None
    if status == "queued":
        row = bench.recipient(mine.recipient_id)
        assert (row.status, row.reason) == ("blocked", "opted out")


def test_a_prefix_counts_for_any_of_a_persons_numbers(bench: Bench, campaign: Campaign) -> None:
    attempt = live_attempt(bench, campaign, "ringing", numbers=["+12015550101", NUMBER])
    assert record(bench, PREFIX).recalled == [attempt.id]


def test_one_campaigns_opt_out_leaves_the_others_alone(
    bench: Bench, account: Account, campaign: Campaign, ticker: Ticker
) -> None:
    elsewhere = bench.run(make_campaign, account)
    here = live_attempt(bench, campaign, numbers=["+12025550101"])
    there = live_attempt(bench, elsewhere, numbers=["+12025550102"])
    waits_here = bench.run(lambda s: make_recipient(s, campaign, numbers=["+12025550103"]))
    waits_there = bench.run(lambda s: make_recipient(s, elsewhere, numbers=["+12025550104"]))
    record(bench, PREFIX, campaign_id=campaign.id)
    assert bench.attempt(here.id).status == "cancelled"
    assert bench.attempt(there.id).status == "queued"
    assert len(claim(bench.engine, [there.id], account.id)) == 1
    ticker.tick()
    assert bench.recipient(waits_here.id).status == "blocked"
    assert bench.recipient(waits_there.id).status == "in_flight"


def test_the_claim_asks_for_prefixes(bench: Bench, account: Account, campaign: Campaign) -> None:
    attempt = live_attempt(bench, campaign)
    bench.rows("INSERT INTO opt_outs (number, is_prefix, source) VALUES ('+1202', true, 'api')")
    assert claim(bench.engine, [attempt.id], account.id) == []
    assert bench.attempt(attempt.id).status == "queued"


def test_an_opt_out_ends_at_its_very_instant(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    bench.rows(
        "INSERT INTO opt_outs (number, source, expires_at) VALUES (:n, 'api', :at)",
        n=NUMBER,
        at=ticker.now,
    )

    def opted_out(at: datetime) -> bool:
        return bench.run(lambda s: opt_outs.is_opted_out(s, [NUMBER], at))

    assert opted_out(ticker.now - timedelta(microseconds=1))
    assert not opted_out(ticker.now)
    due = ticker.now - timedelta(hours=1)
    recipient = bench.run(lambda s: make_recipient(s, campaign, due=due, numbers=[NUMBER]))
    ticker.tick()
    assert bench.recipient(recipient.id).status == "in_flight"


def test_the_claim_compares_the_end_with_its_own_instant(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = live_attempt(bench, campaign)
    bench.rows(
        "INSERT INTO opt_outs (number, source, expires_at) "
        "VALUES (:n, 'api', clock_timestamp() + interval '300 milliseconds')",
        n=NUMBER,
    )
    until = bench.value("SELECT expires_at FROM opt_outs")
    found = claim(bench.engine, [attempt.id], account.id)
    while not found:
        assert bench.attempt(attempt.id).status == "queued"
        found = claim(bench.engine, [attempt.id], account.id)
    assert found[0].claimed_at >= until


def test_who_was_blocked_stays_blocked_when_the_time_is_over(
    bench: Bench, ticker: Ticker, campaign: Campaign
) -> None:
    recipient = bench.run(lambda s: make_recipient(s, campaign, numbers=[NUMBER]))
    record(bench, NewOptOut(NUMBER, expires_at=ticker.now + timedelta(seconds=5)))
    ticker.tick()
    assert bench.recipient(recipient.id).status == "blocked"
    ticker.tick(after=10)
    assert bench.recipient(recipient.id).status == "blocked"
    fresh = bench.run(lambda s: make_recipient(s, campaign, numbers=[NUMBER]))
    ticker.tick(after=0.25)
    assert bench.recipient(fresh.id).status == "in_flight"


def test_a_call_under_way_to_an_opted_out_prefix_gets_a_document_that_hangs_up(
    bench: Bench, campaign: Campaign
) -> None:
    attempt = live_attempt(bench, campaign, "ringing")
    assert not bench.run(lambda s: callbacks.conversation(s, attempt.id)).opted_out
    bench.rows("INSERT INTO opt_outs (number, is_prefix, source) VALUES ('+1202', true, 'api')")
    assert bench.run(lambda s: callbacks.conversation(s, attempt.id)).opted_out


def test_a_test_call_to_a_prefix_is_refused(bench: Bench, account: Account) -> None:
    record(bench, PREFIX)
    with pytest.raises(NotAllowed, match="has opted out"):
        bench.run(
            lambda s: place_test_call(
                s, account.name, NUMBER, reminder_flow("Elm Street Dental"), database_now(s)
            )
        )


# Stronger and weaker ones of the same number


def test_a_longer_one_takes_the_place_of_a_shorter_one_and_not_the_other_way_round(
    bench: Bench,
) -> None:
    soon, later = (bench.now() + timedelta(days=days) for days in (1, 2))
    assert record(bench, NewOptOut(NUMBER, expires_at=soon)).recorded == 1
    assert record(bench, NewOptOut(NUMBER, expires_at=later)).recorded == 1
    assert record(bench, NewOptOut(NUMBER, expires_at=soon)).recorded == 0
    assert record(bench, NewOptOut(NUMBER)).recorded == 1
    assert record(bench, NewOptOut(NUMBER, expires_at=later)).recorded == 0
    rows = bench.rows("SELECT expires_at, replaced_at IS NULL AS live FROM opt_outs ORDER BY id")
    assert [tuple(row) for row in rows] == [(soon, False), (later, False), (None, True)]


def test_what_the_callee_pressed_takes_the_place_of_what_others_said(bench: Bench) -> None:
    record(bench, NewOptOut(NUMBER, evidence="a list"), source="import")
    record(bench, NewOptOut(NUMBER, evidence="key 9"), source="keypress")
    record(bench, NewOptOut(NUMBER, evidence="key 9 again"), source="keypress")
    record(bench, NewOptOut(NUMBER), source="api")
    rows = bench.rows("SELECT evidence, replaced_at IS NULL FROM opt_outs ORDER BY id")
    assert [tuple(row) for row in rows] == [("a list", False), ("key 9", True)]


def test_what_was_pressed_has_no_end(bench: Bench) -> None:
    with pytest.raises(Exception, match="keypress_lasts"):
        record(bench, NewOptOut(NUMBER, expires_at=bench.now()), source="keypress")


def test_of_two_in_one_list_the_longer_one_is_kept(bench: Bench) -> None:
    until = bench.now() + timedelta(days=1)
    both = (NewOptOut(NUMBER, expires_at=until), NewOptOut(NUMBER), PREFIX)
    assert record(bench, *both).recorded == 2
    assert bench.value("SELECT expires_at FROM opt_outs WHERE NOT is_prefix") is None


def test_one_that_has_expired_makes_room_for_another(bench: Bench) -> None:
    past = bench.now() - timedelta(hours=1)
    bench.rows(
        "INSERT INTO opt_outs (number, source, expires_at) VALUES (:n, 'api', :at)",
        n=NUMBER,
        at=past,
    )
    assert record(bench, NewOptOut(NUMBER, expires_at=bench.now() + timedelta(days=1))).recorded
    first, second = bench.run(lambda s: opt_outs.opt_outs_of_number(s, NUMBER, 10))[::-1]
    assert (first.state(bench.now()), second.state(bench.now())) == ("expired", "live")


# Undone


def test_a_lifted_one_stays_in_history_and_may_come_again(bench: Bench) -> None:
    record(bench, NewOptOut(NUMBER))
    done = undo(bench, 1)
    assert (done.opt_out.lifted_by, done.opt_out.lifted_why) == ("command line", "asked for it")
    assert not bench.run(lambda s: opt_outs.is_opted_out(s, [NUMBER], bench.now()))
    assert record(bench, NewOptOut(NUMBER)).recorded == 1
    assert bench.value("SELECT count(*) FROM opt_outs") == 2
    (entry,) = bench.rows("SELECT * FROM audit_log WHERE action = 'opt_out.lift'")
    assert (entry.subject, entry.after["lifted_why"]) == ("opt_out:1", "asked for it")
    assert entry.before["number"] == NUMBER


def test_only_what_is_in_force_is_lifted_and_only_with_a_reason(bench: Bench) -> None:
    record(bench, NewOptOut(NUMBER))
    with pytest.raises(InvalidInput, match="Say why"):
        bench.run(lambda s: lift(s, 1, CLI, "  ", database_now(s), put_back=False))
    with pytest.raises(NotFound):
        undo(bench, 2)
    undo(bench, 1)
    with pytest.raises(NotAllowed, match="lifted"):
        undo(bench, 1)


@pytest.mark.parametrize("new", [NewOptOut(NUMBER), PREFIX])
def test_people_are_put_back_only_when_that_was_asked_for(
    bench: Bench, ticker: Ticker, campaign: Campaign, new: NewOptOut
) -> None:
    recipient = bench.run(lambda s: make_recipient(s, campaign, numbers=[NUMBER]))
    record(bench, new)
    ticker.tick()
    one = bench.run(opt_outs.find_opt_out, 1)
    assert one is not None
    assert bench.run(opt_outs.count_people_blocked_by, one) == 1
    assert undo(bench, 1).put_back == 0
    assert bench.recipient(recipient.id).status == "blocked"
    record(bench, new)
    assert undo(bench, 2, put_back=True).put_back == 1
    row = bench.recipient(recipient.id)
    assert (row.status, row.reason) == ("pending", "opt-out undone")
    ticker.now = bench.now()
    ticker.tick()
    assert bench.recipient(recipient.id).status == "in_flight"


def test_who_is_opted_out_otherwise_or_whose_campaign_is_over_is_not_put_back(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    blocked: dict[str, Any] = {"status": "blocked", "reason": "opted out", "numbers": [NUMBER]}
    over = bench.run(make_campaign, account, status="stopped")
    rows = [bench.run(lambda s, c=c: make_recipient(s, c, **blocked)) for c in (campaign, over)]
    record(bench, NewOptOut(NUMBER), PREFIX)
    undo(bench, 1, put_back=True)
    assert {bench.recipient(row.id).status for row in rows} == {"blocked"}
    assert undo(bench, 2, put_back=True).put_back == 1
    assert [bench.recipient(row.id).status for row in rows] == ["pending", "blocked"]


def test_a_reminder_that_is_put_back_comes_due_at_its_own_time(
    bench: Bench, account: Account
) -> None:
    rule = {"offset": 3600.0, "deadline": 0.0}
    reminding = bench.run(make_campaign, account, kind="reminder", reminder=rule)
    appointment = bench.now() + timedelta(days=3)
    blocked: dict[str, Any] = {"status": "blocked", "reason": "opted out", "numbers": [NUMBER]}
    timed = bench.run(lambda s: make_recipient(s, reminding, appointment_at=appointment, **blocked))
    nowhere = bench.run(lambda s: make_recipient(s, reminding, **(blocked | {"zone_key": None})))
    record(bench, NewOptOut(NUMBER))
    assert undo(bench, 1, put_back=True).put_back == 2
    assert bench.recipient(timed.id).next_attempt_at == appointment - timedelta(hours=1)
    assert bench.recipient(nowhere.id).status == "review"


# Races


def test_a_claim_that_waited_for_a_prefix_obeys_it(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = live_attempt(bench, campaign)
    with transaction(bench.engine) as opting_out:
        gate.close_gate(opting_out)
        opt_outs.insert_opt_outs(opting_out, [PREFIX], "api", database_now(opting_out))
        thread, came = in_thread(lambda: claim(bench.engine, [attempt.id], account.id))
        time.sleep(0.3)
        assert came == []
    thread.join()
    assert came == [[]]
    assert bench.attempt(attempt.id).status == "queued"


def test_after_a_prefix_commits_nothing_that_begins_so_is_claimed(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ids = [live_attempt(bench, campaign, numbers=[f"+120255501{n:02d}"]).id for n in range(40)]
    claimed: list[int] = []
    claimed_some, stopped = threading.Event(), threading.Event()

    def claims() -> None:
        while not stopped.is_set():
            found = claim(bench.engine, ids, account.id, period=0.02, window=0.01)
            claimed.extend(one.id for one in found)
            if len(claimed) >= 3:
                claimed_some.set()

    thread, _ = in_thread(claims)
    assert claimed_some.wait(20)
    recalled = record(bench, PREFIX).recalled
    committed = bench.now()
    at_commit = bench.value("SELECT count(*) FROM attempts WHERE status = 'dialing'")
    for _ in range(20):  # claims go on meanwhile
        assert claim(bench.engine, ids, account.id) == []
    stopped.set()
    thread.join()
    assert sorted(claimed) == sorted(recalled)
    assert len(claimed) == at_commit
    late = "SELECT count(*) FROM attempts WHERE claimed_at > :at OR status = 'queued'"
    assert bench.value(late, at=committed) == 0


def test_an_opt_out_that_comes_while_one_is_lifted_is_not_lost_with_it(bench: Bench) -> None:
    record(bench, NewOptOut(NUMBER))
    with transaction(bench.engine) as lifting:
        lift(lifting, 1, CLI, "asked for it", database_now(lifting), put_back=False)
        thread, came = in_thread(lambda: record(bench, NewOptOut(NUMBER)))
        time.sleep(0.3)
        assert came == []
    thread.join()
    assert came[0].recorded == 1
    assert bench.run(lambda s: opt_outs.is_opted_out(s, [NUMBER], bench.now()))


# The function itself


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    # Few different digits, so that numbers and prefixes meet often.
    return st.text("12", min_size=least, max_size=most).map(lambda tail: f"+1{tail}")


INSTANTS = st.integers(-1, 1).map(lambda hours: NOON + timedelta(hours=hours))
RECORDED = st.fixed_dictionaries(
    {
        "number": digits(2, 4),
        "is_prefix": st.booleans(),
        "campaign": st.sampled_from([None, 0, 1]),
        "expires_at": INSTANTS | st.none(),
        "gone": st.sampled_from([None, None, None, "lifted", "replaced"]),
    }
)


def model(rows: list[dict[str, Any]], numbers: list[str], campaign: int, at: datetime) -> bool:
    """What `opted_out` promises, said once more in other words."""
    return any(
        (number.startswith(row["number"]) if row["is_prefix"] else number == row["number"])
        and row["gone"] is None
        and row["campaign"] in (None, campaign)
        and (row["expires_at"] is None or at < row["expires_at"])
        for row in rows
        for number in numbers
    )


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        RECORDED,
        max_size=3,
        unique_by=lambda row: (row["number"], row["is_prefix"], row["campaign"]),
    ),
    numbers=st.lists(digits(3, 4), min_size=1, max_size=3),
    campaign=st.sampled_from([0, 1]),
    at=INSTANTS,
)
def test_the_function_is_what_it_promises(
    two_campaigns: tuple[Bench, list[int]],
    rows: list[dict[str, Any]],
    numbers: list[str],
    campaign: int,
    at: datetime,
) -> None:
    bench, ids = two_campaigns
    with transaction(bench.engine) as session:
        for row in rows:
            session.execute(
                text("""
                    INSERT INTO opt_outs (number, is_prefix, campaign_id, source, expires_at,
                                          lifted_at, lifted_by, lifted_why, replaced_at)
                    VALUES (:number, :is_prefix, :campaign, 'api', :expires_at,
                            :lifted, :by, :by, :replaced)
                """),
                row
                | {
                    "campaign": None if row["campaign"] is None else ids[row["campaign"]],
                    "lifted": NOON if row["gone"] == "lifted" else None,
                    "by": "somebody" if row["gone"] == "lifted" else None,
                    "replaced": NOON if row["gone"] == "replaced" else None,
                },
            )
        found = opt_outs.is_opted_out(session, numbers, at, ids[campaign])
        session.rollback()
    assert found == model(rows, numbers, campaign, at)


@pytest.fixture
def two_campaigns(bench: Bench, account: Account, campaign: Campaign) -> tuple[Bench, list[int]]:
    return bench, [campaign.id, bench.run(make_campaign, account).id]


def test_the_function_reads_only_indexes_however_long_the_list_is(bench: Bench) -> None:
    """Planned once, while the table was empty, in a connection that keeps its plans."""
    with bench.engine.connect() as connection:

        def ask(times: int) -> tuple[int, int]:
            before = connection.execute(text(READS)).one()
            connection.execute(
                text("""
                    SELECT opted_out(ARRAY['+1202555' || lpad(n::text, 4, '0')], 1, now())
                    FROM generate_series(1, :times) AS n
                """),
                {"times": times},
            ).all()
            after = connection.execute(text(READS)).one()
            return after[0] - before[0], after[1] - before[1]

        ask(20)
        connection.execute(
            text("""
                INSERT INTO opt_outs (number, source, is_prefix)
                SELECT '+4420' || n, 'api', n % 100 = 0 FROM generate_series(100000, 119999) AS n
            """)
        )
        scans, rows = ask(100)
        assert scans == 0
        assert rows <= 100  # one look whether there are prefixes at all, for each
        connection.rollback()


READS = "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'opt_outs'"


def test_the_claim_of_the_migration_before_is_restored_by_the_downgrade() -> None:
    """Both migrations hold the function's text: they may differ in the one gate alone."""
    scripts = ScriptDirectory.from_config(migrations.config())
    first, this = (scripts.get_revision(name).module for name in ("0002", "0006"))
    restored = this.CLAIM_ATTEMPTS.replace(this.GATE, this.FIRST_GATE)
    assert restored.replace("CREATE OR REPLACE", "CREATE") == first.CLAIM_ATTEMPTS
    assert this.CLAIM_ATTEMPTS.count(this.GATE) == 1
