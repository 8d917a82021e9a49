"""Status callbacks in every shape that was seen or documented, and everything that is not one."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from campaigns.calls import AnsweredBy, EventKind
from campaigns.lifecycle import Disposition
from campaigns.providers.base import Signature
from campaigns.providers.signalwire.events import parse_events

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def envelope(event_type: str = "calling.call.state", **params: Any) -> dict[str, Any]:
    return {
        "event_type": event_type,
        "event_channel": "swml:c",
        "timestamp": 1772366400.25,
        "project_id": "p",
        "space_id": "s",
        "params": {"call_id": "call-1", "node_id": "n", "segment_id": "seg", **params},
    }


def only(body: Any, content_type: str = JSON_TYPE):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (event,) = parse_events(raw, content_type)
    return event


def form(**fields: str):
    return only(urlencode(fields).encode(), FORM_TYPE)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("created", EventKind.CREATED),
        ("queued", EventKind.CREATED),
        ("initiated", EventKind.CREATED),
        ("ringing", EventKind.RINGING),
        ("answered", EventKind.ANSWERED),
        ("in-progress", EventKind.ANSWERED),
        ("ending", EventKind.OTHER),
        ("ended", EventKind.ENDED),
        ("completed", EventKind.ENDED),
        ("a-state-from-next-year", EventKind.OTHER),
    ],
)
@pytest.mark.parametrize(
    "shape",
    [
        lambda state: envelope(call_state=state),
        lambda state: {**envelope(call_state=state), "event_type": "calling.call.unheard_of"},
        lambda state: {"call": {"call_id": "call-1", "call_state": state}},
        lambda state: {"params": {"call": {"call_id": "call-1", "status": state}}},
        lambda state: {"call": {"id": "call-1", "state": state}},
        lambda state: {"call_id": "call-1", "call_state": state},
        lambda state: {"call_id": "call-1", "status": state, "timestamp": "2026-03-01T12:00:00Z"},
        lambda state: {"id": "call-1", "state": state},
        lambda state: {"CallSid": "call-1", "CallStatus": state},
    ],
)
def test_every_state_in_every_shape(shape, state, kind):
    event = only(shape(state))

    assert (event.kind, event.provider_call_id) == (kind, "call-1")
    assert event.dedupe_key == f"call-1:{state.replace('-', '_')}"
    assert event.answered_by is None


def test_the_state_may_stand_in_the_event_type_alone():
    assert only({"event_type": "call.ringing", "call_id": "c"}).kind is EventKind.RINGING
    assert only(envelope("calling.call.ended")).kind is EventKind.ENDED


def test_the_envelopes_clock():
    event = only(envelope(call_state="ringing"))

    assert event.occurred_at == datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "timestamp",
    [
        1772366400,
        "1772366400",
        1772366400000,
        1772366400000000,
        "2026-03-01T12:00:00Z",
        "2026-03-01T14:00:00+02:00",
        "Sun, 01 Mar 2026 12:00:00 +0000",
    ],
)
def test_every_way_to_tell_the_time(timestamp):
    event = only({"call_id": "c", "status": "ringing", "timestamp": timestamp})

    assert event.occurred_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "timestamp", [0, -1, 1e300, True, None, "", "soon", [], {}, "9" * 4000, 10**400]
)
def test_a_time_that_makes_no_sense_is_left_out(timestamp):
    assert only({"call_id": "c", "status": "ringing", "timestamp": timestamp}).occurred_at is None


@pytest.mark.parametrize(
    ("end_reason", "disposition"),
    [
        ("busy", Disposition.BUSY),
        ("noAnswer", Disposition.NO_ANSWER),
        ("no_answer", Disposition.NO_ANSWER),
        ("no-answer", Disposition.NO_ANSWER),
        ("NO_ANSWER", Disposition.NO_ANSWER),
        ("timeout", Disposition.NO_ANSWER),
        ("decline", Disposition.REJECTED),
        ("declined", Disposition.REJECTED),
        ("cancel", Disposition.CANCELED),
        ("canceled", Disposition.CANCELED),
        ("cancelled", Disposition.CANCELED),
        ("abandoned", Disposition.CANCELED),
        ("error", Disposition.FAILED),
        ("not_found", Disposition.INVALID_NUMBER),
        ("notFound", Disposition.INVALID_NUMBER),
        ("max_duration", Disposition.ANSWERED),
        ("maxDuration", Disposition.ANSWERED),
        ("hangup", Disposition.UNKNOWN),
        ("a reason from next year", Disposition.UNKNOWN),
        (None, Disposition.UNKNOWN),
    ],
)
def test_end_reasons_in_both_spellings(end_reason, disposition):
    event = only(envelope(call_state="ended", end_reason=end_reason))

    assert event.disposition is disposition
    assert event.end_reason == (end_reason or "ended")


@pytest.mark.parametrize("end_reason", ["hangup", "error", "cancel", "max_duration", None])
def test_an_answer_time_proves_an_answer(end_reason):
    event = only(envelope(call_state="ended", end_reason=end_reason, answer_time=1772366405000))

    assert event.disposition is Disposition.ANSWERED


@pytest.mark.parametrize("answer_time", [0, None, "", "0", "null", False, True, {}, [1]])
def test_an_empty_answer_time_proves_nothing(answer_time):
    event = only(envelope(call_state="ended", end_reason="hangup", answer_time=answer_time))

    assert event.disposition is Disposition.UNKNOWN


@pytest.mark.parametrize(
    ("end_reason", "disposition"),
    [
        ("hangup", Disposition.ANSWERED),
        (None, Disposition.ANSWERED),
        ("error", Disposition.ANSWERED),
        ("busy", Disposition.BUSY),
        ("noAnswer", Disposition.NO_ANSWER),
        ("decline", Disposition.REJECTED),
        ("cancel", Disposition.CANCELED),
    ],
)
def test_a_duration_proves_an_answer_unless_the_reason_denies_it(end_reason, disposition):
    """Some providers count the ringing into the duration."""
    event = only(envelope(call_state="ended", end_reason=end_reason, duration=12))

    assert (event.disposition, event.duration_seconds) == (disposition, 12.0)


@pytest.mark.parametrize("duration", [0, "0", -3, None, "long", True, [], 1e300, 10**400])
def test_no_duration_proves_nothing(duration):
    event = only(envelope(call_state="ended", end_reason="hangup", duration=duration))

    assert event.disposition is Disposition.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "disposition"),
    [
        ({"CallStatus": "busy"}, Disposition.BUSY),
        ({"CallStatus": "no-answer", "CallDuration": "0"}, Disposition.NO_ANSWER),
        ({"CallStatus": "canceled"}, Disposition.CANCELED),
        ({"CallStatus": "failed"}, Disposition.FAILED),
        ({"CallStatus": "failed", "SipResultCode": "404"}, Disposition.INVALID_NUMBER),
        ({"CallStatus": "failed", "SipResponseCode": "484"}, Disposition.INVALID_NUMBER),
        ({"CallStatus": "failed", "SipResultCode": "503"}, Disposition.CARRIER_CONGESTION),
        ({"CallStatus": "failed", "SipResultCode": "500"}, Disposition.FAILED),
        ({"CallStatus": "completed", "CallDuration": "7"}, Disposition.ANSWERED),
        ({"CallStatus": "completed"}, Disposition.ANSWERED),
        ({"CallStatus": "completed", "AnsweredBy": "human"}, Disposition.ANSWERED_HUMAN),
        (
            {"CallStatus": "completed", "AnsweredBy": "machine_end_beep"},
            Disposition.ANSWERED_MACHINE,
        ),
        ({"CallStatus": "completed", "AnsweredBy": "fax"}, Disposition.ANSWERED_MACHINE),
        ({"CallStatus": "completed", "AnsweredBy": "unknown"}, Disposition.ANSWERED),
    ],
)
def test_form_encoded_callbacks_with_the_twilio_names(fields, disposition):
    event = form(CallSid="call-1", **fields)

    assert event.kind is EventKind.ENDED
    assert event.provider_call_id == "call-1"
    assert event.disposition is disposition


def test_two_words_for_one_answer_are_two_notifications_of_one_kind():
    answered = form(CallSid="c", CallStatus="answered")
    in_progress = form(CallSid="c", CallStatus="in-progress")

    assert answered.kind is in_progress.kind is EventKind.ANSWERED


def test_a_copy_has_the_same_key_and_another_call_has_not():
    first = envelope(call_state="ended", end_reason="busy")
    again = {**first, "timestamp": 1772366999.0}

    assert only(first).dedupe_key == only(again).dedupe_key
    assert only(envelope(call_state="ended", call_id="c2")).dedupe_key != only(first).dedupe_key


def detect(event: Any, detector: str = "machine", control_id: str = "ctl", **params: Any):
    return only(
        envelope(
            "calling.call.detect",
            control_id=control_id,
            detect={"type": detector, "params": {"event": event, **params}},
        )
    )


@pytest.mark.parametrize(
    ("detector", "word", "answered_by"),
    [
        ("machine", "HUMAN", AnsweredBy.HUMAN),
        ("machine", "MACHINE", AnsweredBy.MACHINE),
        ("machine", "READY", AnsweredBy.MACHINE),
        ("machine", "NOT_READY", AnsweredBy.MACHINE),
        ("machine", "UNKNOWN", AnsweredBy.UNKNOWN),
        ("fax", "FAX", AnsweredBy.FAX),
        ("fax", "CED", AnsweredBy.FAX),
    ],
)
def test_detections(detector, word, answered_by):
    event = detect(word, detector)

    assert event.kind is EventKind.DETECTED
    assert event.answered_by is answered_by
    assert event.provider_call_id == "call-1"
    assert event.disposition is None


@pytest.mark.parametrize("word", ["finished", "error", "a word from next year"])
def test_a_detector_that_says_nothing_new_is_kept_as_other(word):
    event = detect(word)

    assert (event.kind, event.answered_by) == (EventKind.OTHER, None)


def test_detections_are_told_apart_by_call_detector_run_and_word():
    keys = {
        detect("MACHINE").dedupe_key,
        detect("READY").dedupe_key,
        detect("MACHINE", control_id="other").dedupe_key,
        detect("UNKNOWN", "fax").dedupe_key,
        detect("UNKNOWN").dedupe_key,
    }
    assert len(keys) == 5
    assert detect("MACHINE", beep=True).dedupe_key in keys


def test_a_twilio_style_detection():
    event = form(CallSid="c", AnsweredBy="machine_start", MachineDetectionDuration="1200")

    assert (event.kind, event.answered_by) == (EventKind.DETECTED, AnsweredBy.MACHINE)


@pytest.mark.parametrize(
    "body",
    [
        envelope("calling.call.play", state="finished", control_id="x"),
        envelope("calling.call.record", state="finished", duration=9),
        envelope("calling.call.collect", result={"type": "digit"}),
        envelope("calling.call.dial", dial_state="answered"),
        envelope("messaging.state"),
        {"event_type": "anything"},
        {"call_id": "c"},
        {"event_type": "calling.call.detect", "params": {"detect": "odd"}},
    ],
)
def test_unknown_types_are_kept_and_change_nothing(body):
    event = only(body)

    assert (event.kind, event.disposition, event.answered_by) == (EventKind.OTHER, None, None)
    assert event.dedupe_key == only(body).dedupe_key
    assert event.dedupe_key != only({**body, "more": 1}).dedupe_key


def test_several_events_in_one_body_keep_their_order():
    body = [envelope(call_state="ringing"), envelope(call_state="answered")]
    kinds = [event.kind for event in parse_events(json.dumps(body).encode(), JSON_TYPE)]

    assert kinds == [EventKind.RINGING, EventKind.ANSWERED]


@pytest.mark.parametrize("content_type", ["", "text/plain", FORM_TYPE, "application/json; x=y"])
def test_json_is_recognised_under_any_content_type(content_type):
    assert only(envelope(call_state="ringing"), content_type).kind is EventKind.RINGING


def test_the_adapter_reads_and_checks_what_it_is_given(wire):
    body = json.dumps(envelope(call_state="ringing")).encode()

    assert [event.kind for event in wire.provider.parse_events(body, "")] == [EventKind.RINGING]
    header = {"X-SignalWire-Signature": "0" * 40}
    assert wire.provider.check_signature("https://h.example/", body, header) is Signature.WRONG
