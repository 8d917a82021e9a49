"""One attempt: when it was, how it ended, what was pressed."""

from fastapi import APIRouter

from campaigns import reporting
from campaigns.reporting.values import AttemptView
from campaigns.web.api.shapes import NOT_FOUND, BoundedRoute, Id
from campaigns.web.dependencies import SnapshotDep

router = APIRouter(prefix="/attempts", tags=["attempts"], route_class=BoundedRoute)


@router.get("/{attempt_id}", responses=NOT_FOUND)
def get_attempt(attempt_id: Id, session: SnapshotDep) -> AttemptView:
    """An attempt with its events and answers."""
    return reporting.attempt_history(session, attempt_id)
