"""Provider webhooks: stored raw in a commit of their own, then applied, then answered 2xx.

An event is found by the token we signed into its address, never by the provider's id alone, so
one that overtakes the answer to our own POST lands where it belongs.
"""

from fastapi import APIRouter, HTTPException, Request, Response

from campaigns import callbacks
from campaigns.calls import CallEvent
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, NotFound
from campaigns.providers import ADAPTERS
from campaigns.recording import apply_event
from campaigns.store.events import store_event
from campaigns.web.callbacks import Incoming, IncomingDep, check_signature

router = APIRouter(prefix="/hooks", include_in_schema=False)


@router.post("/{provider}/{token}")
def receive(request: Request, provider: str, token: str, message: IncomingDep) -> Response:
    """Take one notification: 404 wrong token, 401 wrong signature, 400 garbage, 413 too large."""
    if provider not in ADAPTERS:
        raise NotFound("There is nothing at this address.")
    state = request.app.state
    attempt_id = state.vault.attempt_of(token)
    with transaction(state.engine) as session:
        account_id = callbacks.account_of(session, attempt_id)
    carrier = state.carriers.of(account_id)
    check_signature(carrier, message)
    try:
        found = carrier.provider.parse_events(message.body, message.content_type)
    except InvalidInput as error:
        raise HTTPException(400, str(error)) from error
    for event in found:
        _take(request, attempt_id, event, message)
    return Response(status_code=204)


def _take(request: Request, attempt_id: int, event: CallEvent, message: Incoming) -> None:
    raw = message.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    engine = request.app.state.engine
    with transaction(engine) as session:
        event_id = store_event(session, attempt_id, event, raw, "webhook")
    if event_id is None:
        return  # the same notification again
    with transaction(engine) as session:
        follow = apply_event(session, event_id, database_now(session))
    request.app.state.hints.recall(follow.recall)
