"""Reports that belong to no single campaign, and a campaign's attempts as a file."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from campaigns import exporting, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.reporting.values import Overview
from campaigns.web.api.shapes import NOT_FOUND, BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SessionDep, SnapshotDep, SnapshotNowDep, SurroundingsDep
from campaigns.web.taking_out import CAMPAIGN_FILE

router = APIRouter(tags=["reports"], route_class=BoundedRoute)


@router.get("/reports/overview", dependencies=[needs(Permission.SEE)])
def get_overview(
    session: SnapshotDep,
    now: SnapshotNowDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
    after: Annotated[
        str | None, Query(max_length=100, description="`after` of the page before.")
    ] = None,
) -> Overview:
    """Whether anybody can be called, and the campaigns that matter most now with their counts."""
    return viewer.shown(reporting.overview(session, now, around, after))


@router.get(
    "/campaigns/{campaign_id}/attempts.csv",
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"text/csv": {}}}},
    dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE],
)
def export_attempts(request: Request, campaign_id: Id, session: SessionDep) -> StreamingResponse:
    """Every attempt of a campaign, oldest first, as CSV."""
    campaign_by_id(session, campaign_id)
    lines = exporting.attempt_lines(request.app.state.engine, campaign_id)
    return _file(lines, "text/csv", f"campaign-{campaign_id}-attempts.csv")


@router.get(
    "/campaigns/{campaign_id}/attempts.ndjson",
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"application/x-ndjson": {}}}},
    dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE],
)
def export_attempts_as_json(
    request: Request, campaign_id: Id, session: SessionDep
) -> StreamingResponse:
    """The same as one JSON object a line."""
    campaign_by_id(session, campaign_id)
    lines = exporting.attempt_json_lines(request.app.state.engine, campaign_id)
    return _file(lines, "application/x-ndjson", f"campaign-{campaign_id}-attempts.ndjson")


def _file(lines: Iterator[str], media_type: str, name: str) -> StreamingResponse:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=media_type, headers=disposition)
