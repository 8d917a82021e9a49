"""`POST /api/calling/calls`: the commands dial, update and calling.end."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

from aiohttp import web

from simulator.answers import ApiError, answer, dumps, flat_error, refuse
from simulator.auth import project_of
from simulator.books import CallRow
from simulator.calls import Call, DialRequest, EndReason
from simulator.carrier import Carrier
from simulator.clock import Instant
from simulator.engine import Refused
from simulator.faults import REFUSING_FAULTS
from simulator.personas import Outcome
from simulator.validation import document_source, read_dial, read_swml, urls

JSON = dict[str, Any]
# Closing with this linger option sends a reset instead of a farewell.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
HANG_CHECK = 0.25  # seconds between looks whether a caller kept waiting has gone

UNKNOWN_COMMAND = ApiError("invalid_command_attempted", "The command is not known.", "command")
NO_PARAMS = ApiError("missing_required_parameter", "params is required.", "params")


class CallingApi:
    """The one endpoint of the Calling API."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def post(self, request: web.Request) -> web.Response:
        arrived = Instant.now()
        body = read_json(await request.read())
        authorization = request.headers.get("Authorization")
        command = body.get("command") if body is not None else None
        params = body.get("params") if body is not None else None
        if command == "dial":
            fields = params if isinstance(params, dict) else {}
            row = self._carrier.books.open(arrived, project_of(authorization), fields)
            return await self._dial(request, arrived, params, row)
        if not self._carrier.auth.allows(authorization):
            return flat_error(401)
        if body is None:
            return refuse([ApiError("not_a_valid_json", "The body is not a JSON object.")])
        return self._command(command, body, params)

    async def _dial(
        self, request: web.Request, arrived: Instant, params: Any, row: CallRow
    ) -> web.Response:
        if not self._carrier.auth.allows(request.headers.get("Authorization")):
            row.http_status, row.error_code = 401, "unauthorized"
            return flat_error(401)
        if not isinstance(params, dict):
            return self._refuse(row, [NO_PARAMS])
        found = read_dial(params, self._carrier.faults.knobs.allowed_caller_ids)
        if isinstance(found, list):
            return self._refuse(row, found)
        if delay := self._carrier.faults.seconds("slow_answer"):
            return await self._answer_slowly(request, arrived, found, row, delay)
        return await self._take(request, arrived, found, row)

    async def _answer_slowly(
        self,
        request: web.Request,
        arrived: Instant,
        dial: DialRequest,
        row: CallRow,
        delay: float,
    ) -> web.Response:
        """The call starts at once, its answer comes late: events can overtake it."""
        response = await self._take(request, arrived, dial, row)
        row.fault = row.fault or "slow_answer"
        await asyncio.sleep(delay)
        return response

    async def _take(
        self, request: web.Request, arrived: Instant, dial: DialRequest, row: CallRow
    ) -> web.Response:
        """Strike with a fault, refuse for want of a place, or take the call."""
        carrier = self._carrier
        fault = row.fault = carrier.faults.of_dial()
        if fault in REFUSING_FAULTS:
            return await self._refuse_by(fault, request, row)
        if carrier.persona_for(dial.to_number).outcome is Outcome.REFUSED:
            row.persona = "refused"
            return self._refuse(row, [_error("invalid_destination_number", "to")])
        if carrier.pacer.full:
            error = _error("max_queued_calls_exceeded", None)
            return self._refuse(row, [error], carrier.faults.knobs.backlog_full_status)
        call = carrier.accept(dial, row, arrived)
        if fault is not None:
            return await self._answer_by(fault, request, row, call)
        row.http_status = 200
        return answer(self._leg(call))

    async def _refuse_by(self, fault: str, request: web.Request, row: CallRow) -> web.Response:
        """Faults after which no call exists."""
        if fault == "timeout_refused":
            return await self._never_answer(request)
        if fault == "reset_before":
            return reset(request)
        if fault == "error_500_refused":
            row.http_status = 500
            return flat_error(500)
        if fault == "redirect":
            row.http_status = 307
            return web.Response(status=307, headers={"Location": "/api/calling/calls?moved=1"})
        if fault == "insufficient_balance":
            return self._refuse(row, [_error("insufficient_balance", None)])
        pause = self._carrier.faults.knobs.retry_after
        headers = None if pause is None else {"Retry-After": f"{pause:g}"}
        return self._refuse(row, [_error("rate_limit_exceeded", None)], 429, headers)

    async def _answer_by(
        self, fault: str, request: web.Request, row: CallRow, call: Call
    ) -> web.Response:
        """Faults after which a call exists, whatever the answer makes of it."""
        if fault == "timeout_accepted":
            return await self._never_answer(request)
        if fault == "reset_after_accept":
            return reset(request)
        if fault == "error_500_accepted":
            row.http_status = 500
            return flat_error(500)
        row.http_status = 200
        leg = self._leg(call)
        if fault == "malformed_2xx":
            return _json_bytes(dumps(leg)[: len(call.id)] + b"\xff<html>")
        if fault == "empty_2xx":
            return _json_bytes(b"")
        key = self._carrier.faults.knobs.id_key
        if fault == "no_id_2xx":
            del leg[key]
        elif fault == "repeated_id_2xx":
            leg[key] = next(iter(self._carrier.calls))
        return answer(leg)

    async def _never_answer(self, request: web.Request) -> web.Response:
        """Wait until the caller gives up, or the carrier stops."""
        stopping = self._carrier.stopping
        while request.transport is not None and not request.transport.is_closing():
            if stopping.is_set():
                break
            await asyncio.sleep(HANG_CHECK)
        return reset(request)

    def _leg(self, call: Call) -> JSON:
        leg = call.leg()
        key = self._carrier.faults.knobs.id_key
        return leg if key == "id" else {key: leg.pop("id"), **leg}

    def _refuse(
        self,
        row: CallRow,
        errors: list[ApiError],
        status: int = 422,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        row.http_status, row.error_code = status, errors[0].code
        return refuse(errors, status, headers)

    def _command(self, command: Any, body: JSON, params: Any) -> web.Response:
        if command is None:
            return refuse(
                [ApiError("missing_required_parameter", "command is required.", "command")]
            )
        if command not in ("update", "calling.end"):
            return refuse([UNKNOWN_COMMAND])
        if not isinstance(params, dict):
            return refuse([NO_PARAMS])
        holder = params if command == "update" else body
        call_id = holder.get("id")
        if not isinstance(call_id, str) or not call_id:
            return refuse([ApiError("missing_required_parameter", "id is required.", "id")])
        call = self._carrier.calls.get(call_id)
        if call is None:
            return flat_error(404)
        obey = self._update if command == "update" else self._end
        return self._obey(obey, call, params)

    def _obey(
        self, obey: Callable[[Call, JSON], list[ApiError]], call: Call, params: JSON
    ) -> web.Response:
        try:
            errors = obey(call, params)
        except Refused as refused:
            errors = [ApiError(refused.code, refused.message, "status")]
        return refuse(errors) if errors else answer(self._leg(call))

    def _end(self, call: Call, params: JSON) -> list[ApiError]:
        reasons = {"hangup", "cancel", "busy", "noAnswer", "decline", "error"}
        reason = params.get("reason", "hangup")
        if not isinstance(reason, str) or reason not in reasons:
            return [ApiError("invalid_parameter", "reason is not known.", "reason")]
        self._carrier.engine.hang_up(call, EndReason(reason))
        return []

    def _update(self, call: Call, params: JSON) -> list[ApiError]:
        status = params.get("status")
        if status not in (None, "canceled", "completed"):
            return [ApiError("invalid_parameter", "status is not known.", "status")]
        if status == "canceled":
            self._carrier.engine.cancel(call)
        elif status == "completed":
            self._carrier.engine.complete(call)
        else:
            return self._redirect(call, params)
        return []

    def _redirect(self, call: Call, params: JSON) -> list[ApiError]:
        if errors := list(document_source(params)) or list(urls(params)):
            return errors
        source = DialRequest(
            from_number=call.request.from_number,
            to_number=call.request.to_number,
            url=params.get("url"),
            swml=read_swml(params.get("swml")),
            url_method="POST",
            fallback_url=params.get("fallback_url"),
            status_url=call.request.status_url,
            status_events=call.request.status_events,
            timeout=None,
            custom_variables=call.request.custom_variables,
        )
        self._carrier.engine.redirect(call, source)
        return []


def read_json(raw: bytes) -> JSON | None:
    """The JSON object in a body, None for anything else."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def reset(request: web.Request) -> web.Response:
    """Cut the connection with a reset. What is returned reaches nobody."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    return web.Response(status=500)


def _json_bytes(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _error(code: str, attribute: str | None) -> ApiError:
    return ApiError(code, code.replace("_", " ").capitalize() + ".", attribute)
