"""Cancelling and ending calls: what is written to the wire, and what each answer means."""

from typing import Any

import httpx
import pytest

from campaigns.calls import HangUp


def error(code: str) -> dict[str, Any]:
    return {"errors": [{"type": "validation_error", "code": code, "attribute": "status"}]}


UPDATE_ANSWERS = [
    (200, {"id": "call-1"}, HangUp.DONE),
    (200, b"", HangUp.DONE),
    (422, error("cannot_cancel_in_progress"), HangUp.ANSWERED),
    (422, error("cannot_update_completed"), HangUp.GONE),
    (422, error("call_update_failed"), HangUp.FAILED),
    (422, b"", HangUp.FAILED),
    (404, {"error": "Not Found"}, HangUp.GONE),
    (401, {"error": "Unauthorized"}, HangUp.FAILED),
    (429, b"", HangUp.FAILED),
    (302, b"", HangUp.FAILED),
    (500, b"", HangUp.FAILED),
]


@pytest.mark.parametrize(("status", "body", "expected"), UPDATE_ANSWERS)
@pytest.mark.parametrize("method", ["cancel_call", "complete_call", "end_call"])
def test_answers_to_cancelling_and_ending(wire, method, status, body, expected):
    assert getattr(wire.replies(status, body).provider, method)("call-1") is expected


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), OSError("x")])
def test_hanging_up_over_a_broken_network_failed(wire, error):
    wire.raises(error)

    assert wire.provider.cancel_call("call-1") is HangUp.FAILED
    assert wire.provider.end_call("call-1") is HangUp.FAILED


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("cancel_call", {"command": "update", "params": {"id": "call-1", "status": "canceled"}}),
        ("complete_call", {"command": "update", "params": {"id": "call-1", "status": "completed"}}),
        (
            "end_call",
            {"command": "calling.end", "id": "call-1", "params": {"reason": "hangup"}},
        ),
    ],
)
def test_where_each_command_carries_the_id(wire, method, expected):
    getattr(wire.provider, method)("call-1")

    assert wire.sent() == expected


def test_an_id_that_no_call_can_have_is_not_asked_for(wire):
    assert wire.provider.cancel_call("../x") is HangUp.GONE
    assert wire.requests == []
