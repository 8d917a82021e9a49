"""Bodies that are no status callback, or one from an enemy: refused or made harmless."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calls import EventKind
from campaigns.errors import InvalidInput
from campaigns.providers.signalwire.events import parse_events

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def only(body: Any):
    (event,) = parse_events(json.dumps(body).encode(), JSON_TYPE)
    return event


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", JSON_TYPE),
        (b"", FORM_TYPE),
        (b"", ""),
        (b"null", JSON_TYPE),
        (b"1", JSON_TYPE),
        (b'"ended"', JSON_TYPE),
        (b"[]", JSON_TYPE),
        (b"{}", JSON_TYPE),
        (b"[1]", JSON_TYPE),
        (b"[[]]", JSON_TYPE),
        (b'{"call_id": "c"', JSON_TYPE),
        (b'{"call_id": NaN}', JSON_TYPE),
        (b'{"x": Infinity, "call_id": "c"}', JSON_TYPE),
        (b'{"call_id": "c", "n": ' + b"9" * 5000 + b"}", JSON_TYPE),
        (b"\xff\xfe{}", JSON_TYPE),
        (b"CallSid=\xff", FORM_TYPE),
        (b"[" * 60_000, JSON_TYPE),
        (b'{"params":' * 6_000, JSON_TYPE),
        (b"hello", FORM_TYPE),
        (b"a=b&c=d", FORM_TYPE),
        (b"&".join(b"a=b" for _ in range(500)), FORM_TYPE),
        (json.dumps([{"call_id": "c", "call_state": "ringing"}] * 101).encode(), JSON_TYPE),
        (b"<?xml version='1.0'?>", "text/xml"),
    ],
)
def test_what_is_no_notification_is_refused(body, content_type):
    with pytest.raises(InvalidInput):
        parse_events(body, content_type)


@pytest.mark.parametrize("depth", range(100, 1100, 50))
def test_nesting_of_any_depth_is_read_or_refused(depth):
    body = b'{"event_type": "x", "params": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    check_harmless(body, JSON_TYPE)


def test_texts_are_made_fit_for_a_database():
    event = only(
        {"call_id": "c", "call_state": "ended", "end_reason": "ha\x00ng\nup\ud800" + "x" * 9_999}
    )

    assert event.end_reason.startswith("hangupx")
    assert len(event.end_reason) <= 200
    event.end_reason.encode()


@pytest.mark.parametrize("call_id", ["a\x00b", "x" * 500, "", 7, None, [], {"a": 1}])
def test_an_id_that_no_call_can_have_is_not_taken_over(call_id):
    event = only({"call_id": call_id, "call_state": "ringing"})

    assert event.provider_call_id is None
    assert event.dedupe_key == "-:ringing"


NAMES = st.sampled_from(
    [
        "event_type",
        "params",
        "call",
        "call_id",
        "CallSid",
        "call_state",
        "CallStatus",
        "status",
        "state",
        "end_reason",
        "detect",
        "event",
        "type",
        "answer_time",
        "duration",
        "AnsweredBy",
        "timestamp",
        "control_id",
        "SipResultCode",
        "id",
    ]
)
WORDS = st.sampled_from(
    ["calling.call.state", "calling.call.detect", "ended", "ringing", "MACHINE", "noAnswer", "0"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, max_size=8) | VALUES, st.sampled_from([JSON_TYPE, ""]))
def test_any_json_is_read_or_refused(value, content_type):
    check_harmless(json.dumps(value).encode(), content_type)


@given(st.binary(max_size=300), st.sampled_from([JSON_TYPE, FORM_TYPE, "", "\x00"]))
def test_any_bytes_are_read_or_refused(body, content_type):
    check_harmless(body, content_type)


@given(st.dictionaries(NAMES, st.text(max_size=20) | WORDS, max_size=8))
def test_any_form_is_read_or_refused(fields):
    check_harmless(urlencode(fields, errors="replace").encode(), FORM_TYPE)


def check_harmless(body: bytes, content_type: str) -> None:
    """Whatever comes in, only `InvalidInput` or events that a database can hold come out."""
    try:
        events = parse_events(body, content_type)
    except InvalidInput:
        return
    for event in events:
        assert (event.disposition is not None) == (event.kind is EventKind.ENDED)
        for text in (event.dedupe_key, event.end_reason, event.provider_call_id):
            assert text is None or ("\x00" not in text and text.encode() and len(text) < 500)
