"""`/api/voice/logs`: the look-ups a product may reconcile with.

Only the documented filters exist: none by number, none by status.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from aiohttp import web

from simulator.answers import ApiError, answer, flat_error, refuse
from simulator.calls import Call, Status
from simulator.carrier import Carrier
from simulator.clock import Instant, iso
from simulator.envelopes import spelled

DEFAULT_PAGE = 50
LARGEST_PAGE = 1_000
TOKEN_PREFIX = "PA"


class BadQuery(Exception):
    """A query parameter is wrong."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


class LogsApi:
    """List, find and list the events of voice logs."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def list_logs(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        try:
            query = Query(request)
        except BadQuery as bad:
            return refuse([bad.error])
        newest = query.newest if query.newest is not None else len(self._carrier.books.rows)
        start = query.page * query.size
        found = list(islice(self._visible(query, newest), start, start + query.size + 1))
        return answer(
            {
                "links": query.links(newest, more=len(found) > query.size),
                "data": [call.log(status) for call, status in found[: query.size]],
            }
        )

    async def find_log(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        call = self._carrier.calls.get(request.match_info["id"])
        status = self._visible_status(call) if call is not None else None
        if call is None or status is None:
            return flat_error(404)
        return answer(call.log(status))

    async def list_events(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        call = self._carrier.calls.get(request.match_info["id"])
        if call is None or self._visible_status(call) is None:
            return flat_error(404)
        horizon = self._horizon()
        seen = [pair for pair in call.moments.items() if pair[1].ticks <= horizon]
        return answer({"data": [self._event(call, status, moment) for status, moment in seen]})

    def _refusal(self, request: web.Request) -> web.Response | None:
        if not self._carrier.auth.allows(request.headers.get("Authorization")):
            return flat_error(401)
        return flat_error(500) if self._carrier.faults.strikes("log_error") else None

    def _horizon(self) -> float:
        """The logs lag: what happened after this moment is not in them yet."""
        return Instant.now().ticks - self._carrier.faults.knobs.log_lag

    def _visible_status(self, call: Call) -> Status | None:
        return None if call.hidden_from_logs else call.status_at(self._horizon())

    def _visible(self, query: "Query", newest: int) -> Iterator[tuple[Call, Status]]:
        """Calls and their statuses as the logs know them, newest first."""
        calls = self._carrier.calls
        for row in reversed(self._carrier.books.rows[:newest]):
            call = calls.get(row.call_id) if row.call_id else None
            if call is None or not query.wants(call.accepted.wall):
                continue
            if status := self._visible_status(call):
                yield call, status

    def _event(self, call: Call, status: Status, moment: Instant) -> dict[str, Any]:
        details: dict[str, Any] = {"call_state": status.value}
        if status is Status.ENDED and call.ending is not None:
            details["end_reason"] = spelled(call.ending.reason, self._carrier.faults.knobs)
        return {
            "event_at": iso(moment.wall),
            "level": "info",
            "name": "calling.call.state",
            "details": details,
            "project_id": call.project,
            "log_id": call.id,
        }


class Query:
    """The documented query of the list. Raises BadQuery for a value that cannot be read."""

    def __init__(self, request: web.Request) -> None:
        self._query = request.query
        self._base = f"{request.scheme}://{request.host}/api/voice/logs"
        self.page = self._whole("page_number", 0, 0, 1_000_000)
        self.size = self._whole("page_size", DEFAULT_PAGE, 1, LARGEST_PAGE)
        self.newest = self._newest()
        self._before = self._moment("created_before")
        self._after = self._moment("created_after")
        self._on = self._moment("created_on")
        if self.page > 0 and self.newest is None:
            raise BadQuery(
                ApiError("missing_required_parameter", "page_token is required.", "page_token")
            )

    def wants(self, created: datetime) -> bool:
        return (
            (self._before is None or created < self._before)
            and (self._after is None or created > self._after)
            and (self._on is None or self._on <= created < self._on + timedelta(days=1))
        )

    def links(self, newest: int, more: bool) -> dict[str, str]:
        """Pages hang on the newest row of the first one, so that new calls do not shift them."""
        links = {"self": self._link(self.page, newest), "first": self._link(0, None)}
        if more:
            links["next"] = self._link(self.page + 1, newest)
        if self.page > 0:
            links["prev"] = self._link(self.page - 1, newest)
        return links

    def _link(self, page: int, newest: int | None) -> str:
        filters = {
            name: value for name, value in self._query.items() if not name.startswith("page_")
        }
        pages = {"page_number": str(page), "page_size": str(self.size)}
        if page and newest is not None:
            pages["page_token"] = f"{TOKEN_PREFIX}{newest:012x}"
        parts = [f"{name}={value}" for name, value in {**filters, **pages}.items()]
        return f"{self._base}?{'&'.join(parts)}"

    def _whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self._query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or not least <= int(text[:12]) <= most:
            raise BadQuery(ApiError("invalid_parameter", f"{name} is out of range.", name))
        return int(text)

    def _newest(self) -> int | None:
        token = self._query.get("page_token")
        if token is None:
            return None
        try:
            return int(token.removeprefix(TOKEN_PREFIX)[:16], 16)
        except ValueError:
            error = ApiError("invalid_parameter", "page_token is not ours.", "page_token")
            raise BadQuery(error) from None

    def _moment(self, name: str) -> datetime | None:
        """A date, taken as its first moment in UTC, or a moment with an offset."""
        text = self._query.get(name)
        if text is None:
            return None
        try:
            if len(text) == len("2022-04-30"):
                return datetime.combine(date.fromisoformat(text), time(), UTC)
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise BadQuery(ApiError("invalid_parameter", f"{name} is no date.", name)) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
