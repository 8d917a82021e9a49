"""Every fault can be turned on, strikes, and is counted."""

import time
from typing import Any

import httpx
import pytest

NUMBER = "+12125550100"
BUSY = "+12125550185"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("refuse_429", 429),
        ("error_500_refused", 500),
        ("redirect", 307),
        ("insufficient_balance", 422),
    ],
)
def test_faults_that_refuse(carrier, product, fault, status):
    carrier.knobs(**{fault: 1.0})
    assert carrier.dial(NUMBER, product).status_code == status
    row = carrier.rows()[-1]
    assert (row["accepted"], row["http_status"], row["fault"]) == (False, status, fault)
    assert carrier.faults() == {fault: 1}
    carrier.knobs(**{fault: 0.0})
    assert carrier.dial(BUSY, product).status_code == 200
    assert carrier.ended()["fault"] is None
    assert product.states() == ["ended"]


@pytest.mark.parametrize("fault", ["timeout_refused", "reset_before"])
def test_faults_that_refuse_without_an_answer(carrier, product, fault):
    carrier.knobs(**{fault: 1.0})
    with pytest.raises((httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError)):
        dial_impatiently(carrier, product)
    row = carrier.rows()[-1]
    assert (row["accepted"], row["http_status"], row["fault"]) == (False, None, fault)
    assert product.received == []


@pytest.mark.parametrize("fault", ["timeout_accepted", "reset_after_accept"])
def test_faults_that_accept_without_an_answer(carrier, product, fault):
    carrier.knobs(**{fault: 1.0})
    with pytest.raises((httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError)):
        dial_impatiently(carrier, product)
    row = carrier.ended()
    assert (row["accepted"], row["http_status"], row["fault"]) == (True, None, fault)
    assert row["heard"] == ["Hello."]
    assert product.states() == ["ringing", "answered", "ended"]
    assert carrier.faults() == {fault: 1}


def dial_impatiently(carrier: Any, product: Any) -> None:
    with httpx.Client(base_url=carrier.url, auth=("test-project", "test-token")) as http:
        params = {
            "from": "+12025550199",
            "to": NUMBER,
            "url": f"{product.url}/flows/token-1234",
            "status_url": f"{product.url}/hooks/token-1234",
            "status_events": ["ringing", "answered", "ended"],
        }
        body = {"command": "dial", "params": params}
        http.post("/api/calling/calls", json=body, timeout=1.5)


def test_a_500_after_accepting(carrier, product):
    carrier.knobs(error_500_accepted=1.0)
    answer = carrier.dial(NUMBER, product)
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal Server Error"})
    row = carrier.ended()
    assert (row["accepted"], row["http_status"], row["heard"]) == (True, 500, ["Hello."])


def test_answers_nobody_can_read(carrier, product):
    carrier.knobs(malformed_2xx=1.0)
    with pytest.raises(ValueError):
        carrier.dial(NUMBER, product).json()
    carrier.knobs(malformed_2xx=0.0, empty_2xx=1.0)
    assert carrier.dial(NUMBER, product).content == b""
    carrier.knobs(empty_2xx=0.0, no_id_2xx=1.0)
    assert "id" not in carrier.dial(NUMBER, product).json()
    carrier.knobs(no_id_2xx=0.0, repeated_id_2xx=1.0)
    assert carrier.dial(NUMBER, product).json()["id"] == carrier.rows()[0]["call_id"]
    assert carrier.faults() == {
        "empty_2xx": 1,
        "malformed_2xx": 1,
        "no_id_2xx": 1,
        "repeated_id_2xx": 1,
    }
    assert len({row["call_id"] for row in carrier.rows()}) == 4


@pytest.mark.parametrize(("pause", "header"), [(None, None), (7, "7"), (0.5, "0.5")])
def test_retry_after(carrier, product, pause, header):
    carrier.knobs(refuse_429=1.0, retry_after=pause)
    answer = carrier.dial(NUMBER, product)
    assert answer.headers.get("Retry-After") == header
    assert answer.json()["errors"][0]["code"] == "rate_limit_exceeded"


def test_events_overtake_a_slow_answer(carrier, product):
    carrier.knobs(slow_answer=1.0)
    sent = time.monotonic()
    assert carrier.dial(BUSY, product).status_code == 200
    answered = time.monotonic()
    assert sent < product.at("/hooks")[0].at < answered
    assert carrier.faults() == {"slow_answer": 1}


def test_rates_are_rates_and_limits_are_limits(carrier, product):
    carrier.knobs(error_500_accepted=0.5, hide_from_logs=0.5)
    statuses = [carrier.dial(BUSY, product).status_code for _ in range(40)]
    assert 8 < statuses.count(500) < 32
    carrier.knobs(error_500_accepted=1.0, at_most={"error_500_accepted": statuses.count(500) + 2})
    statuses = [carrier.dial(BUSY, product).status_code for _ in range(5)]
    assert statuses == [500, 500, 200, 200, 200]


def test_the_logs_can_lag_hide_and_fail(carrier, product):
    carrier.knobs(log_lag=3600.0)
    carrier.dial(BUSY, product)
    call_id = carrier.ended()["call_id"]
    assert carrier.http.get(f"/api/voice/logs/{call_id}").status_code == 404
    assert carrier.get("/api/voice/logs")["data"] == []
    carrier.knobs(log_lag=0.0, log_error=1.0)
    for path in ("", f"/{call_id}", f"/{call_id}/events"):
        assert carrier.http.get(f"/api/voice/logs{path}").status_code == 500
    carrier.knobs(log_error=0.0, hide_from_logs=1.0)
    carrier.dial(BUSY, product)
    assert [log["id"] for log in carrier.get("/api/voice/logs")["data"]] == [call_id]
    assert carrier.faults() == {"hide_from_logs": 1, "log_error": 3}


@pytest.mark.parametrize(
    "changes",
    [
        {"no_such_knob": 1},
        {"lose": 1.5},
        {"lose": "often"},
        {"lose": True},
        {"cps": 0},
        {"backlog": 1.5},
        {"callback_body": "xml"},
        {"personas": {"00": "nobody"}},
        {"personas": {"00": {"as": ["busy"]}}},
        {"personas": {"00": {"mood": "bad"}}},
        {"personas": {"00": {"rings": "long"}}},
        {"personas": {"00": {"at_first": "nobody"}}},
    ],
)
def test_bad_knobs_change_nothing(carrier, changes):
    before = carrier.get("/simulator/knobs")
    answer = carrier.http.post("/simulator/knobs", json={"late": 1.0, **changes})
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert carrier.get("/simulator/knobs") == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_knobs_are_an_object(carrier, body):
    assert carrier.http.post("/simulator/knobs", content=body).status_code == 422


def test_a_reset_forgets_everything(carrier, product):
    carrier.knobs(error_500_accepted=1.0)
    carrier.dial("+12125550175", product, status_events=["ended"], timeout=100)
    carrier.http.post("/simulator/reset")
    assert carrier.rows() == []
    assert carrier.faults() == {}
    assert carrier.get("/simulator/knobs")["error_500_accepted"] == 0.0
    assert carrier.summary()["live"] == 0
    carrier.dial(BUSY, product)
    carrier.ended()
    assert carrier.rows()[0]["seq"] == 1
    time.sleep(0.5)  # when the forgotten call would have ended
    assert product.states() == ["ended"]
