"""Everything in any order, against a small model: no promise is ever broken.

`OUTDIAL_STATEFUL_STEPS=50000 python -m pytest tests/stateful` does more by hand, and each time
something else; the suite does 1,500 steps, the same each time.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Machine
from tests.stateful.world import World

STEPS_OF_SUITE = 1_500
STEPS_OF_STORY = 50  # at most; chance makes some shorter


@pytest.mark.timeout(1800)  # on a busy machine, or when more is asked for by hand
def test_no_promise_is_broken_in_any_order(stories) -> None:
    asked = os.environ.get("OUTDIAL_STATEFUL_STEPS")
    steps = int(asked or STEPS_OF_SUITE)
    seen: Counter[str] = Counter()
    worlds: list[World] = []

    def begin() -> World:
        worlds[:] = [stories()]
        return worlds[0]

    machine = type("Machine", (Machine,), {"make_world": staticmethod(begin), "seen": seen})
    try:
        run_state_machine_as_test(machine, settings=_settings(steps, derandomize=asked is None))
    except BaseException as error:
        error.add_note("The story:\n  " + "\n  ".join(worlds[0].story if worlds else []))
        raise
    for what in (
        *("dials", "answers", "deaths", "events", "opt_out", "opt-outs in time", "pressed 9"),
        *("import_list", "forged", "step_clock", "undo", "stop_before_post", "hint", "deposed"),
        *(f"letters {how}" for how in ("lost", "twice", "stored", "kept")),
    ):
        assert seen[what] > 0, f"in this whole run there were no {what}: {seen}"
    assert seen["steps"] >= 0.9 * steps, seen


def _settings(steps: int, *, derandomize: bool) -> settings:
    """By hand a failure is made as short as possible; that may take minutes."""
    shrink = () if derandomize else (Phase.shrink,)
    return settings(
        max_examples=max(1, steps * 5 // (4 * STEPS_OF_STORY)),
        stateful_step_count=STEPS_OF_STORY,
        derandomize=derandomize,
        database=None,
        deadline=None,
        phases=(Phase.generate, *shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
