"""The claim: the last gate before a call, taken under the gate lock."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from campaigns.campaigning import pause_campaign
from campaigns.db import database_now, engine_for, transaction
from campaigns.models import Account, Attempt, Campaign
from campaigns.stopping import opt_out_number
from campaigns.store import attempts, gate
from campaigns.store.attempts import Claimed
from tests.factories import (
    fiction_number,
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
)
from tests.integration.core.conftest import Bench

# The same gates in one statement: its snapshot is older than its wait for the lock.
SINGLE_STATEMENT = """
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(:gate))
    UPDATE attempts a SET status = 'dialing', claimed_at = clock_timestamp(), claimed_by = 'w'
    FROM locked, recipients r
    WHERE a.id = :id AND a.status = 'queued' AND r.id = a.recipient_id
      AND NOT EXISTS (SELECT 1 FROM opt_outs o WHERE o.number = ANY (r.numbers))
    RETURNING a.id
"""


def claim_on(
    connection: Connection,
    ids: list[int],
    account_id: int,
    *,
    worker: str = "worker",
    live_allowed: bool = False,
    period: float = 0.000001,
    window: float = 0.025,
) -> list[Claimed]:
    return attempts.claim_attempts(
        connection,
        account_id,
        ids,
        worker,
        live_allowed=live_allowed,
        period=period,
        window=window,
    )


def claim(engine: Engine, ids: list[int], account_id: int, **named: Any) -> list[Claimed]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return claim_on(connection, ids, account_id, **named)


def queue(bench: Bench, campaign: Campaign, **columns: Any) -> Attempt:
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), **columns))


def in_thread(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run `act` beside the test; what it returns or raises is in the list."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(act())
        except Exception as error:  # handed to the test
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


def test_a_claim_takes_what_is_due_and_says_how_to_call(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    (claimed,) = claim(bench.engine, [attempt.id], account.id)
    assert (claimed.id, claimed.number, claimed.caller_id, claimed.ring_timeout) == (
        attempt.id,
        attempt.number,
        "+12015550199",
        30,
    )
    row = bench.attempt(attempt.id)
    assert (row.status, row.claimed_by, row.claimed_at) == (
        "dialing",
        "worker",
        claimed.claimed_at,
    )
    assert claim(bench.engine, [attempt.id], account.id) == []


def refusals() -> dict[str, Callable[[Bench, Attempt, Campaign], None]]:
    past, soon = timedelta(seconds=-1), timedelta(seconds=5)

    def change(table: str, **columns: Any) -> Callable[..., None]:
        def apply(bench: Bench, attempt: Attempt, campaign: Campaign) -> None:
            row = {
                "attempts": attempt.id,
                "campaigns": campaign.id,
                "accounts": campaign.account_id,
                "recipients": attempt.recipient_id,
            }[table]
            moved = {
                name: bench.now() + value if isinstance(value, timedelta) else value
                for name, value in columns.items()
            }
            bench.set(table, row, **moved)

        return apply

    def do(sql: str) -> Callable[..., None]:
        return lambda bench, attempt, campaign: bench.rows(sql) and None

    return {
        "not due yet": change("attempts", slot_at=soon),
        "late": change("attempts", not_after=past),
        "window closed": change("attempts", open_until=past),
        "recalled": change("attempts", recall_requested_at=past),
        "campaign paused": change("campaigns", status="paused"),
        "campaign over": change("campaigns", ends_at=past),
        "account paused": change("accounts", status="paused"),
        "account off": change("accounts", status="off"),
        "account backs off": change("accounts", backoff_until=soon),
        "live": change("accounts", live=True),
        "deadline passed": change("recipients", deadline_at=past),
        "recipient settled": change("recipients", status="blocked"),
        "switched off": do("UPDATE dialing_switch SET enabled = false"),
        "no switch at all": do("DELETE FROM dialing_switch"),
    }


@pytest.mark.parametrize("why", refusals())
def test_a_claim_refuses(bench: Bench, account: Account, campaign: Campaign, why: str) -> None:
    attempt = queue(bench, campaign)
    refusals()[why](bench, attempt, campaign)
    try:
        assert claim(bench.engine, [attempt.id], account.id) == []
        assert bench.attempt(attempt.id).status == "queued"
    finally:
        bench.rows("INSERT INTO dialing_switch (id) VALUES (true) ON CONFLICT DO NOTHING")


@pytest.mark.parametrize("which", [0, 1])
def test_a_claim_refuses_whoever_opted_out_on_any_number(
    bench: Bench, account: Account, campaign: Campaign, which: int
) -> None:
    numbers = [fiction_number(), fiction_number()]
    attempt = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign, numbers=numbers)))
    bench.rows("INSERT INTO opt_outs (number, source) VALUES (:n, 'api')", n=numbers[which])
    assert claim(bench.engine, [attempt.id], account.id) == []


def test_a_live_account_is_claimed_where_live_dialling_is_allowed(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    bench.set("accounts", account.id, live=True)
    assert len(claim(bench.engine, [attempt.id], account.id, live_allowed=True)) == 1


def test_an_account_claims_only_its_own(bench: Bench, campaign: Campaign) -> None:
    other = bench.run(make_account)
    attempt = queue(bench, campaign)
    assert claim(bench.engine, [attempt.id, 10**15, -1], other.id) == []


def test_the_same_message_at_two_workers_claims_each_once(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ids = [queue(bench, campaign).id for _ in range(40)]
    barrier = threading.Barrier(4)

    def take(worker: str, order: int) -> list[int]:
        barrier.wait()
        mine: list[int] = []
        for _ in range(3):
            found = claim(bench.engine, ids[::order], account.id, worker=worker, window=5)
            mine += [one.id for one in found]
        return mine

    started = [in_thread(partial(take, f"w{n}", 1 if n % 2 else -1)) for n in range(4)]
    for thread, _ in started:
        thread.join()
    claimed = [i for _, came in started for i in came[0]]
    assert sorted(claimed) == ids


def test_calls_of_one_account_go_out_a_period_apart_whoever_claims_them(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ids = [queue(bench, campaign).id for _ in range(6)]
    found = [
        one
        for n in range(3)
        for one in claim(
            bench.engine, ids, account.id, worker=f"w{n}", period=0.2, window=0.2 * (2 * n + 1)
        )
    ]
    posts = sorted(one.post_at for one in found)
    assert len(posts) >= 5
    spaces = [b - a for a, b in pairwise(posts)]
    assert min(spaces) >= timedelta(seconds=0.2)


def test_what_would_go_out_too_late_stays_queued(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ids = [queue(bench, campaign).id for _ in range(5)]
    assert len(claim(bench.engine, ids, account.id, period=10.0)) == 1
    assert claim(bench.engine, ids, account.id, period=10.0) == []
    assert bench.value("SELECT count(*) FROM attempts WHERE status = 'queued'") == 4


def test_pacing_that_a_clock_set_back_left_in_the_future_is_cut_to_one_period(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    bench.rows(
        "INSERT INTO account_paces VALUES (:id, clock_timestamp() + interval '1 hour')",
        id=account.id,
    )
    attempt = queue(bench, campaign)
    (claimed,) = claim(bench.engine, [attempt.id], account.id, period=0.02)
    assert claimed.post_at - claimed.claimed_at <= timedelta(seconds=0.02)


def test_whoever_may_not_be_called_takes_nobody_elses_room(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    paused = bench.run(make_campaign, account, status="paused")
    refused = [queue(bench, paused).id for _ in range(3)]
    good = queue(bench, campaign)
    (claimed,) = claim(bench.engine, [*refused, good.id], account.id, period=10.0)
    assert claimed.id == good.id


def test_a_claim_that_waited_for_an_opt_out_obeys_it(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    with transaction(bench.engine) as opting_out:
        opt_out_number(opting_out, attempt.number, "api", database_now(opting_out))
        # The recipient's own row is put back, so that nothing but the opt-out stops the claim.
        thread, came = in_thread(lambda: claim(bench.engine, [attempt.id], account.id))
        time.sleep(0.4)
        assert came == []
    thread.join()
    assert came == [[]]
    assert bench.attempt(attempt.id).status == "cancelled"
    assert bench.recipient(attempt.recipient_id).status == "blocked"


@pytest.mark.parametrize("single_statement", [False, True])
def test_the_gates_are_read_after_the_wait(
    bench: Bench, account: Account, campaign: Campaign, single_statement: bool
) -> None:
    """An opt-out alone, with its attempt left queued. The same gates written as one statement
    read a snapshot from before the wait and would call: so this test can fail."""
    attempt = queue(bench, campaign)

    def take() -> list[Any]:
        if not single_statement:
            return claim(bench.engine, [attempt.id], account.id)
        return bench.rows(SINGLE_STATEMENT, gate=gate.GATE_LOCK, id=attempt.id)

    with transaction(bench.engine) as opting_out:
        gate.close_gate(opting_out)
        opting_out.execute(
            text("INSERT INTO opt_outs (number, source) VALUES (:n, 'api')"),
            {"n": attempt.number},
        )
        thread, came = in_thread(take)
        bench.wait_for_a_waiter()
    thread.join()
    assert len(came[0]) == (1 if single_statement else 0)


def test_an_opt_out_waits_for_the_claim_under_way_and_recalls_its_call(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    with transaction(bench.engine) as claiming:  # holds the shared lock until the block ends
        claiming.execute(
            text(
                "SELECT * FROM claim_attempts(:a, ARRAY[:i]::bigint[], 'worker', false, 0.1, 0.025)"
            ),
            {"a": account.id, "i": attempt.id},
        )
        thread, came = in_thread(
            lambda: bench.run(lambda s: opt_out_number(s, attempt.number, "api", database_now(s)))
        )
        time.sleep(0.3)
        assert came == []
    thread.join()
    assert came == [[attempt.id]]
    row = bench.attempt(attempt.id)
    assert (row.status, row.recall_reason) == ("dialing", "opted_out")


def test_a_claim_that_cannot_get_the_gate_in_time_claims_nothing(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    attempt = queue(bench, campaign)
    impatient = engine_for(
        bench.engine.url.render_as_string(hide_password=False), pool_size=1
    ).execution_options(isolation_level="AUTOCOMMIT")
    with transaction(bench.engine) as closed, impatient.connect() as connection:
        connection.execute(text("SET lock_timeout = '200ms'"))
        gate.close_gate(closed)
        with pytest.raises(OperationalError, match="lock timeout"):
            claim_on(connection, [attempt.id], account.id)
    impatient.dispose()
    assert bench.attempt(attempt.id).status == "queued"


def test_after_a_pause_commits_nothing_is_claimed(
    bench: Bench, account: Account, campaign: Campaign
) -> None:
    ids = [queue(bench, campaign).id for _ in range(30)]
    claimed: list[int] = []
    claimed_some, stopped = threading.Event(), threading.Event()

    def claims() -> None:
        while not stopped.is_set():
            found = claim(bench.engine, ids, account.id, period=0.02, window=0.01)
            claimed.extend(one.id for one in found)
            if claimed:
                claimed_some.set()

    thread, _ = in_thread(claims)
    assert claimed_some.wait(20)
    bench.run(lambda s: pause_campaign(s, campaign.id, database_now(s), "test"))
    paused_at = bench.now()
    time.sleep(0.1)
    stopped.set()
    thread.join()
    assert claimed
    late = "SELECT count(*) FROM attempts WHERE claimed_at > :at OR status = 'queued'"
    assert bench.value(late, at=paused_at) == 0
