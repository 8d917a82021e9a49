"""Answers in the shapes of SignalWire's REST API (its documents: status codes, error codes)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

FLAT_ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
    500: "Internal Server Error",
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """One entry of a 422's `errors`. `attribute` names the parameter at fault, if one is."""

    code: str
    message: str
    attribute: str | None = None
    type: str = "validation_error"

    def body(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "attribute": self.attribute,
            "url": f"https://developer.signalwire.com/rest/overview/error-codes/#{self.code}",
        }


def dumps(value: Any) -> bytes:
    """Compact JSON in ASCII: lone surrogates from a hostile request cannot break the encoding."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=dumps(value), status=status, content_type="application/json", headers=headers
    )


def refuse(
    errors: Iterable[ApiError], status: int = 422, headers: Mapping[str, str] | None = None
) -> web.Response:
    return answer({"errors": [error.body() for error in errors]}, status, headers)


def flat_error(status: int) -> web.Response:
    """The bodies of 400, 401, 403, 404 and 500 are one string under `error`."""
    return answer({"error": FLAT_ERRORS[status]}, status)
