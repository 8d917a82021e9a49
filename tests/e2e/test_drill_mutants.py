"""A product with a defect fails the drill, each by the invariant that the defect breaks.

By hand: `OUTDIAL_ALL_MUTANTS=1 pytest tests/e2e/test_drill_mutants.py`.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.beside, pytest.mark.timeout(500)]

OUTDIAL = Path(sys.executable).with_name("outdial")
DEFECTS = Path(__file__).parent / "mutants"


@dataclass(frozen=True)
class Mutant:
    """A defect, what brings it out, and the invariants of which one must be seen broken."""

    name: str
    faults: tuple[str, ...]
    breaks: tuple[str, ...]
    minutes: float = 0.4
    cps: float = 12.0


OPT_OUTS = ("opt_out_of_a_queued_call", "opt_out_of_a_claimed_call", "opt_out_while_claims_wait")
UNHEARD = ("logs_lag", "resets_and_calls", "all_callbacks_lost")
MUTANTS = (
    Mutant("no_fencing", ("freeze_leader",), ("I13",), 0.15),
    Mutant("late_ack", ("redis_restarted",), ("I12",)),
    Mutant("publish_before_commit", ("pause",), ("I0", "I6"), 0.2),
    Mutant("no_rank_guard", ("callbacks_reordered", "callbacks_late"), ("I6", "I7"), 0.7),
    Mutant("post_repeated", ("resets_and_calls", "resets_and_refuses"), ("I1",)),
    Mutant("doubt_is_failure", ("resets_and_calls", "answers_500_and_calls"), ("I7",)),
    Mutant("keys_forgotten", ("pause",), ("I3",), 0.2),
    Mutant("no_opt_out_check", OPT_OUTS, ("I3",), 0.7),
    Mutant("lock_and_gate_in_one", ("opt_out_while_claims_wait",), ("I3",), 0.7),
    Mutant("campaign_not_asked", ("pause_by_hand",), ("I4",)),
    Mutant("numbers_not_held", ("callbacks_late",), ("I2",), 0.7),
    Mutant("no_slots", ("a_large_file", "pause"), ("I4", "I5"), 0.2, cps=3),
    Mutant("always_open", ("pause",), ("I8",), 0.2),
    Mutant("no_quarantine", UNHEARD, ("I7", "I12"), 0.7),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_defect_is_caught(tmp_path: Path, mutant: Mutant) -> None:
    done = subprocess.run(
        [
            *(OUTDIAL, "drill", "--json", "--seed", "1", "--workers", "2"),
            *("--minutes", str(mutant.minutes), "--cps", str(mutant.cps)),
            *("--faults", ",".join(mutant.faults)),
        ],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(DEFECTS),
            "OUTDIAL_MUTANT": mutant.name,
        },
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-3000:]
    found = json.loads(done.stdout)["invariants"]
    broken = {name: one["broken"] for name, one in found.items() if not one["kept"]}
    assert broken.keys() & set(mutant.breaks), broken
