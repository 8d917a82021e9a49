"""Users: who may sign in, and what they are trusted with."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from campaigns import signing_in, users
from campaigns.access import Permission, Role
from campaigns.errors import OutdialError
from campaigns.users import GivenPassword
from campaigns.web.api.shapes import BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SnapshotDep, SnapshotNowDep
from campaigns.web.pages.rendering import redirect, render

router = APIRouter(prefix="/users", route_class=BoundedRoute)

ADMINISTER = [needs(Permission.ADMINISTER)]
ROLES = {
    Role.VIEWER: ("Viewer", "Watches. Sees no telephone number in full."),
    Role.OPERATOR: ("Operator", "Runs campaigns, looks people up, exports."),
    Role.ADMIN: ("Administrator", "Also accounts, users, API keys, webhooks and the audit log."),
}
Text = Annotated[str, Form(max_length=400)]


@router.get("", dependencies=ADMINISTER)
def show_list(request: Request, session: SnapshotDep, now: SnapshotNowDep) -> HTMLResponse:
    """Every user."""
    found = users.list_users(session, now)
    return render(request, "users/list.html", rows=found, roles=ROLES)


@router.get("/new", dependencies=ADMINISTER)
def show_new(request: Request) -> HTMLResponse:
    """The form for one more."""
    return _new_form(request, {"login": "", "name": "", "role": Role.OPERATOR.value})


@router.post("/new", dependencies=ADMINISTER)
def add(
    request: Request,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    login: Text = "",
    name: Text = "",
    role: Text = "",
) -> HTMLResponse:
    """Let somebody in and show their first password, this once."""
    try:
        with session.begin_nested():
            made = users.add_user(session, login, name or login, role, viewer.actor, now)
    except OutdialError as problem:
        form = {"login": login, "name": name, "role": role}
        return _new_form(request, form, problem=problem)
    return _password(request, made, fresh=True)


@router.get("/{user_id}", dependencies=ADMINISTER)
def show_one(
    request: Request, user_id: Id, session: SnapshotDep, now: SnapshotNowDep
) -> HTMLResponse:
    """One user, to be changed."""
    user = users.user_by_id(session, user_id)
    return render(
        request,
        "users/one.html",
        user=user,
        sessions=signing_in.sessions_of(session, user_id, now),
        roles=ROLES,
        problem="",
    )


@router.post("/{user_id}", dependencies=ADMINISTER)
def change(
    request: Request,
    user_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    name: Text = "",
    role: Text = "",
) -> Response:
    """Another name or role."""
    try:
        with session.begin_nested():
            users.change_user(session, user_id, viewer.actor, now, name=name, role=role)
    except OutdialError as problem:
        return render(
            request,
            "users/one.html",
            status=problem.status_code,
            user=users.user_by_id(session, user_id),
            sessions=signing_in.sessions_of(session, user_id, now),
            roles=ROLES,
            problem=str(problem),
        )
    return redirect(request, f"/users/{user_id}", said="The user was changed.")


@router.post("/{user_id}/off", dependencies=ADMINISTER)
def switch_off(
    request: Request, user_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Let them in no more."""
    user = users.change_user(session, user_id, viewer.actor, now, active=False)
    said = f"{user.name} is signed out everywhere and cannot sign in any more."
    return redirect(request, "/users", said=said)


@router.post("/{user_id}/on", dependencies=ADMINISTER)
def switch_on(
    request: Request, user_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Let them in again."""
    user = users.change_user(session, user_id, viewer.actor, now, active=True)
    said = f"{user.name} can sign in again, with the password they had."
    return redirect(request, f"/users/{user_id}", said=said)


@router.post("/{user_id}/password", dependencies=ADMINISTER)
def reset_password(
    request: Request, user_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> HTMLResponse:
    """A new password, shown this once."""
    made = users.reset_password(session, user_id, viewer.actor, now)
    return _password(request, made, fresh=False)


@router.post("/{user_id}/sign-out", dependencies=ADMINISTER)
def sign_out(
    request: Request, user_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """End their sessions."""
    users.sign_out_everywhere(session, user_id, viewer.actor, now)
    return redirect(request, f"/users/{user_id}", said="All sessions of this user are over.")


def _new_form(
    request: Request, form: dict[str, Any], *, problem: OutdialError | None = None
) -> HTMLResponse:
    status = problem.status_code if problem is not None else 200
    told = str(problem) if problem is not None else ""
    return render(request, "users/new.html", status=status, form=form, roles=ROLES, problem=told)


def _password(request: Request, made: GivenPassword, *, fresh: bool) -> HTMLResponse:
    return render(
        request, "users/password.html", user=made.user, password=made.password, fresh=fresh
    )
