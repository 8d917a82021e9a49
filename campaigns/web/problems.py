"""Errors as RFC 9457 problem documents: what happened, what was kept, what to do; no traces."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import exc
from starlette.exceptions import HTTPException

from campaigns.errors import OutdialError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "2"
_MOST_PROBLEMS = 20


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem document; `detail` is meant for the person who reads it."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Let every error that leaves an endpoint of `app` be answered with a problem document."""
    app.add_exception_handler(OutdialError, _explained)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(exc.IntegrityError, _conflict)
    app.add_exception_handler(exc.DataError, _unstorable)
    for trouble in (exc.OperationalError, exc.InterfaceError, exc.TimeoutError):
        app.add_exception_handler(trouble, _database_away)
    app.add_exception_handler(Exception, _fault)


def _explained(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, OutdialError) else 500
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return problem(status, str(error), headers)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase and error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this address."
    return problem(error.status_code, detail, dict(error.headers or {}))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = []
    for item in error.errors()[:_MOST_PROBLEMS]:
        place = ".".join(str(part) for part in item["loc"])
        problems.append(f"{place}: {item['msg'].removeprefix('Value error, ')}")
    return problem(422, f"{'; '.join(problems)}. Nothing was changed.")


def _conflict(_request: Request, error: Exception) -> JSONResponse:
    log.info("conflict: %s", type(error).__name__)
    return problem(409, "Somebody else changed the same thing at this moment. Nothing was changed.")


def _unstorable(_request: Request, error: Exception) -> JSONResponse:
    log.info("not storable: %s", type(error).__name__)
    return problem(422, "A value cannot be stored (a NUL character, or a number out of range).")


def _database_away(_request: Request, error: Exception) -> JSONResponse:
    log.warning("database trouble: %s", type(error).__name__)
    return problem(
        503,
        "The database does not answer, or is busy. Nothing was changed; ask again in a moment.",
        {"Retry-After": RETRY_SECONDS},
    )


def _fault(_request: Request, error: Exception) -> JSONResponse:
    # The server logs the error with its traceback; the caller gets none of it.
    return problem(500, "A fault in Outdial. The log has the details; nothing was changed.")
