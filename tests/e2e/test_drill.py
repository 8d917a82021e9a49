"""A short drill as a person runs it: every invariant holds, and nothing of it is left behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from campaigns.crash_points import POINTS
from campaigns.drill.checks import SAYS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

OUTDIAL = Path(sys.executable).with_name("outdial")
# Points that every call, tick and event comes past. The others need a meeting of two events: a
# drill of five minutes or more is empty (I0) unless it has reached them all.
COMMON = {
    *("before_claim", "after_claim", "before_post", "after_post", "after_record"),
    *("event_stored", "event_applied", "lease_taken", "tick_before_commit", "tick_after_commit"),
}


def started(home: Path, *words: str) -> "subprocess.Popen[str]":
    """A drill in the background, with its directory below `home`."""
    return subprocess.Popen(
        [OUTDIAL, "drill", *words, "--json"],
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def processes_below(home: Path) -> list[str]:
    """Command lines of processes that know the directory, or work in it."""
    return [words for words, _ in _below(home)]


def frozen_below(home: Path) -> list[str]:
    """Those of them that are stopped."""
    return [words for words, status in _below(home) if status == psutil.STATUS_STOPPED]


def _below(home: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            data_dir = process.environ().get("OUTDIAL_DATA_DIR", "")
            status = process.status()
            if status != psutil.STATUS_ZOMBIE and str(home) in f"{words} {data_dir}":
                found.append((words, status))
        except psutil.Error:
            continue
    return found


def test_every_invariant_is_kept_while_everything_fails(tmp_path: Path) -> None:
    drill = started(tmp_path, "--seed", "11", "--minutes", "0.8")
    out, err = drill.communicate(timeout=380)
    report = json.loads(out) if out else {}
    told = {name: one["broken"] for name, one in report.get("invariants", {}).items()}
    assert drill.returncode == 0, (told, report.get("diary"), err[-3000:])
    assert report["passed"]
    assert set(told) == set(SAYS)
    assert report["carrier_dials"] >= 24
    assert sum(count > 0 for count in report["faults"].values()) >= 12
    assert set(POINTS) >= set(report["crash_points_reached"]) >= COMMON
    assert sum(report["crash_points"].values()) >= 3
    assert processes_below(tmp_path) == []
    assert not list(tmp_path.glob("outdial-drill-*"))


@pytest.mark.beside
def test_an_interrupted_drill_leaves_nothing_behind(tmp_path: Path) -> None:
    drill = started(tmp_path, "--minutes", "5", "--faults", "freeze_dial,freeze_leader")
    deadline = time.monotonic() + 180
    while not list(tmp_path.glob("outdial-drill-*/logs/dial-3.log")):
        assert time.monotonic() < deadline
        assert drill.poll() is None
        time.sleep(0.2)
    while not frozen_below(tmp_path):
        assert time.monotonic() < deadline
        assert drill.poll() is None
        time.sleep(0.2)
    drill.send_signal(signal.SIGINT)
    drill.communicate(timeout=60)
    assert drill.returncode not in (0, 1)
    assert processes_below(tmp_path) == []
    assert not list(tmp_path.glob("outdial-drill-*"))
