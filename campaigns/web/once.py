"""The `Idempotency-Key` of a POST: claimed before the endpoint runs, answered from memory later."""

import hashlib
import logging
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy import exc
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from campaigns import idempotency
from campaigns.db import database_now, transaction
from campaigns.idempotency import LONGEST_KEY, Claim, KeptAnswer
from campaigns.store import requests
from campaigns.web.auth import session_token

log = logging.getLogger(__name__)

REPLAYED = "Idempotency-Replayed"


class AnsweredBefore(Exception):
    """The same request was carried out before; `response` is how it was answered."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__("answered before")
        self.response = Response(
            kept.body, kept.status, {REPLAYED: "true"}, media_type=kept.media_type
        )


async def _body(request: Request) -> bytes:
    """The body of a JSON request, which is in memory anyway; a file on its way in is left alone."""
    kind = request.headers.get("content-type", "application/json")
    return await request.body() if kind.startswith("application/json") else b""


def claim_once(
    request: Request,
    body: Annotated[bytes, Depends(_body)],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=LONGEST_KEY,
            pattern=r"^[\x21-\x7e]+$",
            description="Send a POST again with the same key, and it has its effect once.",
        ),
    ] = None,
) -> Claim | None:
    """The claim of a POST with an `Idempotency-Key`; raises `AnsweredBefore` for a repetition.

    Pages know of no such key: their answers may show a secret, this once.
    """
    api = request.url.path.startswith("/api/")
    if request.method != "POST" or idempotency_key is None or not api:
        return None
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    fingerprint = hashlib.sha256(asked + body).digest()
    with transaction(request.app.state.engine) as session:
        found = idempotency.claim(
            session, _sender(request), idempotency_key, fingerprint, database_now(session)
        )
    if isinstance(found, KeptAnswer):
        raise AnsweredBefore(found)
    request.state.claim = found
    return found


def _sender(request: Request) -> bytes:
    """Whoever sent this: the key they showed, or else their browser's session, and no other."""
    shown = request.headers.get("authorization")
    who = f"session {session_token(request) or ''}" if shown is None else shown
    return hashlib.sha256(who.encode("utf-8", "surrogateescape")).digest()


def keep_no_answer(request: Request) -> None:
    """A dependency of routes that answer with a secret, which must not lie about in plain text.

    Sent again, such a request is told that it was carried out.
    """
    request.state.keep_no_answer = True


OnceDep = Annotated[Claim | None, Depends(claim_once, scope="function")]


def keeping_the_answer(scope: Scope, send: Send) -> Send:
    """`send`, keeping the answer of a request that claimed a key, or giving the key back."""
    request = Request(scope)
    if "idempotency-key" not in request.headers:
        return send
    head: Message = {}
    body = bytearray()

    async def kept(message: Message) -> None:
        nonlocal head
        if message["type"] == "http.response.start":
            head = message
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await run_in_threadpool(_settle, request, head, bytes(body))
        await send(message)

    return kept


def _settle(request: Request, head: Message, body: bytes) -> None:
    mine: Claim | None = getattr(request.state, "claim", None)
    if mine is None:
        return
    status = int(head["status"])
    media_type = Headers(raw=head["headers"]).get("content-type")
    try:
        with transaction(request.app.state.engine) as session:
            if status < 400:
                if getattr(request.state, "keep_no_answer", False):
                    return
                requests.keep_answer(session, mine.request_id, status, media_type, body)
            else:
                requests.forget_request(session, mine.request_id, mine.claimed_at)
    except exc.SQLAlchemyError as error:
        # What was asked for is done, and whoever asked shall hear it; only a repetition will not.
        log.warning("an answer could not be kept: %s", type(error).__name__)


async def answer_as_before(_request: Request, known: Exception) -> Response:
    """The handler of `AnsweredBefore`."""
    assert isinstance(known, AnsweredBefore)
    return known.response
