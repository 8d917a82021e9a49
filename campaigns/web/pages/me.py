"""Me: the signed-in user's own name, clock, colours, password and sessions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import compliance, passwords, signing_in, users
from campaigns.access import Permission, Role
from campaigns.errors import Forbidden, InvalidInput, OutdialError, Unauthorized
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import (
    Viewer,
    ViewerDep,
    browser_zone,
    current_viewer,
    drop_session_cookie,
    is_secure,
    needs,
    session_token,
    set_session_cookie,
)
from campaigns.web.clients import throttle_of
from campaigns.web.dependencies import NowDep, SessionDep, SnapshotDep, SnapshotNowDep
from campaigns.web.pages.rendering import THEME_COOKIE, redirect, render
from campaigns.web.pages.sign_in import browser_of
from campaigns.web.pages.users import ROLES

router = APIRouter(prefix="/me", route_class=BoundedRoute)

THEMES = {"auto": "As this device is set", "light": "Light", "dark": "Dark"}
YEAR = 31536000  # seconds
Text = Annotated[str, Form(max_length=400)]
Password = Annotated[str, Form(max_length=1000)]


def _person(viewer: Annotated[Viewer, Depends(current_viewer, scope="function")]) -> int:
    """The id of who is signed in; an API key is nobody."""
    if viewer.actor.kind != "user" or viewer.actor.id is None:
        raise Forbidden("This page is for people who are signed in, not for API keys.")
    return viewer.actor.id


PersonDep = Annotated[int, Depends(_person, scope="function")]


@router.get("", dependencies=[needs(Permission.SEE)])
def show_me(
    request: Request, session: SnapshotDep, now: SnapshotNowDep, person: PersonDep
) -> HTMLResponse:
    """What the signed-in user may set for themselves."""
    return _page(request, session, person, now)


@router.post("", dependencies=[needs(Permission.SEE)])
def change_me(
    request: Request,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    person: PersonDep,
    name: Text = "",
    zone: Text = "",
    theme: Text = "auto",
) -> Response:
    """Another name, clock, or colours."""
    actor, wanted = viewer.actor, zone.strip() or None
    tried = {
        "name": _tried(session, lambda: users.set_own_name(session, actor, name, now)),
        "zone": _tried(session, lambda: users.set_own_zone(session, actor, wanted, now)),
    }
    problems = {field: problem for field, problem in tried.items() if problem}
    if problems:
        typed = {"name": name, "zone": zone}
        return _page(request, session, person, now, typed=typed, problems=problems)
    response = redirect(request, "/me", said="Your settings were saved.")
    if theme in ("light", "dark"):
        response.set_cookie(
            THEME_COOKIE, theme, max_age=YEAR, path="/", samesite="lax", secure=is_secure(request)
        )
    else:
        response.delete_cookie(THEME_COOKIE, path="/")
    return response


@router.get("/password", dependencies=[needs(Permission.SEE, before_new_password=True)])
def show_password(request: Request, viewer: ViewerDep, person: PersonDep) -> HTMLResponse:
    """The form for a new password."""
    return _password_form(request, viewer)


@router.post("/password", dependencies=[needs(Permission.SEE, before_new_password=True)])
def change_password(
    request: Request,
    viewer: ViewerDep,
    person: PersonDep,
    old: Password = "",
    new: Password = "",
    again: Password = "",
) -> Response:
    """A new password; whoever else is signed in as this user is not any more."""
    if new != again:
        return _password_form(request, viewer, again="The two new passwords are not the same.")
    state, throttle = request.app.state, throttle_of(request.app)
    try:
        token = signing_in.change_password(
            state.engine, throttle, viewer.actor, old, new, browser_of(request)
        )
    except Unauthorized as problem:
        return _password_form(request, viewer, old=str(problem))
    except InvalidInput as problem:
        return _password_form(request, viewer, new=str(problem))
    said = "Your password was changed. Every other browser is signed out."
    response = redirect(request, "/" if viewer.must_change_password else "/me", said=said)
    set_session_cookie(request, response, token)
    return response


@router.post("/sign-out-everywhere", dependencies=[needs(Permission.SEE)])
def sign_out_everywhere(
    request: Request, session: SessionDep, now: NowDep, viewer: ViewerDep, person: PersonDep
) -> Response:
    """End every session of this user, this one too."""
    users.sign_out_everywhere(session, person, viewer.actor, now)
    response = redirect(request, "/sign-in", said="You are signed out everywhere.")
    drop_session_cookie(response)
    return response


def _tried(session: Session, change: Callable[[], None]) -> str:
    """What kept a change from being made; empty when it was made."""
    try:
        with session.begin_nested():
            change()
    except OutdialError as problem:
        return str(problem)
    return ""


def _page(
    request: Request,
    session: Session,
    person: int,
    now: datetime,
    *,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> HTMLResponse:
    user = users.user_by_id(session, person)
    here = signing_in.digest(session_token(request) or "")
    found = browser_zone(request)
    return render(
        request,
        "me/me.html",
        status=422 if problems else 200,
        user=user,
        form={"name": user.name, "zone": user.zone or "", **(typed or {})},
        problems={"name": "", "zone": "", **(problems or {})},
        role=ROLES[Role(user.role)],
        sessions=[
            (one, one.token_sha256 == here) for one in signing_in.sessions_of(session, person, now)
        ],
        zones=compliance.zone_names(),
        browser_zone=found.key if found is not None else "UTC",
        themes=list(THEMES.items()),
    )


def _password_form(request: Request, viewer: Viewer, **problems: str) -> HTMLResponse:
    return render(
        request,
        "me/password.html",
        status=422 if problems else 200,
        must=viewer.must_change_password,
        least=passwords.LEAST,
        problems={"old": "", "new": "", "again": "", **problems},
    )
