"""`/simulator/*`: the simulator's own pages. They need no credentials; it listens on loopback."""

from typing import Any

from aiohttp import web
from pydantic import ValidationError

from simulator.answers import answer
from simulator.carrier import Carrier
from simulator.rest.calling import read_json

DEFAULT_ROWS = 1_000
MOST_ROWS = 10_000


class ControlApi:
    """Knobs, faults and books."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def health(self, _: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def show_knobs(self, _: web.Request) -> web.Response:
        return answer(self._carrier.faults.knobs.model_dump())

    async def turn_knobs(self, request: web.Request) -> web.Response:
        changes = read_json(await request.read())
        if changes is None:
            return _bad("the body is not a JSON object")
        try:
            knobs = self._carrier.faults.turn(changes)
        except ValidationError as error:
            return _bad([_problem(item["loc"], item["msg"]) for item in error.errors()])
        return answer(knobs.model_dump())

    async def show_faults(self, _: web.Request) -> web.Response:
        return answer(dict(sorted(self._carrier.faults.counts.items())))

    async def list_calls(self, request: web.Request) -> web.Response:
        try:
            after = int(request.query.get("after", "0")[:15])
            limit = int(request.query.get("limit", str(DEFAULT_ROWS))[:15])
        except ValueError:
            return _bad("after and limit are whole numbers")
        limit = max(0, min(limit, MOST_ROWS))
        return answer({"calls": self._carrier.books.after(after, limit)})

    async def show_summary(self, _: web.Request) -> web.Response:
        return answer(self._carrier.books.summary())

    async def reset(self, _: web.Request) -> web.Response:
        self._carrier.reset()
        return answer({"status": "reset"})


def _problem(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location))}: {message}"


def _bad(problem: Any) -> web.Response:
    return answer({"error": problem}, status=422)
