"""Attempts: those in doubt, and one with when it was, how it ended, what was pressed."""

from fastapi import APIRouter

from campaigns import reporting
from campaigns.access import Permission
from campaigns.reporting.values import AttemptView, InDoubt
from campaigns.web.api.shapes import NOT_FOUND, Before, BoundedRoute, Id, Limit, Page
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SnapshotDep

router = APIRouter(prefix="/attempts", tags=["attempts"], route_class=BoundedRoute)


@router.get("", dependencies=[needs(Permission.SEE)])
def list_attempts_in_doubt(
    session: SnapshotDep, viewer: ViewerDep, after: Before = None, limit: Limit = 50
) -> Page[InDoubt]:
    """Attempts of which nobody can say whether there was a call or how it ended, newest first."""
    found = reporting.in_doubt(session, after, limit)
    return Page(
        items=[viewer.shown(one) for one in found],
        next=found[-1].attempt.id if len(found) == limit else None,
    )


@router.get("/{attempt_id}", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_attempt(attempt_id: Id, session: SnapshotDep, viewer: ViewerDep) -> AttemptView:
    """An attempt with its events and answers."""
    return viewer.shown(reporting.attempt_history(session, attempt_id))
