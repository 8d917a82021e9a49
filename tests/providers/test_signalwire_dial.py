"""Placing calls: what is written to the wire, and what each answer means."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calls import Answer, CallRequest
from campaigns.providers.http import Reply
from campaigns.providers.signalwire.answers import read_dial_answer, retry_after
from tests.providers.still import always

REQUEST = CallRequest(
    to="+12025550101",
    caller_id="+12025550199",
    flow_url="https://calls.example.com/flows/t0ken",
    status_url="https://calls.example.com/hooks/signalwire/t0ken",
    ring_timeout=25,
    fallback_url="https://calls.example.com/fallback/t0ken",
    variables={"attempt": "t0ken"},
)

BAD_NUMBERS = [
    "not_e164",
    "invalid_number_format",
    "invalid_pstn_destination",
    "invalid_sip_destination",
    "invalid_destination_number",
    "destination_number_not_supported",
    "number_not_supported",
    "number_blacklisted",
    "not_routable",
    "to_destination_unresolvable",
]
FAULTS = [
    "missing_required_parameter",
    "invalid_parameter",
    "invalid_command_attempted",
    "inline_swml_or_swml_webhook_required",
    "not_a_valid_json",
    "not_json_or_yaml",
    "not_an_http_url",
    "url_is_unsafe",
    "url_failed_to_parse",
    "invalid_http_method",
    "invalid_codecs_format",
    "billing_route_not_found",
    "not_purchased_or_verified",
    "not_valid_for_caller_id",
    "not_voice_capable",
    "sending_restricted_to_verified",
    "insufficient_balance",
    "account_limit_exceeded",
    "feature_not_available",
    "cannot_process",
    "too_many_custom_variables",
    "invalid_custom_variable_name",
    "invalid_custom_variable_value",
    "custom_variable_value_too_long",
    "reserved_custom_variable_name",
    "no_devices_or_registrations",
    "invalid_call_id_passed",
    "call_id_is_duplicated",
    "a_code_from_next_year",
]
CONGESTED = ["rate_limit_exceeded", "max_queued_calls_exceeded"]


def errors(*codes: str, attribute: str | None = None) -> dict[str, Any]:
    return {
        "errors": [
            {"type": "validation_error", "code": code, "message": "m", "attribute": attribute}
            for code in codes
        ]
    }


def test_a_campaign_call_always_carries_document_time_limit_and_status_address(wire):
    answer = wire.provider.place_call(REQUEST, always)

    assert answer.answer is Answer.ACCEPTED
    assert answer.provider_call_id == "call-1"
    assert answer.http_status == 200
    assert wire.sent() == {
        "command": "dial",
        "params": {
            "from": "+12025550199",
            "to": "+12025550101",
            "url": "https://calls.example.com/flows/t0ken",
            "url_method": "POST",
            "fallback_url": "https://calls.example.com/fallback/t0ken",
            "timeout": 25,
            "status_url": "https://calls.example.com/hooks/signalwire/t0ken",
            "status_events": ["ringing", "answered", "ended"],
            "custom_variables": {"attempt": "t0ken"},
        },
    }
    (request,) = wire.requests
    assert request.method == "POST"
    assert request.url == "https://example.signalwire.com/api/calling/calls"
    expected = base64.b64encode(b"project:token").decode()
    assert request.headers["authorization"] == f"Basic {expected}"


def test_what_was_not_given_is_not_sent(wire):
    wire.provider.place_call(replace(REQUEST, fallback_url=None, variables={}), always)

    assert not {"fallback_url", "custom_variables"} & wire.sent()["params"].keys()


@pytest.mark.parametrize("body", [{"id": "a-1"}, {"call_id": "a-1"}, {"id": "", "call_id": "a-1"}])
def test_the_id_is_found_under_either_name(wire, body):
    answer = wire.replies(201, body).provider.place_call(REQUEST, always)

    assert (answer.answer, answer.provider_call_id) == (Answer.ACCEPTED, "a-1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b'{"id": "a',
        b"\xff\xfe",
        b"[" * 100_000,
        {},
        {"id": None},
        {"id": 17},
        {"id": ["a"]},
        {"id": "a\x00b"},
        {"id": "a" * 500},
        {"id": "../../secrets"},
        {"errors": [{"code": "not_e164"}]},
    ],
)
def test_success_without_a_usable_id_is_in_doubt(wire, body):
    answer = wire.replies(200, body).provider.place_call(REQUEST, always)

    assert answer.answer is Answer.IN_DOUBT
    assert answer.provider_call_id is None
    assert answer.reason


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, Answer.BAD_NUMBER) for code in BAD_NUMBERS),
        *((code, Answer.FAULT) for code in FAULTS),
        *((code, Answer.CONGESTED) for code in CONGESTED),
    ],
)
def test_every_documented_code(wire, code, expected):
    answer = wire.replies(422, errors(code)).provider.place_call(REQUEST, always)

    assert (answer.answer, answer.reason, answer.http_status) == (expected, code, 422)


@pytest.mark.parametrize("attribute", ["from", "caller_id", "params.from", "to_script"])
def test_a_number_code_about_our_own_number_is_a_fault(wire, attribute):
    """Otherwise one mistyped caller id would end every recipient of the campaign."""
    answer = wire.replies(422, errors("not_e164", attribute=attribute)).provider.place_call(
        REQUEST, always
    )

    assert answer.answer is Answer.FAULT


@pytest.mark.parametrize("attribute", ["to", "params.to", "/params/to", "params[to]", "to_number"])
def test_a_number_code_about_the_number_called_ends_it(wire, attribute):
    answer = wire.replies(422, errors("not_e164", attribute=attribute)).provider.place_call(
        REQUEST, always
    )

    assert answer.answer is Answer.BAD_NUMBER


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("not_e164", "insufficient_balance"), Answer.FAULT),
        (("rate_limit_exceeded", "not_purchased_or_verified"), Answer.FAULT),
        (("rate_limit_exceeded", "not_e164"), Answer.BAD_NUMBER),
        (("not_e164", "unheard_of"), Answer.FAULT),
        (("not_e164", "not_routable"), Answer.BAD_NUMBER),
    ],
)
def test_of_several_errors_the_worst_counts(wire, codes, expected):
    answer = wire.replies(422, errors(*codes)).provider.place_call(REQUEST, always)

    assert answer.answer is expected
    assert answer.reason == ", ".join(codes)


@pytest.mark.parametrize(
    ("status", "body", "expected", "reason"),
    [
        (400, {"error": "Bad Request"}, Answer.FAULT, "Bad Request"),
        (401, {"error": "Unauthorized"}, Answer.FAULT, "Unauthorized"),
        (403, {"error": "Forbidden"}, Answer.FAULT, "Forbidden"),
        (404, {"error": "Not Found"}, Answer.FAULT, "Not Found"),
        (401, errors("not_e164"), Answer.FAULT, "not_e164"),
        (405, b"", Answer.FAULT, "HTTP 405"),
        (408, b"", Answer.IN_DOUBT, "HTTP 408"),
        (422, b"", Answer.FAULT, "HTTP 422"),
        (422, b"<html>", Answer.FAULT, "HTTP 422"),
        (422, {"errors": "none"}, Answer.FAULT, "HTTP 422"),
        (422, {"errors": [None, 1, {"code": 7}]}, Answer.FAULT, "HTTP 422"),
        (429, b"", Answer.CONGESTED, "HTTP 429"),
        (429, errors("insufficient_balance"), Answer.CONGESTED, "insufficient_balance"),
        (301, b"", Answer.IN_DOUBT, "HTTP 301"),
        (307, b"", Answer.IN_DOUBT, "HTTP 307"),
        (500, {"error": "Internal Server Error"}, Answer.IN_DOUBT, "Internal Server Error"),
        (502, b"<html>", Answer.IN_DOUBT, "HTTP 502"),
        (503, errors("rate_limit_exceeded"), Answer.IN_DOUBT, "rate_limit_exceeded"),
        (504, b"", Answer.IN_DOUBT, "HTTP 504"),
        (599, b"", Answer.IN_DOUBT, "HTTP 599"),
    ],
)
def test_every_status(wire, status, body, expected, reason):
    answer = wire.replies(status, body, location="/elsewhere").provider.place_call(REQUEST, always)

    assert (answer.answer, answer.reason, answer.http_status) == (expected, reason, status)
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("refused"), Answer.NOT_SENT),
        (httpx.ConnectTimeout("slow"), Answer.NOT_SENT),
        (httpx.PoolTimeout("busy"), Answer.NOT_SENT),
        (httpx.UnsupportedProtocol("gopher"), Answer.NOT_SENT),
        (httpx.LocalProtocolError("header"), Answer.NOT_SENT),
        (httpx.InvalidURL("no"), Answer.NOT_SENT),
        (httpx.ReadTimeout("slow"), Answer.IN_DOUBT),
        (httpx.WriteTimeout("slow"), Answer.IN_DOUBT),
        (httpx.ReadError("reset"), Answer.IN_DOUBT),
        (httpx.WriteError("reset"), Answer.IN_DOUBT),
        (httpx.CloseError("reset"), Answer.IN_DOUBT),
        (httpx.RemoteProtocolError("garbage"), Answer.IN_DOUBT),
        (httpx.ProxyError("proxy"), Answer.IN_DOUBT),
        (httpx.DecodingError("gzip"), Answer.IN_DOUBT),
        (httpx.TooManyRedirects("loop"), Answer.IN_DOUBT),
        (httpx.StreamError("stream"), Answer.IN_DOUBT),
        (OSError("anything"), Answer.IN_DOUBT),
        (RuntimeError("anything"), Answer.IN_DOUBT),
    ],
)
def test_every_failure_of_the_network(wire, error, expected):
    answer = wire.raises(error).provider.place_call(REQUEST, always)

    assert answer.answer is expected
    assert type(error).__name__ in answer.reason
    assert answer.http_status is None
    assert len(wire.requests) == 1


def test_an_answer_without_end_is_in_doubt(wire):
    wire.answer = lambda request: httpx.Response(200, content=(b" " * 1_000_000 for _ in range(99)))
    answer = wire.provider.place_call(REQUEST, always)

    assert answer.answer is Answer.IN_DOUBT
    assert "larger" in answer.reason


def test_an_answer_that_trickles_is_in_doubt(wire, monkeypatch):
    monkeypatch.setattr("campaigns.providers.http.LONGEST_ANSWER", -1.0)
    answer = wire.provider.place_call(REQUEST, always)

    assert answer.answer is Answer.IN_DOUBT
    assert "longer" in answer.reason


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to": "2025550101"}, Answer.BAD_NUMBER),
        ({"to": "sip:someone@example.com"}, Answer.BAD_NUMBER),
        ({"to": ""}, Answer.BAD_NUMBER),
        ({"caller_id": "CLINIC"}, Answer.FAULT),
        ({"ring_timeout": 0}, Answer.FAULT),
        ({"ring_timeout": 601}, Answer.FAULT),
        ({"flow_url": "ftp://example.com"}, Answer.FAULT),
        ({"status_url": "/hooks"}, Answer.FAULT),
        ({"variables": {"sw_x": "1"}}, Answer.FAULT),
    ],
)
def test_our_own_mistakes_are_never_sent(wire, change: Mapping[str, Any], expected):
    answer = wire.provider.place_call(replace(REQUEST, **change), always)

    assert answer.answer is expected
    assert answer.reason
    assert wire.requests == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("3", 3.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("1e9", 3600.0),
        ("inf", 3600.0),
        ("nan", None),
        ("soon", None),
        ("Wed, 99 Foo 2026", None),
    ],
)
def test_retry_after_in_seconds(value, expected):
    assert retry_after(httpx.Headers({"retry-after": value})) == expected


def test_retry_after_as_a_date_counts_from_the_answers_own_date():
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    headers = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(seconds=90), usegmt=True),
    }
    assert retry_after(httpx.Headers(headers)) == 90.0


def test_only_congestion_carries_a_wait(wire):
    wire.replies(429, b"", retry_after="7")
    assert wire.provider.place_call(REQUEST, always).retry_after == 7.0
    wire.replies(422, errors("max_queued_calls_exceeded"), retry_after="8")
    assert wire.provider.place_call(REQUEST, always).retry_after == 8.0
    wire.replies(500, b"", retry_after="9")
    assert wire.provider.place_call(REQUEST, always).retry_after is None


@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.dictionaries(st.sampled_from(["id", "errors", "code", "error"]), inner, max_size=3)
            | st.lists(inner, max_size=2)
        ),
        max_leaves=6,
    ).map(lambda value: httpx.Response(200, json=value).content),
)
def test_no_answer_whatever_breaks_the_classification(status, body):
    answer = read_dial_answer(Reply(status, httpx.Headers(), body))

    if answer.answer is Answer.ACCEPTED:
        assert 200 <= status < 300
        assert answer.provider_call_id
    if 200 <= status < 300 or status >= 500:
        assert answer.answer in (Answer.ACCEPTED, Answer.IN_DOUBT)
