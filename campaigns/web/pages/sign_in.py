"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from campaigns import signing_in
from campaigns.access import Permission
from campaigns.errors import TooManyRequests, Unauthorized
from campaigns.signing_in import Browser
from campaigns.web.auth import (
    FORM_FIELD,
    check_form,
    drop_session_cookie,
    is_secure,
    needs,
    public,
    session_token,
    set_session_cookie,
)
from campaigns.web.clients import client_address, throttle_of
from campaigns.web.dependencies import SessionDep
from campaigns.web.pages.rendering import redirect, render

router = APIRouter()
# Before there is a session, this cookie is what a form's token is bound to.
VISITOR_COOKIE = "outdial_visitor"
# Names a browser by which somebody has signed in: wrong passwords of strangers do not count for it.
BROWSER_COOKIE = "outdial_browser"
BROWSER_SECONDS = 180 * 86400


@router.get("/sign-in", dependencies=[public])
def show_sign_in(request: Request, next: str = "/") -> HTMLResponse:
    """The form, with a token of its own: nobody can sign a visitor in as somebody else."""
    return _form(request, login="", next_page=next)


@router.post("/sign-in", dependencies=[public])
def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    csrf: Annotated[str, Form(alias=FORM_FIELD)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Begin a session and go where the visitor wanted to go."""
    visitor = request.cookies.get(VISITOR_COOKIE, "")
    check_form(request, _token(request, visitor) if visitor else "", csrf)
    state = request.app.state
    try:
        token = signing_in.sign_in(
            state.engine, throttle_of(request.app), login, password, browser_of(request, login)
        )
    except (Unauthorized, TooManyRequests) as refusal:
        return _refused(request, login, next, refusal)
    response = redirect(request, _own_page(next))
    set_session_cookie(request, response, token)
    _name_browser(request, response, login)
    response.delete_cookie(VISITOR_COOKIE, path="/")
    return response


@router.post("/sign-out", dependencies=[needs(Permission.SEE, before_new_password=True)])
def sign_out(request: Request, session: SessionDep) -> Response:
    """End this browser's session."""
    signing_in.sign_out(session, session_token(request) or "")
    response = redirect(request, "/sign-in", said="You are signed out.")
    drop_session_cookie(response)
    return response


def browser_of(request: Request, login: str = "") -> Browser:
    """Who knocks, for signing in as `login` and changing passwords."""
    sealed = request.cookies.get(BROWSER_COOKIE, "")
    plain = signing_in.plain_login(login)
    return Browser(
        client_address(request),
        request.headers.get("user-agent"),
        session_token(request),
        request.app.state.vault.open_browser(sealed, plain, BROWSER_SECONDS) if sealed else None,
    )


def _name_browser(request: Request, response: Response, login: str) -> None:
    sealed = request.app.state.vault.seal_browser(
        signing_in.new_visitor(), signing_in.plain_login(login)
    )
    response.set_cookie(
        BROWSER_COOKIE,
        sealed,
        max_age=BROWSER_SECONDS,
        path="/sign-in",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


def _refused(
    request: Request, login: str, next_page: str, refusal: Unauthorized | TooManyRequests
) -> HTMLResponse:
    status = refusal.status_code
    response = _form(request, login=login, next_page=next_page, problem=str(refusal), status=status)
    if isinstance(refusal, TooManyRequests):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _form(
    request: Request, *, login: str, next_page: str, problem: str = "", status: int = 200
) -> HTMLResponse:
    visitor = request.cookies.get(VISITOR_COOKIE) or signing_in.new_visitor()
    response = render(
        request,
        "sign_in.html",
        status=status,
        login=login,
        next=_own_page(next_page),
        problem=problem,
        token=_token(request, visitor),
    )
    response.set_cookie(
        VISITOR_COOKIE,
        visitor,
        max_age=3600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )
    return response


def _token(request: Request, visitor: str) -> str:
    token: str = request.app.state.vault.form_token(b"visitor:" + signing_in.digest(visitor))
    return token


def _own_page(target: str) -> str:
    """A page of ours, whatever somebody wrote into the address."""
    ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if ours and target.isprintable() else "/"
