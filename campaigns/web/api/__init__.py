"""The REST API under /api/v1: every endpoint needs a key, every error is a problem document."""

from typing import Any

from fastapi import APIRouter

from campaigns.web.api import (
    accounts,
    at_risk,
    attempts,
    audio,
    audit,
    campaign_changes,
    campaigns,
    consents,
    events,
    flows,
    imports,
    keys,
    optouts,
    pushing,
    recipients,
    recurrences,
    reminded,
    reports,
    rules,
    switch,
    testcalls,
    users,
    webhooks_out,
    why,
)
from campaigns.web.api.shapes import Problem

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": meaning}
    for status, meaning in {
        401: "No API key, or one that is not valid.",
        403: "The key's role does not allow it; nothing was changed.",
        422: "Something in the request cannot be used; nothing was changed.",
        503: "The database does not answer; ask again.",
    }.items()
}

router = APIRouter(prefix="/api/v1", responses=_ERRORS)
for module in (
    accounts,
    users,
    switch,
    keys,
    audit,
    campaigns,
    campaign_changes,
    at_risk,
    reminded,
    imports,
    pushing,
    why,
    recipients,
    attempts,
    optouts,
    consents,
    rules,
    flows,
    testcalls,
    events,
    webhooks_out,
    audio,
    recurrences,
    reports,
):
    router.include_router(module.router)

__all__ = ["router"]
