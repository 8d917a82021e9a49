"""Bodies of a bounded size: what is held in memory must not be as large as somebody likes.

Every request may carry 1 MB. Who takes a file lifts that bound, and bounds the file itself while
it streams to disk.
"""

from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1024 * 1024
_BOUND = "outdial.body"


class _Bound:
    """How much of one request's body may come, in bytes; None: its reader counts for itself."""

    most: int | None = MOST_BYTES


class BoundedBodies:
    """Ends with 413 the reading of a body that is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body as it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = scope[_BOUND] = _Bound()
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if bound.most is not None and read > bound.most:
                raise HTTPException(413, "The body is larger than 1 MB. Nothing was changed.")
            return message

        await self._app(scope, counted, send)


def lift_bound(scope: MutableMapping[str, Any]) -> None:
    """Let a body of any size come: the caller counts it."""
    bound = scope.get(_BOUND)
    if bound is not None:
        bound.most = None
