"""Why somebody is not called, and everything about one number for a complaint."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from campaigns import reporting
from campaigns.access import Permission
from campaigns.phone import parse_number
from campaigns.reporting.why_values import Why, WhyInCampaign
from campaigns.web.api.shapes import LARGEST_ID, NOT_FOUND, BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    SettingsDep,
    SnapshotDep,
    SnapshotNowDep,
    SurroundingsDep,
)
from campaigns.web.taking_out import EVIDENCE_FILE

router = APIRouter(tags=["why"], route_class=BoundedRoute)

Number = Annotated[str, Query(min_length=3, max_length=40, examples=["+12125550123"])]
# A text, since a number would pass for the seconds since 1970, which nobody means.
At = Annotated[
    str | None,
    Query(
        min_length=16,
        max_length=40,
        description="The instant in question, with its offset; else now. Past ones are told from "
        "the books.",
        json_schema_extra={"format": "date-time"},
    ),
]
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}}
}


@router.get("/why", dependencies=[needs(Permission.SEE_NUMBERS)], responses=NOT_FOUND)
def why(
    number: Number,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    around: SurroundingsDep,
    at: At = None,
    campaign_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    country: str | None = None,
) -> Why:
    """Why a number is, or was, not called: every gate's verdict, for each campaign that has it."""
    wanted = parse_number(number, country or config.default_country)
    instant = reporting.read_instant(at or "")
    return reporting.why(session, wanted, now, around, at=instant, campaign_id=campaign_id)


@router.get(
    "/recipients/{recipient_id}/why",
    dependencies=[needs(Permission.SEE)],
    responses=NOT_FOUND,
    tags=["recipients"],
)
def why_of_recipient(
    recipient_id: Id,
    session: SnapshotDep,
    now: SnapshotNowDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
    at: At = None,
) -> WhyInCampaign:
    """Why one person of one campaign is, or was, not called."""
    instant = reporting.read_instant(at or "")
    return viewer.shown(reporting.why_of_recipient(session, recipient_id, now, around, at=instant))


@router.get(
    "/evidence",
    response_class=StreamingResponse,
    dependencies=[needs(Permission.SEE_NUMBERS), EVIDENCE_FILE],
    responses=_DOCUMENT,
)
def evidence(
    request: Request, number: Number, config: SettingsDep, country: str | None = None
) -> StreamingResponse:
    """Everything about one number, for a complaint: one JSON object, sent as it is read.

    Lists it came from, opt-outs and consents with what became of them, every attempt with what
    it was allowed on and what the provider said word for word, and who changed what.
    """
    wanted = parse_number(number, country or config.default_country)
    pieces = reporting.evidence.json_document(request.app.state.engine, wanted)
    return StreamingResponse(
        pieces,
        media_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="evidence-{wanted.strip("+")}.json"'
        },
    )
