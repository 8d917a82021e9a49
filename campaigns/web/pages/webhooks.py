"""Webhooks: who is told what happens, what was sent to them, and whether it arrived."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from campaigns.access import Permission
from campaigns.errors import InvalidInput, OutdialError
from campaigns.models import WebhookEndpoint
from campaigns.notifying import endpoints
from campaigns.notifying.addresses import AddressRefused
from campaigns.notifying.backoff import WAITS
from campaigns.notifying.events import EVENT_TYPES, VERSION, message_id
from campaigns.web.api.shapes import LARGEST_ID, BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SettingsDep, SnapshotDep
from campaigns.web.pages.rendering import redirect, render

router = APIRouter(prefix="/webhooks", route_class=BoundedRoute)

ADMINISTER = [needs(Permission.ADMINISTER)]
PAGE = 50
GROUPS = {
    "attempt": "Calls",
    "recipient": "People",
    "campaign": "Campaigns",
    "account": "Accounts",
    "caller_id": "Caller ids",
}
STATES = {
    "": "All",
    "waiting": "Waiting",
    "sending": "Being sent",
    "delivered": "Delivered",
    "given_up": "Given up",
}
# How a state is coloured, by a status that people know from elsewhere.
TONES = {"waiting": "waiting", "sending": "in_flight", "delivered": "done", "given_up": "failed"}
ENDPOINT_TONES = {"active": "active", "paused": "paused", "disabled": "failed"}


@router.get("", dependencies=ADMINISTER)
def show_list(request: Request, session: SnapshotDep, config: SettingsDep) -> HTMLResponse:
    """Every webhook, and who is told by mail."""
    return render(
        request,
        "webhooks/list.html",
        rows=endpoints.list_endpoints(session),
        tones=ENDPOINT_TONES,
        types=len(EVENT_TYPES),
        mail_to=config.mail_to if config.smtp_url is not None else [],
    )


@router.get("/new", dependencies=ADMINISTER)
def show_new(request: Request) -> HTMLResponse:
    """The form for one more."""
    return _form(request, {"url": "", "description": "", "event_types": list(EVENT_TYPES)})


@router.post("/new", dependencies=ADMINISTER)
def create(
    request: Request,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    url: Annotated[str, Form(max_length=4000)] = "",
    description: Annotated[str, Form(max_length=4000)] = "",
    event_types: Annotated[list[str] | None, Form()] = None,
) -> HTMLResponse:
    """Add it and show its secret, this once."""
    form = {"url": url, "description": description, "event_types": event_types or []}
    try:
        _check_some(event_types)
        made = endpoints.create_endpoint(
            session,
            request.app.state.vault,
            url,
            event_types or [],
            viewer.actor,
            now,
            description=description,
            allow_private=config.webhook_allow_private,
        )
    except OutdialError as problem:
        return _form(request, form, problem=problem)
    return _secret(request, made.row, made.secret, fresh=True)


@router.get("/{webhook_id}", dependencies=ADMINISTER)
def show_one(
    request: Request,
    webhook_id: Id,
    session: SnapshotDep,
    status: str = "",
    before: str = "",
) -> HTMLResponse:
    """One webhook and what was sent to it."""
    wanted = status if status in STATES else ""
    older = int(before[:19]) if before.isascii() and before.isdigit() else None
    rows = endpoints.list_deliveries(
        session,
        webhook_id,
        status=wanted or None,
        before=older if older is not None and 0 < older <= LARGEST_ID else None,
        limit=PAGE,
    )
    more = f"/webhooks/{webhook_id}?status={wanted}&before={rows[-1].id}" if rows else ""
    return render(
        request,
        "webhooks/one.html",
        webhook=endpoints.endpoint_by_id(session, webhook_id),
        rows=rows,
        older=more if len(rows) == PAGE else "",
        state=wanted,
        first_page=older is None,
        states=STATES,
        tones=TONES,
        endpoint_tones=ENDPOINT_TONES,
        types=len(EVENT_TYPES),
    )


@router.get("/{webhook_id}/edit", dependencies=ADMINISTER)
def show_edit(request: Request, webhook_id: Id, session: SnapshotDep) -> HTMLResponse:
    """The form with what holds now."""
    row = endpoints.endpoint_by_id(session, webhook_id)
    return _form(request, endpoints.described(row), webhook_id=webhook_id)


@router.post("/{webhook_id}/edit", dependencies=ADMINISTER)
def edit(
    request: Request,
    webhook_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    url: Annotated[str, Form(max_length=4000)] = "",
    description: Annotated[str, Form(max_length=4000)] = "",
    event_types: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Change its address, its types or its description."""
    form = {"url": url, "description": description, "event_types": event_types or []}
    try:
        _check_some(event_types)
        endpoints.update_endpoint(
            session,
            webhook_id,
            viewer.actor,
            now,
            url=url,
            event_types=event_types,
            description=description,
            allow_private=config.webhook_allow_private,
        )
    except InvalidInput as problem:
        return _form(request, form, webhook_id=webhook_id, problem=problem)
    return redirect(request, f"/webhooks/{webhook_id}", said="The webhook was changed.")


@router.post("/{webhook_id}/pause", dependencies=ADMINISTER)
def pause(
    request: Request, webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Send nothing for a while."""
    endpoints.pause_endpoint(session, webhook_id, viewer.actor, now)
    return redirect(request, f"/webhooks/{webhook_id}", said="Nothing is sent until you resume it.")


@router.post("/{webhook_id}/resume", dependencies=ADMINISTER)
def resume(
    request: Request, webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Tell it again."""
    endpoints.resume_endpoint(session, webhook_id, viewer.actor, now)
    said = "It is told again, beginning with what waits."
    return redirect(request, f"/webhooks/{webhook_id}", said=said)


@router.post("/{webhook_id}/remove", dependencies=ADMINISTER)
def remove(
    request: Request, webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Tell it nothing more."""
    row = endpoints.remove_endpoint(session, webhook_id, viewer.actor, now)
    return redirect(request, "/webhooks", said=f"{row.url} is told nothing more.")


@router.post("/{webhook_id}/secret", dependencies=ADMINISTER)
def new_secret(
    request: Request, webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> HTMLResponse:
    """A new secret, shown this once."""
    vault = request.app.state.vault
    secret = endpoints.rotate_secret(session, vault, webhook_id, viewer.actor, now)
    return _secret(request, endpoints.endpoint_by_id(session, webhook_id), secret, fresh=False)


@router.post("/{webhook_id}/test", dependencies=ADMINISTER)
def test(request: Request, webhook_id: Id, session: SessionDep) -> Response:
    """Send it a test, and look at what comes of it."""
    delivery_id = endpoints.send_test(session, webhook_id)
    return redirect(request, f"/webhooks/{webhook_id}/deliveries/{delivery_id}")


@router.post("/{webhook_id}/replay", dependencies=ADMINISTER)
def replay_failed(
    request: Request, webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Send again everything that failed and is still kept."""
    row = endpoints.endpoint_by_id(session, webhook_id)
    again = endpoints.replay_failed_since(session, webhook_id, row.created_at, viewer.actor, now)
    said = f"Sent again: {again:,}." if again else "Nothing has failed."
    return redirect(request, f"/webhooks/{webhook_id}", said=said)


@router.get("/{webhook_id}/deliveries/{delivery_id}", dependencies=ADMINISTER)
def show_delivery(
    request: Request, webhook_id: Id, delivery_id: Id, session: SnapshotDep
) -> HTMLResponse:
    """What was sent, and what came back."""
    row = endpoints.delivery_of(session, webhook_id, delivery_id)
    sent = {"type": row.type, "version": VERSION, "timestamp": row.at.isoformat(), "data": row.data}
    return render(
        request,
        "webhooks/delivery.html",
        webhook=endpoints.endpoint_by_id(session, webhook_id),
        row=row,
        message_id=message_id(row.key),
        sent=json.dumps(sent, ensure_ascii=False, indent=2),
        most_tries=len(WAITS) + 1,
        states=STATES,
        tones=TONES,
    )


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", dependencies=ADMINISTER)
def replay_one(
    request: Request,
    webhook_id: Id,
    delivery_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Send it again under the same id."""
    endpoints.replay_one(session, webhook_id, delivery_id, viewer.actor, now)
    return redirect(request, f"/webhooks/{webhook_id}/deliveries/{delivery_id}")


def _check_some(event_types: list[str] | None) -> None:
    """None at all would mean every type, which is not what an empty form says."""
    if not event_types:
        raise InvalidInput("Choose at least one event.")


def _form(
    request: Request,
    form: dict[str, Any],
    *,
    webhook_id: int | None = None,
    problem: OutdialError | None = None,
) -> HTMLResponse:
    """The form to add or change one; a problem stands next to what it is about."""
    errors = {"url": "", "form": ""}
    if problem is not None:
        errors["url" if isinstance(problem, AddressRefused) else "form"] = str(problem)
    return render(
        request,
        "webhooks/form.html",
        status=422 if problem is not None else 200,
        form=form,
        webhook_id=webhook_id,
        errors=errors,
        groups=_grouped(),
    )


def _grouped() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (name, [(kind, text) for kind, text in EVENT_TYPES.items() if kind.startswith(f"{noun}.")])
        for noun, name in GROUPS.items()
    ]


def _secret(request: Request, row: WebhookEndpoint, secret: str, *, fresh: bool) -> HTMLResponse:
    """Shown in the answer itself: no address, no cookie and no log ever has it."""
    return render(request, "webhooks/secret.html", webhook=row, secret=secret, fresh=fresh)
