"""Whatever dies in the middle of a run: nobody called twice, nobody forgotten, the books right."""

import time
from datetime import datetime
from pathlib import Path

import pytest

from campaigns.demo import DemoOptions
from campaigns.hints import HintPublisher
from tests.e2e.harness import RETRIES, Scene, Script, assert_promises, scene

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def options(recipients: int, seed: int) -> DemoOptions:
    return DemoOptions(
        recipients=recipients,
        cps=30,
        workers=2,
        time_scale=0.05,
        seed=seed,
        retry_policy=RETRIES,
    )


def test_processes_and_servers_die(tmp_path: Path) -> None:
    with scene(tmp_path, options(400, seed=3), schedulers=2) as stage:
        hints = HintPublisher(stage.stack.servers.redis_url)
        repeated = 0

        def repeat() -> None:
            nonlocal repeated
            repeated += stage.repeat_hints(hints)

        script = Script(
            [
                (40, "worker killed", lambda: stage.kill("dial")),
                (100, "gate held", lambda: stage.opt_out_holding_the_gate(1.0)),
                (140, "redis wiped", stage.wipe_redis),
                (180, "leader killed", lambda: stage.kill(_name_of(stage, stage.leader()))),
                (240, "web killed", lambda: stage.kill("web")),
                (300, "postgres crashed", stage.crash_postgres),
                (340, "leader frozen", lambda: stage.freeze([stage.leader()], 10)),
                (400, "other worker killed", lambda: stage.kill("dial-2")),
            ],
            always=repeat,
        )
        assert stage.run.dial(script)
        result = stage.run.conclude()
        hints.close()
        dials = stage.dials()
        # Only calls that somebody answered while no web process, or no database, could be asked
        # may have been silent.
        away = [stage.noted[what] for what in ("killed web", "crashed postgres")]
        for dial in dials:
            assert not dial.silent or any(
                -1 < since < 15 for since in seconds(dial.answered_at, away)
            )
        accepted = [
            dial
            for dial in dials
            if dial.accepted and any(-5 < since < 4 for since in seconds(dial.arrived_at, away))
        ]
        assert_promises(result, silent=len(accepted))
    assert script.done == [name for _, name, _ in script.actions]
    assert repeated > 20
    assert result.in_doubt + result.not_placed > 0, "no fault had any effect"


def seconds(at: datetime | None, instants: list[float]) -> list[float]:
    """How long after each of the instants it was; nothing when it never was."""
    return [] if at is None else [at.timestamp() - instant for instant in instants]


def _name_of(stage: Scene, pid: int) -> str:
    return next(name for name, known in stage.supervisor.pids().items() if known == pid)


@pytest.mark.beside
def test_workers_dead_for_half_a_minute(tmp_path: Path) -> None:
    with scene(tmp_path, options(200, seed=4)) as stage:
        rows: dict[str, int] = {}

        def count() -> int:
            return int(stage.value("SELECT count(*) FROM attempts"))

        def freeze() -> None:
            rows["before"] = count()
            stage.freeze([stage.pid("dial"), stage.pid("dial-2")], 30)
            stage.noted["frozen"] = time.time()

        def watch_rows() -> None:
            if "frozen" in stage.noted and time.time() - stage.noted["frozen"] < 29:
                rows["during"] = count()

        script = Script([(40, "workers frozen", freeze)], always=watch_rows)
        assert stage.run.dial(script)
        result = stage.run.conclude()
        assert_promises(result)
    assert script.done == ["workers frozen"]
    # A second and a half of slots before it is noticed, then one probe a second.
    assert 0 < rows["during"] - rows["before"] <= 2.5 * 30 + 32
    assert result.slots_missed > 5


@pytest.mark.beside
def test_a_hostile_carrier(tmp_path: Path) -> None:
    # What slows the run down or is in doubt for most of a minute comes early, and not for ever.
    knobs = (
        '{"refuse_429": 0.05, "retry_after": 1, "error_500_refused": 0.03,'
        ' "error_500_accepted": 0.03, "timeout_accepted": 0.01, "reset_after_accept": 0.02,'
        ' "malformed_2xx": 0.02, "empty_2xx": 0.02, "duplicate": 0.2, "reorder": 0.15,'
        ' "lose": 0.03, "lose_ended": 0.03, "forge": 0.05, "late": 0.5, "late_rate": 0.05,'
        ' "at_most": {"refuse_429": 4, "error_500_refused": 5}}'
    )
    with scene(tmp_path, options(200, seed=5), simulator_knobs=knobs) as stage:
        assert stage.run.dial(lambda progress: None)
        result = stage.run.conclude()
        assert_promises(result)
        fired = stage.faults()
        for fault in ("refuse_429", "error_500_accepted", "duplicate", "reorder", "lose", "forge"):
            assert fired.get(fault, 0) > 0, f"{fault} never fired"
        assert result.in_doubt > 0
        # It may have gone slower for a while, and said so; it was never paused.
        paused = stage.value("SELECT count(*) FROM campaign_log WHERE sentence LIKE '%paused%'")
        assert paused == 0, "the account was paused although nothing was its fault"
        assert stage.value("SELECT count(*) FROM accounts WHERE status <> 'active'") == 0
