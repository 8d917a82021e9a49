"""Faults of our own processes: killed, frozen, deployed, struck at crash points."""

import os
import signal

from campaigns.crash_points import POINTS
from campaigns.drill.faults.registry import fault
from campaigns.drill.stage import Stage


def _kill_one(stage: Stage, kind: str) -> str | None:
    names = stage.running(kind)
    if not names:
        return None
    name = stage.rng.choice(names)
    stage.kill(name)
    return name


@fault("process", rest=3)
def kill_dial(stage: Stage) -> str | None:
    return _kill_one(stage, "dial")


@fault("process", rest=3)
def kill_scheduler(stage: Stage) -> str | None:
    return _kill_one(stage, "scheduler")


@fault("process", rest=3)
def kill_web(stage: Stage) -> str | None:
    if len(stage.running("web")) < 2:
        return None  # the other one is still on its way back
    stage.no_voice(4)
    return _kill_one(stage, "web")


@fault("process", rest=3)
def kill_imports(stage: Stage) -> str | None:
    return _kill_one(stage, "imports")


@fault("process", rest=3)
def deploy_dial(stage: Stage) -> str | None:
    """SIGTERM, as a deployment does it."""
    names = stage.running("dial")
    if not names:
        return None
    name = stage.rng.choice(names)
    os.kill(stage.pid(name), signal.SIGTERM)
    stage.deployed += 1
    return name


def _freeze_one(stage: Stage, kind: str, seconds: float) -> str | None:
    names = stage.running(kind)
    if not names:
        return None
    name = stage.rng.choice(names)
    stage.freeze(stage.pid(name), seconds)
    return f"{name} for {seconds:.1f} s"


@fault("process")
def freeze_dial(stage: Stage) -> str | None:
    return _freeze_one(stage, "dial", stage.rng.uniform(0.3, 6))


@fault("process")
def freeze_web(stage: Stage) -> str | None:
    if len(stage.running("web")) < 2:
        return None
    seconds = stage.rng.uniform(0.5, 3)
    stage.no_voice(seconds + 10)  # the carrier waits for an answer before it asks again
    return _freeze_one(stage, "web", seconds)


@fault("process")
def freeze_imports(stage: Stage) -> str | None:
    return _freeze_one(stage, "imports", stage.rng.uniform(1, 4))


@fault("process", rest=4)
def freeze_leader(stage: Stage) -> str | None:
    """Longer than the lease, so that the other scheduler leads when this one wakes up."""
    name = stage.leader()
    if name is None or name not in stage.running("scheduler"):
        return None
    seconds = stage.config.lease * stage.rng.uniform(1.5, 2.5)
    stage.freeze(stage.pid(name), seconds)
    return f"{name} for {seconds:.1f} s"


MOST_TOKENS = 3


def _strike_a_point(stage: Stage, strike: str) -> str | None:
    """Those that were struck least come first. It counts as fired when it has struck."""
    waiting = [name for name in POINTS if (stage.tokens / name).exists()]
    if len(waiting) >= MOST_TOKENS:
        stage.take_token_back(stage.rng.choice(waiting))  # not reached: another one may be
    free = [name for name in POINTS if name not in waiting]
    least = min(stage.struck[name] for name in free)
    name = stage.rng.choice([name for name in free if stage.struck[name] == least])
    stage.put_token(name, strike)
    return f"{name} {strike}"


@fault("crash")
def crash_at_a_point(stage: Stage) -> str | None:
    return _strike_a_point(stage, "kill")


@fault("crash")
def freeze_at_a_point(stage: Stage) -> str | None:
    return _strike_a_point(stage, f"stop={stage.rng.uniform(0.2, 3):.2f}")
