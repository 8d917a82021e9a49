"""Call-flow documents and keypresses, fetched and sent by the provider during a call."""

import json
import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from campaigns import callbacks
from campaigns.crash_points import crash_point
from campaigns.db import database_now, transaction
from campaigns.links import AudioLinks, Links
from campaigns.store import callflows
from campaigns.store.callflows import Conversation
from campaigns.web.callbacks import Callback, callback_route
from campaigns.web.webhooks import take_event

log = logging.getLogger(__name__)


def opening(callback: Callback) -> Response:
    """The document a call starts with."""
    attempt_id, talk = _conversation(callback)
    if talk.provider_call_id is None:
        _adopt_call(callback, attempt_id)
    if not callbacks.is_void(talk):
        _note_served(callback, attempt_id)
    links = Links(callback.state.public_url, talk.provider, callback.path["token"])
    return JSONResponse(callbacks.opening_document(talk, links, _audio_links(callback)))


def key_pressed(callback: Callback) -> Response:
    """Store a keypress; answered 2xx only after the commit."""
    attempt_id, talk = _conversation(callback)
    return JSONResponse({"recorded": _record(callback, attempt_id, talk)})


def reply(callback: Callback) -> Response:
    """What is said to a stored keypress; one that is not stored yet is stored first."""
    attempt_id, talk = _conversation(callback)
    _record(callback, attempt_id, talk)
    digit = callback.path["digit"]
    return JSONResponse(callbacks.reply_document(talk, digit, _audio_links(callback)))


def _audio_links(callback: Callback) -> AudioLinks:
    return AudioLinks(callback.state.public_url, callback.state.vault)


def _conversation(callback: Callback) -> tuple[int, Conversation]:
    """The attempt behind the token, after the signature was checked where there is one."""
    attempt_id = callback.attempt_id()
    with Session(callback.state.autocommit) as session:
        talk = callbacks.conversation(session, attempt_id)
    callback.check_signature(talk.account_id)
    return attempt_id, talk


def _record(callback: Callback, attempt_id: int, talk: Conversation) -> str:
    digit = callback.path["digit"]
    with transaction(callback.engine) as session:
        recorded = callbacks.record_key(session, attempt_id, talk, digit, database_now(session))
    crash_point("keypress_stored")
    callback.state.hints.recall(recorded.recall)
    return recorded.meaning.value


def _adopt_call(callback: Callback, attempt_id: int) -> None:
    """A fetch for an attempt whose call id we never learnt: now we know the call and its id.

    Whatever keeps that from being noted at this instant, the callee must hear something.
    """
    call_id = _call_id(callback.body)
    if call_id is None:
        return
    try:
        take_event(callback, attempt_id, callbacks.fetch_event(call_id), "fetch")
    except SQLAlchemyError as error:
        log.warning("attempt %d: its call is not noted: %s", attempt_id, type(error).__name__)


def _note_served(callback: Callback, attempt_id: int) -> None:
    """Somebody hears something now. If that cannot be noted they shall hear it all the same: the
    call counts as abandoned then, which lets nobody be called sooner."""
    try:
        with transaction(callback.engine) as session:
            callflows.wait_briefly(session)
            callflows.note_served(session, attempt_id)
    except SQLAlchemyError as error:
        log.warning("attempt %d: nobody noted it: %s", attempt_id, type(error).__name__)


def _call_id(body: bytes) -> str | None:
    try:
        parsed: Any = json.loads(body)
        call_id = parsed["call"]["call_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(call_id, str) or not call_id.isprintable():
        return None
    return call_id[:200] or None


routes = [
    callback_route("/flows/{token}", opening, ("GET", "POST")),
    callback_route("/flows/{token}/keys/{digit}", key_pressed),
    callback_route("/flows/{token}/said/{digit}", reply, ("GET", "POST")),
]
