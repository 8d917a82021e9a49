"""The REST API under /api/v1: every endpoint needs a key, every error is a problem document."""

from typing import Any

from fastapi import APIRouter, Depends

from campaigns.web.api import (
    accounts,
    attempts,
    campaigns,
    events,
    flows,
    imports,
    optouts,
    recipients,
    testcalls,
)
from campaigns.web.api.shapes import Problem
from campaigns.web.dependencies import require_key

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": meaning}
    for status, meaning in {
        401: "No API key, or one that is not valid.",
        422: "Something in the request cannot be used; nothing was changed.",
        503: "The database does not answer; ask again.",
    }.items()
}

router = APIRouter(prefix="/api/v1", dependencies=[Depends(require_key)], responses=_ERRORS)
for module in (
    accounts,
    campaigns,
    imports,
    recipients,
    attempts,
    optouts,
    flows,
    testcalls,
    events,
):
    router.include_router(module.router)

__all__ = ["router"]
