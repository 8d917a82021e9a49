"""Whatever a provider answers: no crash, bounded work, and never more certainty than it gave."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calls import Answer, CallRequest, HangUp, LookupQuery, LookupState
from campaigns.config import Settings
from campaigns.providers.base import Credentials, Signature
from campaigns.providers.http import make_client
from campaigns.providers.signalwire import SignalWire, checking, signatures
from campaigns.providers.signalwire.logs import MOST_PAGES
from tests.fuzz.budget import search, storable
from tests.providers.still import always

CREDENTIALS = Credentials("https://example.signalwire.com", "project", "token", "PSK_test")
POSTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
TO, FROM = "+12025550101", "+12025550199"
QUERY = LookupQuery(None, TO, FROM, posted_at=POSTED, asked_at=POSTED, steady=True)
REQUEST = CallRequest(
    to=TO,
    caller_id=FROM,
    flow_url="https://example.org/flows/t",
    fallback_url="https://example.org/flows/t",
    status_url="https://example.org/hooks/signalwire/t",
    ring_timeout=25,
    variables={},
)

NAMES = st.sampled_from(
    [
        *("id", "call_id", "status", "errors", "code", "attribute", "error", "message", "data"),
        *("links", "next", "from", "to", "created_at", "duration", "duration_ms", "answered_by"),
    ]
)
WORDS = st.sampled_from(
    [
        *("call-1", "queued", "completed", "busy", "rate_limit_exceeded", "not_e164", TO, FROM),
        *(f"sip:{TO}@x", "2026-03-01T12:00:01Z", "9999-12-31T23:59:59-14:00", "0001-01-01", "\0"),
        *("https://example.signalwire.com/api/voice/logs?page=2", "//[", "?", "?page_size=1"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
BODIES = (
    st.dictionaries(NAMES, VALUES, max_size=6).map(json.dumps).map(str.encode)
    | VALUES.map(json.dumps).map(str.encode)
    | st.binary(max_size=60)
    | st.sampled_from([b"[" * 50_000, b'{"a":' * 50_000, b'{"id":' + b"9" * 5000 + b"}", b""])
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-type", "location", "content-length-x"]),
    st.sampled_from(
        [
            *("1", "-1", "nan", "1e999", "9" * 400, "Sun, 01 Mar 2026 12:00:05 GMT", "\xff"),
            *("Sun, 99 Mar 99999 12:00:05 GMT", "Mon, 01 Jan 0001 00:00:00 +9999", "soon", ""),
        ]
    ).map(lambda text: text.encode("latin-1")),
    max_size=3,
)
REPLIES = st.tuples(
    st.sampled_from([200, 201, 204, 301, 400, 401, 404, 408, 422, 429, 500, 503, 599, 999]),
    HEADERS,
    BODIES,
)
Made = tuple[int, dict[str, bytes], bytes]


def provider(replies: list[Made]) -> tuple[SignalWire, list[httpx.Request]]:
    """A provider that gives these answers in turn, the last one for ever."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        status, headers, body = replies[min(len(asked), len(replies) - 1)]
        asked.append(request)
        raw = {name.encode(): value for name, value in headers.items()}
        return httpx.Response(status, headers=raw, content=body)

    client = make_client(Settings(), httpx.MockTransport(answer))
    return SignalWire(CREDENTIALS, client), asked


@search(200)
@given(REPLIES)
def test_any_answer_to_a_dial(reply):
    asked_of, asked = provider([reply])
    answer = asked_of.place_call(REQUEST, always)
    status, _, body = reply
    assert len(asked) == 1, "a POST was repeated"
    assert storable(answer.reason)
    assert len(answer.reason) <= 300
    if answer.answer is Answer.ACCEPTED:
        assert 200 <= status < 300
        assert answer.provider_call_id
        assert answer.provider_call_id.encode() in body
    if answer.answer is Answer.NOT_SENT:
        raise AssertionError("an answer came, so it was sent")
    if status >= 500 or status < 200 or status in (301, 408, 204):
        assert answer.answer is Answer.IN_DOUBT
    assert answer.retry_after is None or 0 <= answer.retry_after <= 3600


@search(80)
@given(REPLIES)
def test_any_answer_to_a_hang_up_and_to_a_check(reply):
    asked_of, _ = provider([reply])
    assert asked_of.cancel_call("call-1") in HangUp
    assert asked_of.end_call("call-1") in HangUp
    client = asked_of._api._client
    assert storable(checking.check_credentials(CREDENTIALS, client).sentence)


def log(n: int, **changes: Any) -> dict[str, Any]:
    entry = {
        "id": f"call-{n}",
        "from": FROM,
        "to": f"+1202555{n % 100:04d}",
        "status": "completed",
        "duration": 3,
        "created_at": (POSTED + timedelta(seconds=n)).isoformat(),
    }
    return entry | changes


PAGES: st.SearchStrategy[Made] = st.fixed_dictionaries(
    {"data": st.lists(st.builds(log, st.integers(0, 5)) | VALUES, max_size=4)},
    optional={"links": st.fixed_dictionaries({}, optional={"next": WORDS | VALUES})},
).map(lambda page: (200, {}, json.dumps(page).encode()))


@search(200)
@given(st.lists(PAGES | REPLIES, min_size=1, max_size=4))
def test_any_voice_logs(replies):
    asked_of, asked = provider(replies)
    found = asked_of.look_up(QUERY)
    assert len(asked) <= MOST_PAGES + 1  # the first page may be asked for twice
    assert (found.event is not None) == (found.state in (LookupState.LIVE, LookupState.ENDED))
    if found.state is LookupState.ABSENT:  # that releases a number to be called again
        assert all(200 <= status < 300 for status, _, _ in replies[: len(asked)])


@search(80)
@given(REPLIES)
def test_any_voice_log_of_one_call(reply):
    asked_of, _ = provider([reply])
    found = asked_of.look_up(replace(QUERY, provider_call_id="call-1"))
    if found.state is LookupState.ABSENT:
        assert reply[0] == 404
    if found.event is not None:
        assert storable(found.event.dedupe_key)
        assert found.event.provider_call_id == "call-1"


@search(100)
@given(
    st.text(max_size=40),
    st.binary(max_size=60),
    st.dictionaries(
        st.sampled_from(
            ["X-SignalWire-Signature", "x-twilio-signature", "X-SignalWire-SHA256-Signature"]
        ),
        st.text(max_size=30),
    ),
)
def test_any_signature(url, body, headers):
    found = signatures.check("PSK_test", url, body, headers)
    assert found is not Signature.VALID
