"""Campaigns: created, started, paused, resumed, stopped; their counts, reports and people."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from campaigns import changing, drafting, exporting, operating, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.drafting import CampaignDraft, CampaignEdit
from campaigns.lifecycle import CampaignStatus, RecipientStatus
from campaigns.reporting.values import (
    CampaignCounts,
    CampaignReport,
    CampaignView,
    LogEntry,
    RecipientView,
)
from campaigns.web.api.accounts import Why
from campaigns.web.api.preconditions import PRECONDITION, check_if_match, tagged
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
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SettingsDep,
    SnapshotDep,
    SnapshotNowDep,
    SurroundingsDep,
)
from campaigns.web.taking_out import CAMPAIGN_FILE

router = APIRouter(prefix="/campaigns", tags=["campaigns"], route_class=BoundedRoute)


@router.post(
    "",
    status_code=201,
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def create_campaign(
    body: CampaignDraft, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> CampaignView:
    """Create a draft. Import recipients into it, then start it."""
    created = operating.create_campaign(session, body.as_new_campaign(), viewer.actor, now)
    return reporting.campaign_view(session, created.id)


@router.get("", dependencies=[needs(Permission.SEE)])
def list_campaigns(
    session: SnapshotDep,
    viewer: ViewerDep,
    after: Before = None,
    status: CampaignStatus | None = None,
    limit: Limit = 50,
) -> Page[CampaignView]:
    """Campaigns, newest first."""
    found = reporting.list_campaigns(session, after, limit, status=status)
    items = [viewer.shown(one) for one in found]
    return Page(items=items, next=found[-1].id if len(found) == limit else None)


@router.get("/{campaign_id}", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_campaign(
    campaign_id: Id,
    response: Response,
    session: SnapshotDep,
    now: SnapshotNowDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
) -> CampaignCounts:
    """One campaign with what is going on in it now, and its status in a sentence.

    The `ETag` is the version of what a change may name in `If-Match`; counts are no part of it.
    """
    found = reporting.campaign_with_counts(session, campaign_id, now, around)
    tagged(response, found.campaign)
    return viewer.shown(found)


@router.patch(
    "/{campaign_id}",
    responses=NOT_FOUND | CONFLICT | PRECONDITION,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def edit_campaign(
    campaign_id: Id,
    body: CampaignEdit,
    request: Request,
    response: Response,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> CampaignView:
    """Change a draft; what is left out stays. A campaign that was started is refused."""
    campaign_by_id(session, campaign_id, lock=True)
    check_if_match(request, reporting.campaign_view(session, campaign_id))
    drafting.edit_draft(session, campaign_id, body, viewer.actor, now)
    return tagged(response, _shown(session, campaign_id))


@router.delete(
    "/{campaign_id}",
    status_code=204,
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def delete_campaign(
    campaign_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep, config: SettingsDep
) -> None:
    """Delete a draft with everybody in it. A campaign that was started stays, with its history."""
    for path in drafting.delete_draft(session, campaign_id, viewer.actor, now):
        (config.data_dir / path).unlink(missing_ok=True)


@router.post(
    "/{campaign_id}/start",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def start_campaign(
    campaign_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> CampaignView:
    """Start a draft now, or at its start time when that lies ahead."""
    changing.start(session, campaign_id, viewer.actor, now)
    return _shown(session, campaign_id)


@router.post(
    "/{campaign_id}/pause",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def pause_campaign(
    campaign_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    body: Why | None = None,
) -> CampaignView:
    """Dial nobody from the moment this is answered; calls that ring may ring."""
    why = (body or Why()).why
    later.recall(changing.pause(session, campaign_id, viewer.actor, now, why))
    return _shown(session, campaign_id)


@router.post(
    "/{campaign_id}/resume",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def resume_campaign(
    campaign_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> CampaignView:
    """Go on with a paused campaign, at its pace: nothing is made up for."""
    changing.resume(session, campaign_id, viewer.actor, now)
    return _shown(session, campaign_id)


@router.post(
    "/{campaign_id}/stop",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def stop_campaign(
    campaign_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    body: Why | None = None,
) -> CampaignView:
    """Stop for good; every call that nobody has answered is taken back."""
    why = (body or Why()).why
    later.recall(changing.stop(session, campaign_id, viewer.actor, now, why))
    return _shown(session, campaign_id)


@router.get(
    "/{campaign_id}/report",
    responses=NOT_FOUND,
    tags=["reports"],
    dependencies=[needs(Permission.SEE)],
)
def get_report(
    campaign_id: Id,
    session: SnapshotDep,
    now: SnapshotNowDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
) -> CampaignReport:
    """Everything about one campaign, counted from its rows at one instant."""
    return viewer.shown(reporting.campaign_report(session, campaign_id, now, around))


@router.get("/{campaign_id}/recipients", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def list_recipients(
    campaign_id: Id,
    session: SnapshotDep,
    viewer: ViewerDep,
    status: RecipientStatus | None = None,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    limit: Limit = 50,
) -> Page[RecipientView]:
    """The campaign's people, in the order of their ids."""
    found = reporting.list_recipients(session, campaign_id, status, after, limit)
    items = [viewer.shown(one) for one in found]
    return Page(items=items, next=found[-1].id if len(found) == limit else None)


@router.get(
    "/{campaign_id}/recipients.csv",
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"text/csv": {}}}},
    dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE],
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


@router.get("/{campaign_id}/log", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_log(
    campaign_id: Id,
    session: SnapshotDep,
    viewer: ViewerDep,
    after: Before = None,
    limit: Limit = 50,
) -> Page[LogEntry]:
    """What happened to the campaign and why, newest first."""
    found = reporting.read_log(session, after, limit, campaign_id=campaign_id)
    return Page(
        items=[viewer.shown(one) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )


def _shown(session: SessionDep, campaign_id: int) -> CampaignView:
    session.flush()
    return reporting.campaign_view(session, campaign_id)
