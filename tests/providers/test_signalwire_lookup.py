"""Looking a call up in the voice logs: found, not found, several, or nothing known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from campaigns.calls import AnsweredBy, EventKind, LookupQuery, LookupState
from campaigns.lifecycle import Disposition
from tests.providers.conftest import NOON

POSTED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TO, FROM = "+12025550101", "+12025550199"


def query(
    call_id: str | None = None,
    known: Sequence[str] = (),
    posted: datetime = POSTED,
    asked: datetime = POSTED,
    steady: bool = True,
) -> LookupQuery:
    return LookupQuery(call_id, TO, FROM, posted, asked, steady, known)


def log(call_id: str = "call-1", after: float = 1.0, **changes: Any) -> dict[str, Any]:
    created = (POSTED + timedelta(seconds=after)).isoformat().replace("+00:00", "Z")
    entry = {
        "id": call_id,
        "from": FROM,
        "to": TO,
        "direction": "outbound",
        "status": "ringing",
        "duration": None,
        "duration_ms": None,
        "created_at": created,
        "type": "relay_pstn_call",
    }
    return {**entry, **changes}


def page(*entries: Any, next: str | None = None) -> dict[str, Any]:
    links = {"self": "https://example.signalwire.com/api/voice/logs"}
    return {"links": {**links, **({"next": next} if next else {})}, "data": list(entries)}


STATUSES = [
    ("queued", None, LookupState.LIVE, EventKind.CREATED, None),
    ("initiated", None, LookupState.LIVE, EventKind.CREATED, None),
    ("created", None, LookupState.LIVE, EventKind.CREATED, None),
    ("ringing", None, LookupState.LIVE, EventKind.RINGING, None),
    ("in-progress", None, LookupState.LIVE, EventKind.ANSWERED, None),
    ("answered", 0, LookupState.LIVE, EventKind.ANSWERED, None),
    ("joined", None, LookupState.LIVE, EventKind.ANSWERED, None),
    ("ending", None, LookupState.LIVE, EventKind.CREATED, None),
    ("ending", 4, LookupState.LIVE, EventKind.ANSWERED, None),
    ("a status from next year", None, LookupState.LIVE, EventKind.CREATED, None),
    ("busy", 3, LookupState.ENDED, EventKind.ENDED, Disposition.BUSY),
    ("no-answer", 25, LookupState.ENDED, EventKind.ENDED, Disposition.NO_ANSWER),
    ("failed", None, LookupState.ENDED, EventKind.ENDED, Disposition.FAILED),
    ("canceled", None, LookupState.ENDED, EventKind.ENDED, Disposition.CANCELED),
    ("completed", 9, LookupState.ENDED, EventKind.ENDED, Disposition.ANSWERED),
    ("ended", 9, LookupState.ENDED, EventKind.ENDED, Disposition.ANSWERED),
    ("completed", 0, LookupState.ENDED, EventKind.ENDED, Disposition.UNKNOWN),
    ("ended", None, LookupState.ENDED, EventKind.ENDED, Disposition.UNKNOWN),
]


@pytest.mark.parametrize(("status", "duration", "state", "kind", "disposition"), STATUSES)
def test_every_status_of_a_log(wire, status, duration, state, kind, disposition):
    wire.replies(200, log(status=status, duration=duration))
    found = wire.provider.look_up(query("call-1"))

    assert found.state is state
    assert found.event is not None
    assert (found.event.kind, found.event.disposition) == (kind, disposition)
    assert found.event.provider_call_id == "call-1"
    assert found.event.dedupe_key.startswith("lookup:call-1:")
    (request,) = wire.requests
    assert request.url == "https://example.signalwire.com/api/voice/logs/call-1"


def test_a_log_may_say_who_answered_and_for_how_long(wire):
    wire.replies(200, log(status="completed", duration_ms=9638, answered_by="machine"))
    event = wire.provider.look_up(query("call-1")).event

    assert event.disposition is Disposition.ANSWERED_MACHINE
    assert event.answered_by is AnsweredBy.MACHINE
    assert event.duration_seconds == pytest.approx(9.638)
    assert event.dedupe_key == "lookup:call-1:completed"


def test_an_id_that_is_not_in_the_logs_is_absent(wire):
    found = wire.replies(404, {"error": "Not Found"}).provider.look_up(query("call-1"))

    assert (found.state, found.event) == (LookupState.ABSENT, None)


def test_an_odd_id_cannot_reach_another_address(wire):
    wire.replies(404, b"").provider.look_up(query("../../laml?x=1"))

    assert wire.requests[0].url.raw_path == b"/api/voice/logs/..%2F..%2Flaml%3Fx%3D1"


@pytest.mark.parametrize("call_id", ["call-1", None])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "Unauthorized"}),
        (429, b""),
        (500, {"error": "Internal Server Error"}),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, {"data": {}}),
        (200, {"data": [None]}),
        (200, {"status": None}),
        (200, {"links": {}}),
    ],
)
def test_an_answer_that_proves_nothing_is_never_absence(wire, call_id, status, body):
    found = wire.replies(status, body).provider.look_up(query(call_id))

    refused = not 200 <= status < 300  # and would be for every other call
    assert found.state is (LookupState.UNREACHABLE if refused else LookupState.UNREADABLE)
    assert found.detail


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), OSError("x")])
def test_a_broken_network_is_unreachable(wire, error):
    wire.raises(error)

    assert wire.provider.look_up(query()).state is LookupState.UNREACHABLE
    assert wire.provider.look_up(query("call-1")).state is LookupState.UNREACHABLE


def test_the_span_asked_for_is_sure_to_hold_the_call(wire):
    """The filter takes dates and may leave out the day it names, so it names the day before."""
    just_after_midnight = datetime(2026, 3, 1, 2, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    wire.replies(200, page())
    wire.provider.look_up(query(posted=just_after_midnight))

    (request,) = wire.requests
    assert dict(request.url.params) == {"created_after": "2026-02-27", "page_size": "1000"}


def test_no_match_is_absent(wire):
    wire.replies(200, page(log(to="+12025550102"), log("b") | {"from": "+12025550198"}))

    assert wire.provider.look_up(query()).state is LookupState.ABSENT


def test_one_match_is_found_with_its_id(wire):
    wire.replies(200, page(log("other", to="+12025550102"), log("mine", status="busy")))
    found = wire.provider.look_up(query())

    assert found.state is LookupState.ENDED
    assert found.event.provider_call_id == "mine"
    assert found.event.disposition is Disposition.BUSY


def test_several_matches_are_ambiguous(wire):
    wire.replies(200, page(log("a"), log("b")))
    found = wire.provider.look_up(query())

    assert (found.state, found.event) == (LookupState.AMBIGUOUS, None)
    assert found.detail == "a, b"


def test_the_same_record_twice_is_one_match(wire):
    wire.replies(200, page(log("a"), log("a")))

    assert wire.provider.look_up(query()).event.provider_call_id == "a"


def test_calls_of_other_attempts_are_never_adopted(wire):
    wire.replies(200, page(log("a"), log("b")))

    assert wire.provider.look_up(query(known=["b"])).event.provider_call_id == "a"
    assert wire.provider.look_up(query(known=["a", "b"])).state is LookupState.ABSENT


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (-61, LookupState.ABSENT),
        (-60, LookupState.LIVE),
        (0, LookupState.LIVE),
        (120, LookupState.LIVE),
        (121, LookupState.AMBIGUOUS),  # late, and perhaps ours all the same
    ],
)
def test_the_time_must_fit(wire, after, state):
    wire.replies(200, page(log(after=after)))

    assert wire.provider.look_up(query()).state is state


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
@pytest.mark.parametrize(
    ("after", "state"),
    [
        (-61, LookupState.ABSENT),
        (-60, LookupState.LIVE),
        (120, LookupState.LIVE),
        (121, LookupState.AMBIGUOUS),  # late, and perhaps ours all the same
    ],
)
def test_the_time_must_fit_by_the_providers_clock(wire, hours, after, state):
    """A database's clock that is an hour wrong must not make every look-up find nothing."""
    ours = POSTED + timedelta(hours=hours)  # when the provider's clock shows noon
    wire.replies(200, page(log(after=after)))

    assert wire.provider.look_up(query(posted=ours, asked=ours)).state is state


@pytest.mark.parametrize("minutes", [-120, -2, 2, 120])
def test_a_clock_put_elsewhere_since_the_call_proves_nothing_empty(wire, minutes):
    wire.replies(200, page(log()))
    asked = POSTED + timedelta(minutes=minutes)

    assert wire.provider.look_up(query(asked=asked, steady=False)).state is LookupState.LIVE


@pytest.mark.parametrize("date", ["", "soon", "Sun, 32 Mar 2026 12:00:00 GMT"])
@pytest.mark.parametrize(
    ("after", "state"),
    [
        (-86_461, LookupState.ABSENT),
        (-86_460, LookupState.AMBIGUOUS),
        (-61, LookupState.AMBIGUOUS),
        (-60, LookupState.LIVE),
        (120, LookupState.LIVE),
        (9_999_999, LookupState.AMBIGUOUS),
    ],
)
def test_without_a_date_nothing_is_adopted_that_may_be_another_call(wire, date, after, state):
    wire.replies(200, page(log(after=after)), date=date)

    assert wire.provider.look_up(query()).state is state


def test_a_call_at_its_time_is_adopted_beside_others_only_when_the_time_is_sure(wire):
    wire.replies(200, page(log("mine"), log("later", after=500)))
    assert wire.provider.look_up(query()).event.provider_call_id == "mine"

    found = wire.provider.look_up(query(steady=False))
    assert (found.state, found.event) == (LookupState.AMBIGUOUS, None)


@pytest.mark.parametrize(
    ("after", "state"), [(-61 - 90, LookupState.ABSENT), (-60 - 90, LookupState.LIVE)]
)
def test_a_clock_that_is_being_set_right_has_gone_wrong_since_the_call(wire, after, state):
    """Our clock runs up to a tenth faster then, and looks steady: 90 s in 900."""
    asked = POSTED + timedelta(seconds=900)
    wire.replies(200, page(log(after=after)), date="Sun, 01 Mar 2026 12:15:00 GMT")

    assert wire.provider.look_up(query(asked=asked)).state is state


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_date_out_of_reach_proves_nothing(wire, year):
    asked = datetime.fromisoformat(f"{10_000 - int(year):04}-06-01T00:00:00+00:00")
    wire.replies(200, page(), date=f"Mon, 01 Jan {year} 00:00:00 GMT")

    found = wire.provider.look_up(query(asked=asked))
    assert found.state is LookupState.UNREADABLE


def test_a_providers_clock_days_behind_is_asked_for_its_own_days(wire):
    """The days in question are the provider's, and known only when it has answered once."""
    ahead = POSTED + timedelta(days=3)
    wire.replies(200, page(log()))
    found = wire.provider.look_up(query(posted=ahead, asked=ahead))

    asked = [request.url.params["created_after"] for request in wire.requests]
    assert asked == ["2026-03-03", "2026-02-28"]
    assert found.state is LookupState.LIVE


@pytest.mark.parametrize("created_at", [None, "", "yesterday", 5])
def test_a_record_without_a_readable_time_cannot_be_ruled_out(wire, created_at):
    wire.replies(200, page(log(created_at=created_at)))

    assert wire.provider.look_up(query()).state is LookupState.LIVE


@pytest.mark.parametrize(
    "to", ["12025550101", "0012025550101", "sip:+12025550101@carrier.example", "+1 (202) 555-0101"]
)
def test_numbers_are_compared_by_their_digits(wire, to):
    wire.replies(200, page(log(to=to)))

    assert wire.provider.look_up(query()).state is LookupState.LIVE


def test_records_without_numbers_are_passed_over(wire):
    wire.replies(200, page(log(to=None), {"id": "x", "discarded_at": "2026-03-01T12:00:00Z"}))

    assert wire.provider.look_up(query()).state is LookupState.ABSENT


@pytest.mark.parametrize("call_id", [None, 7, "", "a b"])
def test_a_match_without_a_usable_id_proves_nothing(wire, call_id):
    wire.replies(200, page(log(call_id)))

    assert wire.provider.look_up(query()).state is LookupState.UNREADABLE


def test_pages_are_followed_to_the_end_and_only_at_our_own_address(wire):
    pages = {
        None: page(log("x", to="+12025550102"), next="https://evil.example/steal?page_token=2"),
        "2": page(log("y", to="+12025550102"), next="/api/voice/logs?page_token=3"),
        "3": page(log("mine")),
    }
    wire.answer = lambda request: httpx.Response(
        200, json=pages[request.url.params.get("page_token")]
    )
    found = wire.provider.look_up(query())

    assert found.event.provider_call_id == "mine"
    assert {request.url.host for request in wire.requests} == {"example.signalwire.com"}
    assert {request.url.path for request in wire.requests} == {"/api/voice/logs"}


def test_a_failing_later_page_is_never_absence(wire):
    def answer(request: httpx.Request) -> httpx.Response:
        first = "page_token" not in request.url.params
        body = page(log("x", to="+12025550102"), next="?page_token=2")
        return httpx.Response(200, json=body) if first else httpx.Response(500)

    wire.answer = answer

    assert wire.provider.look_up(query()).state is LookupState.UNREACHABLE


def test_pages_from_newest_to_oldest_are_left_once_they_are_too_old(wire):
    older = [log(f"o{n}", after=-3600.0 * n, to="+12025550102") for n in range(1, 4)]
    wire.replies(200, page(log("mine"), *older, next="?page_token=2"))

    assert wire.provider.look_up(query()).event.provider_call_id == "mine"
    assert len(wire.requests) == 1


def test_pages_from_oldest_to_newest_are_not_left_early(wire):
    older = [log(f"o{n}", after=-3600.0 * (5 - n), to="+12025550102") for n in range(1, 4)]

    def answer(request: httpx.Request) -> httpx.Response:
        first = "page_token" not in request.url.params
        return httpx.Response(
            200, json=page(*older, next="?page_token=2") if first else page(log("mine"))
        )

    wire.answer = answer

    assert wire.provider.look_up(query()).event.provider_call_id == "mine"


@pytest.mark.parametrize("next_link", ["?page_token=same", "?n=%d", "/api/voice/logs", 5, ["x"]])
def test_endless_or_unreadable_pages_prove_nothing(wire, next_link):
    def answer(request: httpx.Request) -> httpx.Response:
        link = next_link
        if isinstance(link, str) and "%d" in link:
            link = link % len(wire.requests)
        return httpx.Response(
            200, headers={"date": NOON}, json={"links": {"next": link}, "data": []}
        )

    wire.answer = answer

    assert wire.provider.look_up(query()).state is LookupState.UNREADABLE
    assert len(wire.requests) <= 101  # the first page may be asked for twice


def test_a_day_too_long_to_be_read_leaves_the_call_in_doubt_and_ends_that(wire):
    """Never found, and never to be read to its end: it would be asked for again for a day."""

    def answer(request: httpx.Request) -> httpx.Response:
        link = f"?n={len(wire.requests)}"
        return httpx.Response(
            200, headers={"date": NOON}, json={"links": {"next": link}, "data": []}
        )

    wire.answer = answer

    assert wire.provider.look_up(query(steady=False)).state is LookupState.AMBIGUOUS
    assert wire.provider.look_up(query()).state is LookupState.UNREADABLE
