"""Who may be called too late: the people whose deadlines the capacity that is left cannot meet."""

import csv
import io
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from campaigns import reporting
from campaigns.access import Permission
from campaigns.csv_cells import safe_cell
from campaigns.reporting.values import RecipientView
from campaigns.web.api.shapes import LARGEST_ID, NOT_FOUND, BoundedRoute, Id, Limit
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SessionDep, SnapshotDep
from campaigns.web.taking_out import CAMPAIGN_FILE

router = APIRouter(prefix="/campaigns", tags=["campaigns"], route_class=BoundedRoute)
MOST_ROWS = 20_000


class AtRisk(BaseModel):
    """What is said of a campaign's near deadlines, and who has them."""

    sentence: str | None = Field(description="Null: everybody can be called in time.")
    said_at: datetime | None
    people: int = Field(description="How many cannot be called in time, at least.")
    items: list[RecipientView] = Field(description="Those who wait with one of these deadlines.")
    next: int | None


@router.get("/{campaign_id}/at-risk", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_at_risk(
    campaign_id: Id,
    session: SnapshotDep,
    viewer: ViewerDep,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    limit: Limit = 50,
) -> AtRisk:
    """Whether the deadlines of the coming hours can be met, and whom that concerns.

    Looked at every minute while the campaign runs.
    """
    risk, people = reporting.at_risk(session, campaign_id, after, limit)
    return AtRisk(
        sentence=risk.sentence if risk else None,
        said_at=risk.at if risk else None,
        people=risk.people if risk else 0,
        items=[viewer.shown(one) for one in people],
        next=people[-1].id if len(people) == limit else None,
    )


@router.get(
    "/{campaign_id}/at-risk.csv",
    response_class=Response,
    responses=NOT_FOUND | {200: {"content": {"text/csv": {}}}},
    dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE],
)
def export_at_risk(campaign_id: Id, session: SessionDep) -> Response:
    """The same people as a file, to call them by hand; 20,000 at most."""
    _, people = reporting.at_risk(session, campaign_id, 0, MOST_ROWS)
    file = io.StringIO()
    lines = csv.writer(file, quoting=csv.QUOTE_ALL)
    lines.writerow(["id", "name", "numbers", "appointment_at", "deadline_at", "next_attempt_at"])
    for one in people:
        times = (one.appointment_at, one.deadline_at, one.next_attempt_at)
        shown = [at.isoformat() if at is not None else "" for at in times]
        cells = [one.id, one.fields.get("name"), " ".join(one.numbers), *shown]
        lines.writerow([safe_cell(cell) for cell in cells])
    name = f'attachment; filename="campaign-{campaign_id}-at-risk.csv"'
    return Response(file.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})
