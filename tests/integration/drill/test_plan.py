"""What a drill would throw: known names only, by the seed, and the clocks it moves."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from campaigns.cli.main import app
from campaigns.db import engine_for
from campaigns.drill import DrillOptions, groups
from campaigns.drill.clocks import MovedClock
from campaigns.drill.faults import Fault
from campaigns.drill.plan import Breath, Plan, check_kinds
from campaigns.drill.stage import Stage
from campaigns.errors import InvalidInput

WANTED = {
    *("process", "crash", "redis", "postgres", "network", "clock", "disk", "carrier", "callbacks"),
    *("people", "messages"),
}


def test_every_group_has_faults_and_each_is_in_one() -> None:
    found = groups()
    assert set(found) == WANTED
    names = [name for group in found.values() for name in group]
    assert len(names) == len(set(names)) > 60


def test_unknown_faults_are_refused_before_anything_starts() -> None:
    check_kinds(["redis", "kill_dial"])
    with pytest.raises(InvalidInput, match="no fault 'fire'"):
        check_kinds(["redis", "fire"])
    done = CliRunner().invoke(app, ["drill", "--faults", "fire"])
    assert done.exit_code == 1
    with pytest.raises(InvalidInput):
        DrillOptions(minutes=0)


def test_the_list_of_faults_is_shown() -> None:
    done = CliRunner(env={"COLUMNS": "500"}).invoke(app, ["drill", "--faults", "list"])
    assert done.exit_code == 0
    assert all(name in done.output for names in groups().values() for name in names)


def test_a_seed_gives_one_order_and_every_fault_comes_before_any_comes_again() -> None:
    def order(seed: int) -> list[str]:
        thrown: list[str] = []

        def fault(name: str) -> Fault:
            def begin(stage: Stage) -> str:
                thrown.append(name)
                return "done"

            return Fault(name, "people", begin, 0.0)

        plan = Plan(None, [fault(f"fault {n}") for n in range(8)], seed)  # type: ignore[arg-type] # these need no stage
        while len(thrown) < 16:
            plan._next = 0.0
            plan.step()
        assert len(set(thrown[:8])) == len(set(thrown[8:])) == 8
        assert plan.fired == dict.fromkeys(thrown, 2)
        return thrown

    assert order(7) == order(7)
    assert order(7) != order(8)


def test_faults_wait_for_a_call_but_not_for_ever() -> None:
    calls = 0

    def counted() -> int:
        if calls < 0:
            raise httpx.ConnectError("away")
        return calls

    breath = Breath(counted, 100.0)
    assert breath.taken(101.4)
    assert not breath.taken(101.6)
    assert not breath.taken(111.4)
    assert breath.taken(111.6)  # nobody was called, and it goes on all the same
    assert not breath.taken(113.2)
    calls = 1
    assert not breath.taken(113.3)  # it does not ask all the time
    assert breath.taken(113.8)
    assert breath.taken(115.2)
    calls = -1
    assert not breath.taken(115.8)


def test_a_fault_that_met_nothing_comes_once_more_in_its_round() -> None:
    tried: list[str] = []

    def fault(name: str, told: str | None) -> Fault:
        def begin(stage: Stage) -> str | None:
            tried.append(name)
            return told

        return Fault(name, "people", begin, 0.0)

    faults = [fault("idle", None), *(fault(f"fault {n}", "done") for n in range(4))]
    plan = Plan(None, faults, 1)  # type: ignore[arg-type] # these need no stage
    for _ in range(12):
        plan._next = 0.0
        plan.step()
    assert [tried[:6].count("idle"), tried[6:].count("idle")] == [2, 2]
    assert tried[5] == tried[11] == "idle"
    assert plan.fired == {f"fault {n}": 2 for n in range(4)}


def test_the_database_clock_is_moved_for_statements_and_defaults_stay(
    engine: Engine, database_url: str
) -> None:
    own = make_url(database_url)
    clock = MovedClock(engine)
    try:
        clock.install()
        clock.jump(timedelta(hours=1))
        moved = engine_for(own.render_as_string(hide_password=False), pool_size=1)
        with moved.connect() as connection:
            ahead, now = connection.execute(
                text("SELECT clock_timestamp(), pg_catalog.clock_timestamp()")
            ).one()
        moved.dispose()
        assert timedelta(minutes=59) < ahead - now < timedelta(minutes=61)
        assert abs(clock.real(ahead) - now) < timedelta(seconds=5)
        assert clock.real(now - timedelta(minutes=5)) == now - timedelta(minutes=5)
    finally:
        with engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{own.database}" RESET search_path'))
            connection.execute(text("DROP SCHEMA IF EXISTS drill CASCADE"))
        engine.dispose()
