"""Errors: a problem document (RFC 9457) for programs, a page for people; never a trace.

Both say what happened, what was kept, and what to do.
"""

import logging
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.responses import Response

from campaigns.errors import NewPasswordNeeded, OutdialError, SignInNeeded, TooManyRequests
from campaigns.misfits import misfit
from campaigns.web.auth import note_viewer
from campaigns.web.once import AnsweredBefore, answer_as_before
from campaigns.web.pages.rendering import render

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "2"
NEW_PASSWORD_PAGE = "/me/password"
_MOST_PROBLEMS = 20


# Where programs ask; everybody else is a person with a browser.
PROGRAMS = (
    "/api/",
    "/hooks/",
    "/flows/",
    "/audio/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/",
    "/live/",
)


def problem(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """The error as whoever asked can read it; `detail` is meant for a person."""
    title = HTTPStatus(status).phrase
    if not is_program(request):
        note_viewer(request)
        page = render(request, "error.html", status=status, title=title, detail=detail)
        page.headers.update(headers or {})
        return page
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def is_program(request: Request) -> bool:
    """Whether the address is one that programs ask."""
    path = request.url.path
    return path.startswith(PROGRAMS) or path.endswith(".json")


def install(app: FastAPI) -> None:
    """Let every error that leaves an endpoint of `app` be answered with a problem document."""
    app.add_exception_handler(AnsweredBefore, answer_as_before)
    app.add_exception_handler(OutdialError, _explained)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(exc.IntegrityError, _conflict)
    app.add_exception_handler(exc.DataError, _unstorable)
    for trouble in (exc.OperationalError, exc.InterfaceError, exc.TimeoutError):
        app.add_exception_handler(trouble, _database_away)
    app.add_exception_handler(exc.InternalError, _given_up_or_fault)
    app.add_exception_handler(Exception, _fault)


def _explained(request: Request, error: Exception) -> Response:
    if isinstance(error, SignInNeeded) and not is_program(request):
        return _to_sign_in(request)
    if isinstance(error, NewPasswordNeeded) and not is_program(request):
        return _on_to(request, NEW_PASSWORD_PAGE)
    status = error.status_code if isinstance(error, OutdialError) else 500
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    if isinstance(error, TooManyRequests):
        headers = {"Retry-After": str(error.retry_after)}
    return problem(request, status, str(error), headers)


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path if request.method == "GET" else "/"
    if request.url.query and wanted != "/":
        wanted = f"{wanted}?{request.url.query}"
    return _on_to(
        request, f"/sign-in?{urlencode({'next': wanted})}" if wanted != "/" else "/sign-in"
    )


def _on_to(request: Request, to: str) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=200, headers={"HX-Redirect": to})
    return RedirectResponse(to, status_code=303)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase and error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this address."
    return problem(request, error.status_code, detail, dict(error.headers or {}))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = []
    for item in error.errors()[:_MOST_PROBLEMS]:
        place = ".".join(str(part) for part in item["loc"])
        problems.append(f"{place}: {misfit(item)}")
    return problem(request, 422, f"{'; '.join(problems)}. Nothing was changed.")


def _conflict(request: Request, error: Exception) -> Response:
    log.info("conflict: %s", type(error).__name__)
    return problem(
        request,
        409,
        "Somebody else changed the same thing at this moment. Nothing was changed.",
    )


def _unstorable(request: Request, error: Exception) -> Response:
    log.info("not storable: %s", type(error).__name__)
    return problem(
        request,
        422,
        "A value cannot be stored (a NUL character, or a number out of range).",
    )


def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database trouble: %s", type(error).__name__)
    return problem(
        request,
        503,
        "The database does not answer, or is busy. Nothing was changed; ask again in a moment.",
        {"Retry-After": RETRY_SECONDS},
    )


def _given_up_or_fault(request: Request, error: Exception) -> Response:
    # PostgreSQL calls it internal when it ends a transaction that stood still while it was frozen.
    if isinstance(getattr(error, "orig", None), IdleInTransactionSessionTimeout):
        return _database_away(request, error)
    log.error("the database refused: %s", type(error).__name__, exc_info=error)
    return _fault(request, error)


def _fault(request: Request, error: Exception) -> Response:
    # The server logs the error with its traceback; the caller gets none of it.
    return problem(
        request,
        500,
        "A fault in Outdial. The log has the details; nothing was changed.",
    )
