"""What the endpoints share: ids, pages, problems, bodies of a bounded size."""

import re
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import HTTPException, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field
from starlette.types import Message, Receive, Scope, Send

from campaigns.instants import GivenInstant
from campaigns.web.once import keeping_the_answer

MOST_BODY_BYTES = 1024 * 1024
LARGEST_ID = 2**63 - 1

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many, at most.")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="`next` of the page before.")]

T = TypeVar("T")


def _written_out(value: object) -> object:
    """Bare numbers are refused: whoever sends one may mean seconds, milliseconds or a year."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("write an instant as 2026-11-23T14:00:00Z")


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
Instant = Annotated[GivenInstant, BeforeValidator(_written_out)]

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such thing."}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"description": "The present state forbids it; the answer says what is possible."}
}


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What happened, what was kept, what to do.",
        examples=["There is no campaign 12."],
    )


class Page(BaseModel, Generic[T]):
    """A page of a list. Ask again with `next` to go on; null means that this was the last one."""

    items: list[T]
    next: int | str | None = None


class OnceRoute(APIRoute):
    """Lets a request with an `Idempotency-Key` have its effect once."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, remembering the answer when the request claimed a key.

        Here and not around the handler: the transaction commits between the two.
        """
        await super().handle(scope, receive, keeping_the_answer(scope, send))


class BoundedRoute(OnceRoute):
    """Reads bodies of at most 1 MB: they are held in memory, and before the key is looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, reading through a counter."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handle(Request(request.scope, _bounded(request.receive)))

        return bounded


def _bounded(receive: Receive) -> Receive:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST_BODY_BYTES:
            raise HTTPException(413, "The body is larger than 1 MB. Nothing was changed.")
        return message

    return counted
