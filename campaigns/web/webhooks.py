"""Provider webhooks: stored raw in a commit of their own, then applied, then answered 2xx.

An event is found by the token we signed into its address, never by the provider's id alone, so
one that overtakes the answer to our own POST lands where it belongs.
"""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from campaigns import callbacks, restoring
from campaigns.calls import CallEvent
from campaigns.crash_points import crash_point
from campaigns.db import transaction
from campaigns.errors import InvalidInput, NotFound
from campaigns.providers import PARSERS
from campaigns.recording import apply_event
from campaigns.store.events import store_event
from campaigns.web.callbacks import Callback, callback_route


def receive(callback: Callback) -> Response:
    """Take one notification: 404 wrong token, 401 wrong signature, 400 garbage, 413 too large."""
    parse = PARSERS.get(callback.path["provider"])
    if parse is None:
        raise NotFound("There is nothing at this address.")
    attempt_id = callback.attempt_id()
    if callback.signed:
        with transaction(callback.engine) as session:
            account_id = callbacks.account_of(session, attempt_id)
        callback.check_signature(account_id)
    try:
        found = parse(callback.body, callback.content_type)
    except InvalidInput as error:
        raise HTTPException(400, str(error)) from error
    for event in found:
        take_event(callback, attempt_id, event, "webhook")
    return Response(status_code=204)


def take_event(callback: Callback, attempt_id: int, event: CallEvent, source: str) -> None:
    """Store one event, then apply it; the same event again does nothing."""
    stored = _store(callback, attempt_id, event, source)
    if stored is None:
        return
    crash_point("event_stored")
    event_id, now = stored
    with transaction(callback.engine) as session:
        follow = apply_event(session, event_id, now)
    crash_point("event_applied")
    callback.state.hints.recall(follow.recall)


def _store(
    callback: Callback, attempt_id: int, event: CallEvent, source: str
) -> tuple[int, datetime] | None:
    """A single statement in autocommit: the raw event is safe before anything is made of it."""
    raw = callback.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        with Session(callback.state.autocommit) as session:
            return store_event(session, attempt_id, event, raw, source)
    except IntegrityError as error:
        # A token of ours for an attempt that this database never had: a restored backup.
        with transaction(callback.engine) as session:
            restoring.note_lost_attempt(session, attempt_id)
        raise NotFound("There is nothing at this address.") from error


routes = [callback_route("/hooks/{provider}/{token}", receive)]
