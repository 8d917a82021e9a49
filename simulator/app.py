"""The web application: which path goes where."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from simulator.answers import flat_error
from simulator.carrier import Carrier
from simulator.rest.calling import CallingApi
from simulator.rest.control import ControlApi
from simulator.rest.logs import LogsApi

log = logging.getLogger(__name__)

LARGEST_BODY = 262_144  # bytes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(carrier: Carrier) -> web.Application:
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_errors_as_json(carrier)])
    calling, logs, control = CallingApi(carrier), LogsApi(carrier), ControlApi(carrier)
    app.add_routes(
        [
            web.post("/api/calling/calls", calling.post),
            web.get("/api/voice/logs", logs.list_logs),
            web.get("/api/voice/logs/{id}", logs.find_log),
            web.get("/api/voice/logs/{id}/events", logs.list_events),
            web.get("/simulator/knobs", control.show_knobs),
            web.post("/simulator/knobs", control.turn_knobs),
            web.get("/simulator/faults", control.show_faults),
            web.get("/simulator/calls", control.list_calls),
            web.get("/simulator/summary", control.show_summary),
            web.post("/simulator/reset", control.reset),
            web.get("/healthz", control.health),
        ]
    )
    return app


def _errors_as_json(carrier: Carrier) -> Middleware:
    """Errors of the web library in the provider's shape; our own mistakes counted and logged."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return flat_error(error.status if error.status in (404, 413) else 400)
        except Exception:
            log.exception("%s %s broke the simulator", request.method, request.path)
            carrier.books.internal_errors += 1
            return flat_error(500)

    return middleware
