"""Call-flow documents and keypresses, fetched and sent by the provider during a call."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from campaigns import callbacks
from campaigns.db import database_now, transaction
from campaigns.links import Links
from campaigns.recording import apply_event
from campaigns.store.events import store_event
from campaigns.web.callbacks import Incoming, IncomingDep, check_signature

router = APIRouter(prefix="/flows", include_in_schema=False)


@router.api_route("/{token}", methods=["GET", "POST"])
def opening(request: Request, token: str, message: IncomingDep) -> JSONResponse:
    """The document a call starts with."""
    attempt_id = _checked(request, token, message)
    state = request.app.state
    with transaction(state.engine) as session:
        talk = callbacks.conversation(session, attempt_id)
    if talk.provider_call_id is None:
        _adopt_call(request, attempt_id, message)
    links = Links(state.public_url, "signalwire", token)
    return JSONResponse(callbacks.opening_document(talk, links))


@router.post("/{token}/keys/{digit}")
def key_pressed(request: Request, token: str, digit: str, message: IncomingDep) -> JSONResponse:
    """Store a keypress; answered 2xx only after the commit."""
    attempt_id = _checked(request, token, message)
    meaning = _record(request, attempt_id, digit)
    return JSONResponse({"recorded": meaning})


@router.api_route("/{token}/said/{digit}", methods=["GET", "POST"])
def reply(request: Request, token: str, digit: str, message: IncomingDep) -> JSONResponse:
    """What is said to a stored keypress; one that is not stored yet is stored first."""
    attempt_id = _checked(request, token, message)
    _record(request, attempt_id, digit)
    with transaction(request.app.state.engine) as session:
        talk = callbacks.conversation(session, attempt_id)
    return JSONResponse(callbacks.reply_document(talk, digit))


def _checked(request: Request, token: str, message: Incoming) -> int:
    """The attempt behind the token, after the signature was checked where there is one."""
    state = request.app.state
    attempt_id: int = state.vault.attempt_of(token)
    with transaction(state.engine) as session:
        account_id = callbacks.account_of(session, attempt_id)
    check_signature(state.carriers.of(account_id), message)
    return attempt_id


def _record(request: Request, attempt_id: int, digit: str) -> str:
    with transaction(request.app.state.engine) as session:
        talk = callbacks.conversation(session, attempt_id)
        recorded = callbacks.record_key(session, attempt_id, talk, digit, database_now(session))
    request.app.state.hints.recall(recorded.recall)
    return recorded.meaning.value


def _adopt_call(request: Request, attempt_id: int, message: Incoming) -> None:
    """A fetch for an attempt whose call id we never learnt: now we know the call and its id."""
    call_id = _call_id(message.body)
    if call_id is None:
        return
    engine = request.app.state.engine
    with transaction(engine) as session:
        event = callbacks.fetch_event(call_id)
        event_id = store_event(session, attempt_id, event, "", "fetch")
    if event_id is not None:
        with transaction(engine) as session:
            follow = apply_event(session, event_id, database_now(session))
        request.app.state.hints.recall(follow.recall)


def _call_id(body: bytes) -> str | None:
    try:
        parsed: Any = json.loads(body)
        call_id = parsed["call"]["call_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return call_id[:200] if isinstance(call_id, str) and call_id else None
