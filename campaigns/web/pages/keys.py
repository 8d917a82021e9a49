"""API keys: what programs show instead of a password."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from campaigns import api_keys
from campaigns.access import Permission, Role
from campaigns.errors import OutdialError
from campaigns.web.api.shapes import BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SnapshotDep, SnapshotNowDep
from campaigns.web.pages.rendering import redirect, render
from campaigns.web.pages.users import ROLES

router = APIRouter(prefix="/keys", route_class=BoundedRoute)

ADMINISTER = [needs(Permission.ADMINISTER)]
LASTING = {"30": "30 days", "90": "90 days", "365": "One year", "": "For ever, until revoked"}
TONES = {"active": "active", "expired": "expired", "revoked": "off"}
Text = Annotated[str, Form(max_length=400)]


@router.get("", dependencies=ADMINISTER)
def show_list(request: Request, session: SnapshotDep, now: SnapshotNowDep) -> HTMLResponse:
    """Every key there ever was."""
    found = [(row, api_keys.state_of(row, now)) for row in api_keys.list_keys(session)]
    return render(request, "keys/list.html", rows=found, tones=TONES, roles=ROLES)


@router.get("/new", dependencies=ADMINISTER)
def show_new(request: Request) -> HTMLResponse:
    """The form for one more."""
    return _form(request, name="", role=Role.OPERATOR.value, days="365")


@router.post("/new", dependencies=ADMINISTER)
def create(
    request: Request,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    name: Text = "",
    role: Text = "",
    days: Text = "",
) -> HTMLResponse:
    """Make a key and show it, this once."""
    lasts = days if days in LASTING else "30"
    ends = now + timedelta(days=int(lasts)) if lasts else None
    try:
        made = api_keys.create_key(session, name, role=role, expires_at=ends, actor=viewer.actor)
    except OutdialError as problem:
        return _form(request, name=name, role=role, days=lasts, problem=problem)
    return render(request, "keys/created.html", row=made.row, token=made.token)


@router.post("/{key_id}/revoke", dependencies=ADMINISTER)
def revoke(
    request: Request, key_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Let a key open nothing any more."""
    row = api_keys.revoke_key(session, key_id, now, actor=viewer.actor)
    return redirect(request, "/keys", said=f"The key {row.name} opens nothing any more.")


def _form(
    request: Request, *, name: str, role: str, days: str, problem: OutdialError | None = None
) -> HTMLResponse:
    return render(
        request,
        "keys/new.html",
        status=problem.status_code if problem is not None else 200,
        form={"name": name, "role": role, "days": days},
        roles=ROLES,
        lasting=list(LASTING.items()),
        problem=str(problem) if problem is not None else "",
    )
