"""`outdial up --sample`, as `make run` starts it: dials, resumes, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from campaigns.local import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.beside, pytest.mark.timeout(300)]

OUTDIAL = Path(sys.executable).with_name("outdial")


class Up:
    """One `outdial up` in a directory of its own."""

    def __init__(self, home: Path, port: int, *, sample: bool = True, **env: str) -> None:
        self.home, self.port = home, port
        self.key: str | None = None
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "OUTDIAL_DATA_DIR": str(home / "data"),
            "OUTDIAL_PORT": str(port),
            "OUTDIAL_SIMULATOR_PORT": "0",
            **env,
        }
        with (home / "out.txt").open("a") as output:
            self.process = subprocess.Popen(
                [OUTDIAL, "up", *(["--sample"] if sample else [])],
                cwd=home,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        return (self.home / "out.txt").read_text()

    def wait(self, ready: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.2)

    def overview(self) -> dict[str, Any]:
        """The overview as the API has it, as soon as it answers."""
        address = f"http://127.0.0.1:{self.port}"
        try:
            if httpx.get(f"{address}/readyz", trust_env=False).status_code != 200:
                return {}
            answer = httpx.get(
                f"{address}/api/v1/reports/overview",
                headers={"Authorization": f"Bearer {self._key()}"},
                trust_env=False,
            )
            found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
            return found
        except httpx.HTTPError:
            return {}

    def insist(self) -> dict[str, Any]:
        """The overview, as soon as there is one."""
        found: dict[str, Any] = {}

        def told() -> bool:
            found.update(self.overview())
            return bool(found)

        self.wait(told)
        return found

    def _key(self) -> str:
        if self.key is None:
            made = self.outdial("key", "create", "test", "--role", "viewer", "--json")
            self.key = str(json.loads(made)["key"])
        return self.key

    def outdial(self, *arguments: str) -> str:
        """Run the command line beside it."""
        done = subprocess.run(
            [OUTDIAL, *arguments],
            cwd=self.home, env=self.env, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return done.stdout

    def done(self) -> int:
        """How many people of the sample have been served."""
        people = [one["recipients"] for one in self.overview().get("campaigns", [])]
        return sum(one["total"] - one["pending"] - one["in_flight"] for one in people)

    def history(self) -> dict[str, Any]:
        """The report of the sample that dials."""
        found: dict[str, Any] = json.loads(self.outdial("campaign", "report", "2", "--json"))
        return found

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that has anything to do with the directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            inside = str(home) in words or process.environ().get("OUTDIAL_DATA_DIR", "").startswith(
                str(home)
            )
            if inside and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for process in processes_of(tmp_path):
        process.kill()


def test_dials_the_sample_resumes_and_leaves_nothing_behind(home: Path) -> None:
    # The carrier's calls end with it. Whoever was on one is asked for in vain, and is put in review
    # once it is sure that nobody has them: not while a busy machine starts everything again.
    def up() -> Up:
        return Up(home, free_port("127.0.0.1"), OUTDIAL_QUARANTINE="36000")

    first = up()
    first.wait(lambda: first.done() > 5)
    told = {one["campaign"]["name"]: one["sentence"] for one in first.insist()["campaigns"]}
    assert "Sample: appointment reminders" in told
    assert any("wait for their calling hours" in sentence for sentence in told.values())
    page = httpx.get(f"http://127.0.0.1:{first.port}/", trust_env=False, follow_redirects=True)
    assert "Sign in to Outdial" in page.text
    assert "Sample" not in page.text
    assert first.interrupt() == 0
    assert processes_of(home) == []
    assert "rows were imported" in first.text()

    again = up()
    again.wait(lambda: again.done() > 25)
    assert len(again.insist()["campaigns"]) == 2, "the sample was made a second time"

    # The owner is killed: its processes go with it, the servers wait to be adopted.
    os.kill(again.process.pid, signal.SIGKILL)
    again.process.wait()
    last = up()
    last.wait(lambda: last.done() > 40)
    log = (home / "data" / "carrier.jsonl").read_text()
    calls = last.history()
    carrier = [json.loads(line) for line in log.splitlines()]
    assert last.interrupt() == 0
    assert processes_of(home) == []
    tokens = [row["custom_variables"]["outdial_attempt"] for row in carrier if row["row"] == "dial"]
    assert len(tokens) == len(set(tokens)) > 40
    ids = [row["call_id"] for row in carrier if row["row"] == "end" and row["call_id"]]
    assert len(ids) == len(set(ids)) > 20, "a restarted carrier gave ids again"
    assert calls["recipients"]["review"] == 0


def test_a_taken_port_leads_to_another(home: Path) -> None:
    first = Up(home, free_port("127.0.0.1"))
    other = home / "other"
    other.mkdir()
    first.wait(lambda: bool(first.overview()))
    twice = subprocess.run(
        [OUTDIAL, "up"], cwd=home, env=first.env, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert twice.returncode == 1
    assert "already" in twice.stderr
    second = Up(other, first.port)
    second.wait(lambda: "is taken; Outdial uses" in second.text())
    assert second.interrupt() == 0
    assert first.interrupt() == 0
