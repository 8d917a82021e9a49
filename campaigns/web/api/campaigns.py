"""Campaigns: created, started, paused, resumed, stopped; their counts, reports and people."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from campaigns import campaigning, exporting, reporting
from campaigns.drafting import CampaignDraft
from campaigns.lifecycle import CampaignStatus, RecipientStatus
from campaigns.reporting.values import (
    CampaignCounts,
    CampaignReport,
    CampaignView,
    LogEntry,
    RecipientView,
)
from campaigns.web.api.accounts import Why
from campaigns.web.api.shapes import (
    CONFLICT,
    LARGEST_ID,
    NOT_FOUND,
    Before,
    BoundedRoute,
    Id,
    Limit,
    Page,
)
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SnapshotDep,
    SnapshotNowDep,
    SurroundingsDep,
)

router = APIRouter(prefix="/campaigns", tags=["campaigns"], route_class=BoundedRoute)


@router.post("", status_code=201, responses=NOT_FOUND | CONFLICT)
def create_campaign(body: CampaignDraft, session: SessionDep) -> CampaignView:
    """Create a draft. Import recipients into it, then start it."""
    created = campaigning.create_campaign(session, body.as_new_campaign())
    return reporting.campaign_view(session, created.id)


@router.get("")
def list_campaigns(
    session: SnapshotDep,
    after: Before = None,
    status: CampaignStatus | None = None,
    limit: Limit = 50,
) -> Page[CampaignView]:
    """Campaigns, newest first."""
    found = reporting.list_campaigns(session, after, limit, status=status)
    return Page(items=found, next=found[-1].id if len(found) == limit else None)


@router.get("/{campaign_id}", responses=NOT_FOUND)
def get_campaign(
    campaign_id: Id, session: SnapshotDep, now: SnapshotNowDep, around: SurroundingsDep
) -> CampaignCounts:
    """One campaign with what is going on in it now, and its status in a sentence."""
    return reporting.campaign_with_counts(session, campaign_id, now, around)


@router.post("/{campaign_id}/start", responses=NOT_FOUND | CONFLICT)
def start_campaign(campaign_id: Id, session: SessionDep, now: NowDep) -> CampaignView:
    """Start a draft now, or at its start time when that lies ahead."""
    campaigning.start_campaign(session, campaign_id, now)
    return _shown(session, campaign_id)


@router.post("/{campaign_id}/pause", responses=NOT_FOUND | CONFLICT)
def pause_campaign(
    campaign_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    body: Why | None = None,
) -> CampaignView:
    """Dial nobody from the moment this is answered; calls that ring may ring."""
    why = (body or Why()).why
    later.recall(campaigning.pause_campaign(session, campaign_id, now, why))
    return _shown(session, campaign_id)


@router.post("/{campaign_id}/resume", responses=NOT_FOUND | CONFLICT)
def resume_campaign(campaign_id: Id, session: SessionDep, now: NowDep) -> CampaignView:
    """Go on with a paused campaign, at its pace: nothing is made up for."""
    campaigning.resume_campaign(session, campaign_id, now)
    return _shown(session, campaign_id)


@router.post("/{campaign_id}/stop", responses=NOT_FOUND | CONFLICT)
def stop_campaign(
    campaign_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    body: Why | None = None,
) -> CampaignView:
    """Stop for good; every call that nobody has answered is taken back."""
    why = (body or Why()).why
    later.recall(campaigning.stop_campaign(session, campaign_id, now, why))
    return _shown(session, campaign_id)


@router.get("/{campaign_id}/report", responses=NOT_FOUND, tags=["reports"])
def get_report(
    campaign_id: Id, session: SnapshotDep, now: SnapshotNowDep, around: SurroundingsDep
) -> CampaignReport:
    """Everything about one campaign, counted from its rows at one instant."""
    return reporting.campaign_report(session, campaign_id, now, around)


@router.get("/{campaign_id}/recipients", responses=NOT_FOUND)
def list_recipients(
    campaign_id: Id,
    session: SnapshotDep,
    status: RecipientStatus | None = None,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    limit: Limit = 50,
) -> Page[RecipientView]:
    """The campaign's people, in the order of their ids."""
    found = reporting.list_recipients(session, campaign_id, status, after, limit)
    return Page(items=found, next=found[-1].id if len(found) == limit else None)


@router.get(
    "/{campaign_id}/recipients.csv",
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"text/csv": {}}}},
)
def export_recipients(request: Request, campaign_id: Id, session: SessionDep) -> StreamingResponse:
    """Every recipient with status, last outcome, answer and their own columns, as CSV.

    Cells that a spreadsheet might run begin with an apostrophe; so do telephone numbers.
    """
    variables = exporting.export_columns(session, campaign_id)
    lines: Iterator[str] = exporting.recipient_lines(
        request.app.state.engine, campaign_id, variables
    )
    disposition = f'attachment; filename="campaign-{campaign_id}-recipients.csv"'
    return StreamingResponse(
        lines, media_type="text/csv", headers={"Content-Disposition": disposition}
    )


@router.get("/{campaign_id}/log", responses=NOT_FOUND)
def get_log(
    campaign_id: Id, session: SnapshotDep, after: Before = None, limit: Limit = 50
) -> Page[LogEntry]:
    """What happened to the campaign and why, newest first."""
    found = reporting.read_log(session, after, limit, campaign_id=campaign_id)
    return Page(items=found, next=found[-1].id if len(found) == limit else None)


def _shown(session: SessionDep, campaign_id: int) -> CampaignView:
    session.flush()
    return reporting.campaign_view(session, campaign_id)
