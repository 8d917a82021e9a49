"""Bodies of status callbacks.

The nested envelope is the family every SWML and Relay callback belongs to. What a `dial` by REST
sends is not in the provider's documents, so the flat and the form reading are knobs.
"""

from typing import Any
from urllib.parse import urlencode

from simulator.answers import dumps
from simulator.calls import NODE_ID, SPACE_ID, SWML_SPELLINGS, Call, EndReason, Status
from simulator.clock import Instant, iso
from simulator.knobs import Knobs

JSON = dict[str, Any]
Body = tuple[bytes, str]  # the bytes and their content type

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
PADDING = "x" * 1_048_576


def call_state(call: Call, status: Status, knobs: Knobs) -> Body:
    """The notification that a call reached `status`."""
    reason = call.ending.reason if call.ending and status is Status.ENDED else None
    return state_body(call, status, reason, knobs)


def forged_state(call: Call, knobs: Knobs) -> Body:
    """A lie: the call ended because the line was busy."""
    return state_body(call, Status.ENDED, EndReason.BUSY, knobs)


def oversized(call: Call, knobs: Knobs) -> Body:
    """A notification of more than a megabyte."""
    event = {**_params(call, Status.ENDED, EndReason.BUSY, knobs), "padding": PADDING}
    return dumps(_envelope(call, "calling.call.state", event)), JSON_TYPE


def state_body(call: Call, status: Status, reason: EndReason | None, knobs: Knobs) -> Body:
    if knobs.callback_body == "nested":
        params = _params(call, status, reason, knobs)
        return dumps(_envelope(call, "calling.call.state", params)), JSON_TYPE
    flat = _flat(call, status, reason, knobs)
    if knobs.callback_body == "flat":
        return dumps(flat), JSON_TYPE
    return urlencode(flat).encode("ascii"), FORM_TYPE


def detect_event(call: Call, control_id: str, event: JSON) -> Body:
    """A notification of `detect_machine`; `event` is the detector's `params`."""
    params = {
        "control_id": control_id,
        "detect": {"type": "machine", "params": event},
        "call_id": call.id,
        "node_id": NODE_ID,
        "segment_id": call.id,
    }
    return dumps(_envelope(call, "calling.call.detect", params)), JSON_TYPE


def _envelope(call: Call, event_type: str, params: JSON) -> JSON:
    return {
        "event_type": event_type,
        "event_channel": f"swml:{call.id}",
        "timestamp": Instant.now().wall.timestamp(),
        "project_id": call.project,
        "space_id": SPACE_ID,
        "params": params,
    }


def _params(call: Call, status: Status, reason: EndReason | None, knobs: Knobs) -> JSON:
    params: JSON = {
        "call_id": call.id,
        "node_id": NODE_ID,
        "segment_id": call.id,
        "call_state": status.value,
        "direction": "outbound",
        "created_by": "dial",
        "device": {
            "type": "phone",
            "params": {
                "from_number": call.request.from_number,
                "to_number": call.request.to_number,
            },
        },
    }
    if reason is not None:
        params["end_reason"] = spelled(reason, knobs)
    if knobs.callback_times:
        params.update(_times(call))
    return params


def _flat(call: Call, status: Status, reason: EndReason | None, knobs: Knobs) -> JSON:
    flat: JSON = {
        "call_id": call.id,
        "status": status.value,
        "from": call.request.from_number,
        "to": call.request.to_number,
        "direction": "outbound",
        "timestamp": iso(Instant.now().wall),
    }
    if reason is not None:
        flat["end_reason"] = spelled(reason, knobs)
    return flat


def _times(call: Call) -> JSON:
    names = {"start_time": Status.CREATED, "answer_time": Status.ANSWERED, "end_time": Status.ENDED}
    return {
        name: int(call.moments[status].wall.timestamp() * 1000)
        for name, status in names.items()
        if status in call.moments
    }


def spelled(reason: EndReason, knobs: Knobs) -> str:
    if knobs.end_reasons == "swml":
        return SWML_SPELLINGS.get(reason, reason.value)
    return reason.value
