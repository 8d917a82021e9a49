"""The real tick, claim and dialer against the simulator: what a carrier sees that refuses calls."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from campaigns.db import database_now, transaction
from campaigns.dialing import DatabaseClock, Dialer, DialRules
from campaigns.dispatcher import OpenHours, TickRules, tick
from campaigns.provisioning import Carriers
from campaigns.store import attempts
from campaigns.vault import Vault
from tests.factories import (
    SECRET,
    lead,
    make_account,
    make_campaign,
    make_recipients,
    open_for_business,
)
from tests.simulator.conftest import PROJECT, SIGNING_KEY, TOKEN, Carrier

CPS = 8.0
SECONDS = 10.0
# A call may be written a little after its instant (PUNCTUAL_SECONDS), and the machine may be busy.
ON_THE_WAY = timedelta(seconds=0.12)
SECOND = timedelta(seconds=1)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The instants at which claims let calls go out."""
    instants: list[datetime] = []
    claim = attempts.claim_attempts

    def watched(*args: Any, **named: Any) -> list[attempts.Claimed]:
        claimed = claim(*args, **named)
        instants.extend(one.post_at for one in claimed)
        return claimed

    monkeypatch.setattr(attempts, "claim_attempts", watched)
    return instants


def most_within(span: timedelta, instants: list[datetime]) -> int:
    """The most of them in any half-open span of that length."""
    return max(sum(at <= other < at + span for other in instants) for at in instants)


@pytest.fixture
def running(engine: Engine, carrier: Carrier) -> None:
    """An account on the simulator with a campaign that has more people than the test has time."""
    secrets = {"api_token": TOKEN, "signing_key": SIGNING_KEY}
    with transaction(engine) as session:
        account = make_account(
            session,
            caller_ids=("+12025550199",),
            base_url=carrier.url,
            project_id=PROJECT,
            credentials=Vault(SECRET).encrypt(secrets),
            cps=CPS,
            time_scale=0.01,
        )
        make_recipients(session, make_campaign(session, account), 200)
        open_for_business(session)


def dial_for(engine: Engine, seconds: float) -> None:
    """Tick four times a second, and dial what each tick hints."""
    clock = DatabaseClock(engine)
    clock.measure()
    carriers = Carriers(engine, Vault(SECRET), "http://127.0.0.1:9")
    rules = DialRules("worker", live_allowed=False, freshness=0.25, threads=16)
    dialer = Dialer(engine, clock, rules, carriers.of, lambda ids: None)
    hours, batches = OpenHours(), []
    with transaction(engine) as session:
        leadership = lead(session)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with transaction(engine) as session:
            report = tick(session, leadership, TickRules(), database_now(session), hours)
        for batch in report.batches:
            batches.append(threading.Thread(target=dialer.run_batch, args=(batch,)))
            batches[-1].start()
        time.sleep(0.25)
    for one in batches:
        one.join()
    dialer.close()


def arrivals(carrier: Carrier) -> list[tuple[datetime, bool]]:
    """When each request came, by the carrier's clock, and whether it was refused."""
    rows: list[dict[str, Any]] = carrier.rows()
    found = [
        (datetime.fromisoformat(row["arrived_at"]), row["fault"] == "refuse_429") for row in rows
    ]
    return sorted(found)


@pytest.mark.usefixtures("running")
def test_a_carrier_that_refuses_sees_half_the_rate_and_never_more_than_was_set(
    engine: Engine, carrier: Carrier, planned: list[datetime]
) -> None:
    carrier.knobs(refuse_429=1.0, at_most={"refuse_429": 1})
    dial_for(engine, SECONDS)
    assert carrier.faults()["refuse_429"] > 0
    calls = arrivals(carrier)
    refused = [at for at, refusal in calls if refusal]
    after = [at for at, _ in calls if at > refused[-1] + SECOND]
    assert len(after) >= 5
    assert most_within(SECOND, planned) <= CPS
    assert most_within(SECOND - ON_THE_WAY, [at for at, _ in calls]) <= CPS
    # It rests for a second, and goes on at half the rate: growing, it is below 5 for ten seconds.
    assert most_within(SECOND, [at for at in planned if at > refused[-1] + SECOND]) <= 5
    # Two of these may come closer together by what a call is written late, and no more; as many as
    # before would be six in seven tenths of a second.
    assert most_within(SECOND - 2 * ON_THE_WAY, after) <= 5
    assert len(after) <= (SECONDS - 1) * (CPS / 2 + 1)
