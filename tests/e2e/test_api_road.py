"""The whole road over the REST API on real processes: upload, Celery import, start, report."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaigns.local import free_port
from tests.e2e.test_up import OUTDIAL, Up, home, processes_of

__all__ = ["home"]  # a directory of whose processes none is left behind

pytestmark = [pytest.mark.e2e, pytest.mark.beside, pytest.mark.timeout(150)]

ROWS = [f"Person {n},(202) 555-{100 + n:04d},America/New_York" for n in range(12)]
FILE = "\n".join(["name;phone;time zone", *(row.replace(",", ";") for row in ROWS), "X;911;"])


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)
    return found


def test_upload_start_and_report(home: Path) -> None:
    simulator = free_port("127.0.0.1")
    up = Up(
        home,
        free_port("127.0.0.1"),
        sample=False,
        OUTDIAL_SIMULATOR_PORT=str(simulator),
        OUTDIAL_TIME_SCALE="0.02",
    )

    def outdial(*words: str) -> Any:
        done = subprocess.run(
            [OUTDIAL, *words, "--json"],
            cwd=home,
            env=up.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)

    up.wait(lambda: bool(up.overview()))
    outdial(
        *("account", "add", "sim", "--base-url", f"http://127.0.0.1:{simulator}", "--simulator"),
        *("--project-id", "sim-project", "--api-token", "sim-token", "--cps", "10"),
        *("--signing-key", "PSK_simulator", "--caller-id", "+12025550199", "--time-scale", "0.02"),
    )
    key = outdial("key", "create", "test")["key"]
    api = httpx.Client(
        base_url=f"http://127.0.0.1:{up.port}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=20,
    )
    made = api.post(
        "/campaigns",
        json={
            "name": "News",
            "kind": "announcement",
            "account": "sim",
            "organisation": "the Rowing Club",
            "message": "Hello {name}, the boat house is open again.",
        },
    )
    assert made.status_code == 201, made.text
    campaign = made.json()["id"]
    sent = api.post("/imports", params={"campaign_id": campaign}, files={"file": ("l.csv", FILE)})
    assert sent.status_code == 202, sent.text
    row = sent.json()
    done = eventually(lambda: _if_over(api.get(f"/imports/{row['id']}").json()))
    assert (done["status"], done["rows_imported"], done["rows_rejected"]) == ("done", 12, 1)
    again = api.post("/imports", params={"campaign_id": campaign}, files={"file": ("l.csv", FILE)})
    assert (again.status_code, again.json()["already"]) == (200, True)
    assert "emergency" in api.get(f"/imports/{row['id']}/rejects.csv").text

    assert api.post(f"/campaigns/{campaign}/start").status_code == 200
    eventually(
        lambda: api.get(f"/campaigns/{campaign}").json()["campaign"]["status"] == "completed"
    )
    report = api.get(f"/campaigns/{campaign}/report").json()
    assert report["recipients"]["total"] == 12
    calls = httpx.get(f"http://127.0.0.1:{simulator}/simulator/calls", trust_env=False).json()
    heard = [" ".join(call["heard"]) for call in calls["calls"]]
    assert len(heard) >= 12
    assert any("Hello Person 3, the boat house is open again." in text for text in heard)
    api.close()
    assert up.interrupt() == 0
    assert processes_of(home) == []


def _status(found: dict[str, Any]) -> str:
    return str(found["campaign"]["status"])


def _if_over(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if found["status"] in ("done", "failed") else None
