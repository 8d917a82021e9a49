"""The log of all campaigns and accounts."""

from fastapi import APIRouter

from campaigns import reporting
from campaigns.access import Permission
from campaigns.reporting.values import LogEntry
from campaigns.web.api.shapes import Before, BoundedRoute, Limit, Page
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SnapshotDep

router = APIRouter(prefix="/events", tags=["events"], route_class=BoundedRoute)


@router.get("", dependencies=[needs(Permission.SEE)])
def list_events(
    session: SnapshotDep, viewer: ViewerDep, after: Before = None, limit: Limit = 50
) -> Page[LogEntry]:
    """What happened and why, newest first."""
    found = reporting.read_log(session, after, limit)
    return Page(
        items=[viewer.shown(one) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )
