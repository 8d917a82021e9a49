"""How each reminder of a campaign went, as a file: all of the campaign is read for it."""

import csv
import io

from fastapi import APIRouter, Response

from campaigns import reporting
from campaigns.access import Permission
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute, Id
from campaigns.web.auth import needs
from campaigns.web.dependencies import NowDep, SessionDep

router = APIRouter(prefix="/campaigns", tags=["reports"], route_class=BoundedRoute)


@router.get(
    "/{campaign_id}/reminders.csv",
    response_class=Response,
    responses=NOT_FOUND | CONFLICT | {200: {"content": {"text/csv": {}}}},
    dependencies=[needs(Permission.SEE)],
)
def export_reminders(campaign_id: Id, session: SessionDep, now: NowDep) -> Response:
    """For each reminder before an appointment: how many people it was due for, who were called for
    it, and who were reached, each person once."""
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(["stage", "before_the_appointment", "due", "called", "reached"])
    for one in reporting.reminder_counts(session, campaign_id, now):
        lines.writerow([one.stage, one.ahead, one.due, one.called, one.reached])
    name = f'attachment; filename="campaign-{campaign_id}-reminders.csv"'
    return Response(file.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})
