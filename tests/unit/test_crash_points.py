"""Crash points: nothing when off, each in one place of the code, and exactly as often as asked."""

import ast
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from campaigns import crash_points
from campaigns.crash_points import NOTES, POINTS, SPECIFICATION, TOKENS, Note, Strike, parse

ROOT = Path(crash_points.__file__).parents[1]
REACH = """
from campaigns.crash_points import crash_point
for _ in range({times}): crash_point({name!r})
"""


def reach(
    name: str, environment: dict[str, str] | None = None, times: int = 1
) -> "subprocess.Popen[bytes]":
    """A process of its own that reaches a point."""
    return subprocess.Popen(
        [sys.executable, "-c", REACH.format(name=name, times=times)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )


def test_every_point_is_in_exactly_one_place() -> None:
    called: Counter[str] = Counter()
    for path in [*(ROOT / "campaigns").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "crash_point":
                (name,) = node.args
                assert isinstance(name, ast.Constant)
                called[str(name.value)] += 1
    assert called == dict.fromkeys(POINTS, 1)


def test_off_is_nothing() -> None:
    assert crash_points.resolve({}) is crash_points.resolve({SPECIFICATION: ""})
    assert crash_points.resolve({})("after_claim") is None
    assert reach("after_claim", times=1000).wait(20) == 0


def test_a_point_kills_with_its_probability() -> None:
    assert reach("after_claim", {SPECIFICATION: "after_claim"}).wait(20) == -signal.SIGKILL
    assert reach("after_post", {SPECIFICATION: "after_claim:1"}).wait(20) == 0
    assert reach("after_claim", {SPECIFICATION: "any:0"}, 50).wait(20) == 0
    assert reach("after_claim", {SPECIFICATION: "any:0.1"}, 500).wait(20) == -signal.SIGKILL


def test_a_token_is_for_one_strike(tmp_path: Path) -> None:
    environment = {SPECIFICATION: "any", TOKENS: str(tmp_path)}
    assert reach("after_claim", environment, 5).wait(20) == 0
    assert (tmp_path / "after_claim.reached").exists()
    (tmp_path / "after_claim").write_text("kill")
    ends = sorted(reach("after_claim", environment, 5).wait(20) for _ in range(2))
    assert ends == [-signal.SIGKILL, 0]
    (note,) = Note.parse_all((tmp_path / NOTES).read_text())
    assert (note.point, note.strike) == ("after_claim", Strike())


def test_a_frozen_process_waits_to_be_continued(tmp_path: Path) -> None:
    (tmp_path / "before_post").write_text("stop=2")
    process = reach("before_post", {SPECIFICATION: "any", TOKENS: str(tmp_path)})
    frozen = psutil.Process(process.pid)
    deadline = time.monotonic() + 20
    while frozen.status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
        time.sleep(0.02)
    note = Note.parse((tmp_path / NOTES).read_text())
    assert (note.pid, note.strike) == (process.pid, Strike(stop=2.0))
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(20) == 0


@pytest.mark.parametrize("text", ["no_such_point:1", "after_claim:often", "after_claim:1:burn"])
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no crash point|could not convert|is no strike"):
        parse(text)


def test_what_is_written_is_what_is_read() -> None:
    assert parse("after_claim:0.05, before_post:0.1:stop=3,any:0") == {
        "after_claim": (0.05, Strike()),
        "before_post": (0.1, Strike(3.0)),
        "any": (0.0, Strike()),
    }
    assert Strike.parse(str(Strike(0.5))) == Strike(0.5)


def test_a_note_that_was_written_in_part_is_none_and_spoils_no_other() -> None:
    notes = Note.parse_all(
        "\nafter_claim kill 12\n\nbefore_post stop=\nevent_sto\nafter_post kill 7\n"
    )
    assert [(note.point, note.pid) for note in notes] == [("after_claim", 12), ("after_post", 7)]


def test_who_cannot_note_it_is_not_struck(tmp_path: Path) -> None:
    """On a full disk: a process that was frozen then would be frozen for ever."""
    (tmp_path / "after_claim").write_text("stop=600")
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))"
    process = subprocess.Popen(
        [sys.executable, "-c", full + REACH.format(name="after_claim", times=1)],
        cwd=ROOT,
        env={**os.environ, SPECIFICATION: "any", TOKENS: str(tmp_path)},
    )
    assert process.wait(20) == 0
    assert Note.parse_all((tmp_path / NOTES).read_text()) == []
