"""People without a file: added to a campaign by another program, also while it runs."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from campaigns import operating
from campaigns.access import Permission
from campaigns.importing import PushedRecipient, PushResult
from campaigns.importing.pushing import MOST_AT_ONCE
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep

router = APIRouter(prefix="/campaigns", tags=["recipients"], route_class=BoundedRoute)


class PushIn(BaseModel):
    """One person, or up to a thousand."""

    model_config = ConfigDict(extra="forbid")

    recipients: list[PushedRecipient] = Field(min_length=1, max_length=MOST_AT_ONCE)
    default_country: (
        Annotated[str, Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166.")] | None
    ) = Field(None, description="Of numbers without a country code. Unset: the campaign's.")


@router.post(
    "/{campaign_id}/recipients",
    responses=NOT_FOUND
    | CONFLICT
    | {
        200: {"model": PushResult, "description": "Nobody is new; each row says why."},
    },
    status_code=201,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def push_recipients(
    campaign_id: Id,
    body: PushIn,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    response: Response,
) -> PushResult:
    """Add people to a campaign that is not over: draft, scheduled, running or paused.

    Each is judged by the same rules as a row of a file, and answered on its own: created,
    duplicate, or rejected with the reason. Whoever is created in a running campaign is called as
    soon as calling hours and pace allow.
    """
    result = operating.push_recipients(
        session, campaign_id, body.recipients, viewer.actor, now, body.default_country
    )
    if not result.created:
        response.status_code = 200
    return result
