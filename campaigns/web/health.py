"""Health: alive, and ready. The public URL's own probe asks the first one from outside."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaigns.db import transaction
from campaigns.migrations import pending_migrations

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz(request: Request) -> dict[str, str]:
    """This process is alive; `instance` tells a probe whose process it reached."""
    return {"status": "ok", "instance": request.app.state.vault.instance}


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """This process can do its work: the database answers and its tables are up to date."""
    problems: dict[str, Any] = {}
    try:
        with transaction(request.app.state.engine) as session:
            session.execute(text("SELECT 1"))
            pending = pending_migrations(session.connection())
        if pending:
            problems["migrations"] = f"not applied: {', '.join(pending)}"
    except SQLAlchemyError as error:
        problems["database"] = type(error).__name__
    body = {"ready": not problems, **problems}
    return JSONResponse(body, status_code=503 if problems else 200)
