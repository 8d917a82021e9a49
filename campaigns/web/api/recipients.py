"""People: found by a number or a name, and everything that happened to one of them."""

from typing import Annotated

from fastapi import APIRouter, Query

from campaigns import reporting
from campaigns.access import Permission
from campaigns.reporting.values import Found, RecipientHistory
from campaigns.web.api.shapes import LARGEST_ID, NOT_FOUND, Before, BoundedRoute, Id, Limit, Page
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SnapshotDep, SnapshotNowDep

router = APIRouter(prefix="/recipients", tags=["recipients"], route_class=BoundedRoute)


@router.get("", dependencies=[needs(Permission.SEE_NUMBERS)])
def search_recipients(
    session: SnapshotDep,
    query: Annotated[
        str,
        Query(
            min_length=2,
            max_length=80,
            description="A number, its last four or more digits, or how a name begins.",
            examples=["+12025550143", "0143", "Ada"],
        ),
    ],
    campaign_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    after: Before = None,
    limit: Limit = 50,
) -> Page[Found]:
    """People of one campaign or of all, found by a number or a name."""
    found = reporting.search_recipients(
        session, query, campaign_id=campaign_id, after=after, limit=limit
    )
    return Page(items=found, next=found[-1].recipient.id if len(found) == limit else None)


@router.get("/{recipient_id}", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_recipient(
    recipient_id: Id, session: SnapshotDep, now: SnapshotNowDep, viewer: ViewerDep
) -> RecipientHistory:
    """A recipient with every attempt, event and answer, and what happens next."""
    return viewer.shown(reporting.recipient_history(session, recipient_id, now))
