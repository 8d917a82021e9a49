"""One person: everything that happened, with telephone numbers in full."""

from fastapi import APIRouter

from campaigns import reporting
from campaigns.reporting.values import RecipientHistory
from campaigns.web.api.shapes import NOT_FOUND, BoundedRoute, Id
from campaigns.web.dependencies import SnapshotDep, SnapshotNowDep

router = APIRouter(prefix="/recipients", tags=["recipients"], route_class=BoundedRoute)


@router.get("/{recipient_id}", responses=NOT_FOUND)
def get_recipient(recipient_id: Id, session: SnapshotDep, now: SnapshotNowDep) -> RecipientHistory:
    """A recipient with every attempt, event and answer, and what happens next."""
    return reporting.recipient_history(session, recipient_id, now)
