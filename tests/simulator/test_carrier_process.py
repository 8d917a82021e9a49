"""`python -m simulator` as a process: it starts, says so, writes its log, and stops."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest

NUMBER = "+12125550100"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_even_with_a_caller_kept_waiting(start_carrier, product, number):
    carrier = start_carrier("--knobs", '{"timeout_accepted": 1.0}')
    with pytest.raises(httpx.ReadTimeout):
        carrier.http.post("/api/calling/calls", timeout=1.5, json=dial(product))
    assert carrier.summary()["live"] == 1
    carrier.process.send_signal(number)
    assert carrier.process.wait(timeout=5) == 0


def dial(product: Any) -> dict[str, Any]:
    params = {"from": "+12025550199", "to": NUMBER, "url": f"{product.url}/flows/token-1234"}
    return {"command": "dial", "params": params}


def test_it_stops_when_its_owner_goes(start_carrier):
    reading, writing = os.pipe()
    carrier = start_carrier("--exit-with-fd", str(reading), pass_fds=(reading,))
    os.close(reading)
    assert carrier.get("/healthz") == {"status": "ok"}
    os.write(writing, b"still here")
    assert carrier.get("/healthz") == {"status": "ok"}
    os.close(writing)
    assert carrier.process.wait(timeout=5) == 0


def test_it_writes_what_happened(start_carrier, product, tmp_path):
    path = tmp_path / "logs" / "calls.jsonl"
    carrier = start_carrier("--log", str(path), "--time-scale", "0.01")
    carrier.dial(NUMBER, product)
    row = carrier.ended()
    carrier.dial(NUMBER, product, url=None)
    carrier.process.send_signal(signal.SIGTERM)
    carrier.process.wait(timeout=5)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["row"] for line in lines] == ["dial", "end", "dial"]
    assert lines[0]["call_id"] is None
    assert (lines[1]["call_id"], lines[1]["heard"]) == (row["call_id"], ["Hello."])
    assert lines[2]["seq"] == 2


def test_it_listens_on_loopback_only(start_carrier):
    assert start_carrier().url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--knobs", "{"),
        ("--knobs", "[]"),
        ("--knobs", '{"lose": 2}'),
        ("--personas", '{"+12125550100": "nobody"}'),
        ("--cps", "0"),
        ("--time-scale", "0"),
        ("--time-scale", "nan"),
        ("--port", "many"),
    ],
)
def test_bad_arguments(arguments):
    assert run(*arguments).returncode == 2


def test_a_taken_port_is_said_plainly(start_carrier):
    port = start_carrier().url.rpartition(":")[2]
    finished = run("--port", port)
    assert finished.returncode == 1
    assert "cannot start" in finished.stderr


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
