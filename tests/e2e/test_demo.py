"""`outdial demo` as a person runs it: one object with --json, and every promise kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

ZEROS = (
    "lost",
    "duplicate_dials",
    "dials_to_opted_out",
    "dials_outside_hours",
    "silent_calls",
    "optout_keypress_lost",
    "books_differ",
    "in_doubt_now",
)
OUTDIAL = Path(sys.executable).with_name("outdial")


def test_a_thousand_recipients_at_fifty_calls_a_second(tmp_path: Path) -> None:
    done = subprocess.run(
        [OUTDIAL, "demo", "--recipients", "1000", "--cps", "50", "--time-scale", "0.01", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, report["problems"] or done.stderr
    assert {name: report[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0)
    assert report["max_dials_in_any_second"] <= 52
    assert (
        report["attempts"]
        == report["carrier_dials"] + report["carrier_refused"] + report["not_placed"]
    )
    assert report["recipients"] == 1000
    assert report["carrier_dials"] > 900
    parked = ("completed", "exhausted", "expired", "blocked", "review", "waiting")
    assert sum(report[name] for name in parked) == 1000
    assert report["answers"]["opt_out"] > 10
    assert report["opted_out"] > 0
    assert report["waiting"] > 0


@pytest.mark.beside
def test_ones_own_list(tmp_path: Path) -> None:
    rows = "\n".join(f"Person {n},+1202555{100 + n:04d}" for n in range(30))
    (tmp_path / "mine.csv").write_text(f"name,phone\n{rows}\nBroken,911\n")
    done = subprocess.run(
        [OUTDIAL, "demo", "--csv", "mine.csv", "--time-scale", "0.01", "--workers", "1", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, report["problems"] or done.stderr
    assert (report["recipients"], report["rejected"]) == (30, 1)
    assert report["carrier_dials"] >= 25


@pytest.mark.beside
def test_a_list_that_is_none_says_so_and_dials_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("colour,weight\nred,3\nblue,4\n")
    done = subprocess.run(
        [OUTDIAL, "demo", "--csv", "notes.csv", "--workers", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert "telephone" in done.stderr.lower() + done.stdout.lower()
    assert "Traceback" not in done.stderr
