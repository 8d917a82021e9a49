"""People: found by number or name, listed, and taken along as a file."""

from collections.abc import Iterator
from itertools import chain

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from campaigns import exporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.csv_cells import BOM
from campaigns.reporting.listing import campaign_choices
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SessionDep, SnapshotDep
from campaigns.web.pages.campaigns import campaign_page, place
from campaigns.web.pages.people_found import STATUSES, find_people
from campaigns.web.pages.rendering import render
from campaigns.web.taking_out import CAMPAIGN_FILE

router = APIRouter()
_OF_CAMPAIGN = "/campaigns/{campaign_id:int}/recipients"


@router.get("/recipients", dependencies=[needs(Permission.SEE)])
def search(
    request: Request,
    session: SnapshotDep,
    viewer: ViewerDep,
    q: str = "",
    campaign: str = "",
    status: str = "",
    after: str = "",
) -> HTMLResponse:
    """People of all campaigns, found by a number, its last digits, or a name."""
    chosen = place(campaign)
    if chosen is not None:
        campaign_by_id(session, chosen)
    found = find_people(session, viewer.actor, q, chosen, status, place(after))
    return render(
        request,
        "recipients/search.html",
        found=found,
        chosen=chosen,
        more=found.more("/recipients", campaign=str(chosen or "")),
        campaigns=campaign_choices(session),
        statuses=STATUSES,
    )


@router.get(_OF_CAMPAIGN, dependencies=[needs(Permission.SEE)])
def list_of_campaign(
    request: Request,
    campaign_id: int,
    session: SnapshotDep,
    viewer: ViewerDep,
    q: str = "",
    status: str = "",
    after: str = "",
) -> HTMLResponse:
    """A campaign's people."""
    known = min(campaign_id, LARGEST_ID)
    found = find_people(session, viewer.actor, q, known, status, place(after))
    return campaign_page(
        request,
        session,
        "campaigns/recipients.html",
        known,
        tab="recipients",
        found=found,
        first=not after,
        more=found.more(f"/campaigns/{known}/recipients"),
        statuses=STATUSES,
    )


@router.get(f"{_OF_CAMPAIGN}.csv", dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE])
def export_csv(request: Request, campaign_id: int, session: SessionDep) -> StreamingResponse:
    """Everybody with what came of them, for a spreadsheet."""
    columns = exporting.export_columns(session, min(campaign_id, LARGEST_ID))
    lines = exporting.recipient_lines(request.app.state.engine, campaign_id, columns)
    return _file(chain([BOM], lines), f"campaign-{campaign_id}-recipients.csv", "text/csv")


@router.get(f"{_OF_CAMPAIGN}.ndjson", dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE])
def export_ndjson(request: Request, campaign_id: int, session: SessionDep) -> StreamingResponse:
    """Everybody with what came of them, for programs."""
    campaign_by_id(session, min(campaign_id, LARGEST_ID))
    lines = exporting.recipient_json_lines(request.app.state.engine, campaign_id)
    return _file(lines, f"campaign-{campaign_id}-recipients.ndjson", "application/x-ndjson")


def _file(lines: Iterator[str], name: str, media_type: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=media_type, headers=headers)
