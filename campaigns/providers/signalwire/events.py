"""SignalWire's status callbacks as events.

Callbacks arrive late, twice, in any order or never (SignalWire documents: "Status callback
reliability"), and one provider even sends two words for the same answer. So an event carries a key
by which its copies are recognised, and only what it proves by itself; what earlier events proved
is for the caller to add.
"""

import hashlib
import json
from collections.abc import Sequence

from campaigns.calls import AnsweredBy, CallEvent, EventKind
from campaigns.errors import InvalidInput
from campaigns.providers.signalwire.answers import is_call_id
from campaigns.providers.signalwire.payloads import (
    Fields,
    layers,
    moment,
    nested,
    read_body,
    seconds,
    text,
    values,
)
from campaigns.providers.signalwire.words import DETECTIONS, STATES, how_it_ended, plain

STATE_EVENT = "calling.call.state"
DETECT_EVENT = "calling.call.detect"
STATE_NAMES = ("call_state", "CallStatus", "call_status")
# Events about something on the call (a recording, a playback) use these for that thing's state.
LOOSE_STATE_NAMES = ("state", "status")


def parse_events(body: bytes, content_type: str) -> list[CallEvent]:
    """The events in one callback body, in the order given.

    Raises `InvalidInput` for anything that is not a notification about a call. A notification of
    a type we do not know is OTHER: it is worth keeping and changes nothing.
    """
    try:
        return [_event(notification) for notification in read_body(body, content_type)]
    except RecursionError as error:
        raise InvalidInput("The notification is nested too deeply.") from error


def _event(notification: Fields) -> CallEvent:
    where = layers(notification)
    event_type = text([notification], "event_type")
    if event_type == DETECT_EVENT:
        return _detected(notification, where)
    state = plain(_state_word(where, event_type))
    if state:
        return _state(notification, where, state)
    if text(where, "AnsweredBy"):
        return _answered_by(where)
    if not event_type and _call_id(where) is None:
        raise InvalidInput("The notification names neither a call nor a kind of event.")
    return _other(notification, where, event_type)


def _state_word(where: Sequence[Fields], event_type: str) -> str:
    """The call's state: in a field of its own, a loosely named one, or the end of the type."""
    word = text(where, *STATE_NAMES)
    if not word and event_type in ("", STATE_EVENT):
        word = text(where, *LOOSE_STATE_NAMES)
    last = event_type.rpartition(".")[2]
    return word or (last if plain(last) in STATES else "")


def _state(notification: Fields, where: Sequence[Fields], state: str) -> CallEvent:
    kind = STATES.get(state, EventKind.OTHER)
    call_id = _call_id(where)
    known = CallEvent(
        kind=kind,
        dedupe_key=_key(call_id, state),
        provider_call_id=call_id,
        answered_by=_who(text(where, "AnsweredBy", "answered_by")),
        occurred_at=moment([notification, *where], "timestamp", "Timestamp"),
    )
    return _ended(known, where, state) if kind is EventKind.ENDED else known


def _ended(event: CallEvent, where: Sequence[Fields], state: str) -> CallEvent:
    end_reason = text(where, "end_reason", "EndReason")
    sip_answer = next(values(where, "SipResultCode", "SipResponseCode", "sip_result_code"), "")
    duration = seconds(where)
    return CallEvent(
        kind=event.kind,
        dedupe_key=event.dedupe_key,
        provider_call_id=event.provider_call_id,
        disposition=how_it_ended(
            (plain(end_reason), state),
            answer_time=_was_answered(where),
            duration=duration,
            answered_by=event.answered_by,
            sip_answer=str(sip_answer)[:3],
        ),
        answered_by=event.answered_by,
        end_reason=end_reason or state,
        occurred_at=event.occurred_at,
        duration_seconds=duration,
    )


def _was_answered(where: Sequence[Fields]) -> bool:
    """Whether the event names a time of answer.

    In the Twilio-compatible callbacks `completed` is kept for calls that were answered.
    """
    completed = plain(text(where, "CallStatus")) == "completed"
    return completed or moment(where, "answer_time", "answered_at") is not None


def _detected(notification: Fields, where: Sequence[Fields]) -> CallEvent:
    """A detector's event. Only some carry a result: `finished` and errors say nothing new."""
    detect = nested(nested(notification, "params"), "detect") or nested(notification, "detect")
    result = text([nested(detect, "params"), detect], "event")
    detector = text([detect], "type")
    if not result:
        return _other(notification, where, DETECT_EVENT)
    call_id = _call_id(where)
    who = _who(result)
    return CallEvent(
        kind=EventKind.DETECTED if who else EventKind.OTHER,
        dedupe_key=_key(call_id, "detect", text(where, "control_id"), detector, plain(result)),
        provider_call_id=call_id,
        answered_by=who,
        occurred_at=moment([notification], "timestamp"),
    )


def _answered_by(where: Sequence[Fields]) -> CallEvent:
    """The Twilio-compatible result of a detector: a call and `AnsweredBy`, no status."""
    word = text(where, "AnsweredBy")
    who = _who(word)
    call_id = _call_id(where)
    return CallEvent(
        kind=EventKind.DETECTED if who else EventKind.OTHER,
        dedupe_key=_key(call_id, "answered_by", plain(word)),
        provider_call_id=call_id,
        answered_by=who,
    )


def _other(notification: Fields, where: Sequence[Fields], event_type: str) -> CallEvent:
    """Kept as it is; equal content means an equal notification."""
    canonical = json.dumps(notification, sort_keys=True, default=str).encode()
    call_id = _call_id(where)
    return CallEvent(
        kind=EventKind.OTHER,
        dedupe_key=_key(call_id, event_type, hashlib.sha256(canonical).hexdigest()[:16]),
        provider_call_id=call_id,
        occurred_at=moment([notification], "timestamp"),
    )


def _call_id(where: Sequence[Fields]) -> str | None:
    found = values(where, "call_id", "CallSid", "call_sid")
    named = next((value for value in found if is_call_id(value)), None)
    if named is None:  # only inside a `call` object, or beside a status, does a bare `id` mean it
        named = next((value for value in values(where[1:], "id") if is_call_id(value)), None)
    return named


def _who(word: str) -> AnsweredBy | None:
    return DETECTIONS.get(plain(word)) if word else None


def _key(call_id: str | None, *parts: str) -> str:
    return ":".join([call_id or "-", *(part[:60] for part in parts)])
