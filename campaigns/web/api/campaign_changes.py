"""Changes of campaigns that run or are over, and of single people in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from campaigns import changing, exporting, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.changing import (
    AppointmentMove,
    HoursChange,
    PaceChange,
    PersonChange,
    RedialRequest,
    TryingChange,
)
from campaigns.reporting.values import CampaignView, RecipientHistory
from campaigns.store import gate
from campaigns.web.api.preconditions import PRECONDITION, check_if_match, tagged
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SnapshotDep
from campaigns.web.taking_out import CAMPAIGN_FILE

router = APIRouter(route_class=BoundedRoute)

_RUN: Any = [needs(Permission.RUN_CAMPAIGNS)]
_CHANGE: Any = NOT_FOUND | CONFLICT


class CloneRequest(BaseModel):
    """How a copy is to be called."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="Unset: the old name, with “(copy)”."
    )


class RedialView(BaseModel):
    """The new draft, and how many people are in it."""

    campaign: CampaignView
    people: int = Field(examples=[42])


class PauseView(BaseModel):
    """What the pause that holds now did, measured from the rows."""

    sentence: str
    last_dial_ms: int | None = Field(
        description="When the last call was dialled at the latest, in milliseconds after the pause "
        "was asked for; negative: before it; null: nothing had been dialled."
    )
    recalled: int = Field(description="Calls that did not ring yet and were taken back.")
    recalled_in_time: int = Field(description="Of those, the ones that ended without ringing.")
    recalled_too_late: int = Field(description="Of those, the ones that rang all the same.")


class RemovedView(BaseModel):
    """What became of a person who was taken out."""

    kept: bool = Field(
        description="True: kept as `removed`, since there had been an attempt. False: deleted."
    )


@router.patch(
    "/campaigns/{campaign_id}/pace",
    tags=["campaigns"],
    responses=_CHANGE | PRECONDITION,
    dependencies=_RUN,
)
def change_pace(
    campaign_id: Id,
    body: PaceChange,
    request: Request,
    response: Response,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> CampaignView:
    """Change how fast a campaign that is scheduled, running or paused calls.

    It holds from the next tick on, within a second, without a restart and without a burst.
    """
    campaign_by_id(session, campaign_id, lock=True)
    check_if_match(request, reporting.campaign_view(session, campaign_id))
    changing.change_pace(session, campaign_id, body, viewer.actor, now)
    return tagged(response, reporting.campaign_view(session, campaign_id))


@router.patch(
    "/campaigns/{campaign_id}/hours",
    tags=["campaigns"],
    responses=_CHANGE | PRECONDITION,
    dependencies=_RUN,
)
def change_hours(
    campaign_id: Id,
    body: HoursChange,
    request: Request,
    response: Response,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
) -> CampaignView:
    """Change the calling hours or the end of a campaign that is scheduled, running or paused.

    Narrower hours hold at once: who was about to be called is due again under the new ones.
    """
    gate.close_gate(session)  # before the campaign is held, as in everything that stops calls
    campaign_by_id(session, campaign_id, lock=True)
    check_if_match(request, reporting.campaign_view(session, campaign_id))
    later.recall(changing.change_hours(session, campaign_id, body, viewer.actor, now))
    return tagged(response, reporting.campaign_view(session, campaign_id))


@router.patch(
    "/campaigns/{campaign_id}/trying",
    tags=["campaigns"],
    responses=_CHANGE | PRECONDITION,
    dependencies=_RUN,
)
def change_trying(
    campaign_id: Id,
    body: TryingChange,
    request: Request,
    response: Response,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> CampaignView:
    """Change the retries, the reminders, or what a shared number means, of a campaign that is
    scheduled, running or paused. It holds for every call that is not dialled yet."""
    gate.close_gate(session)
    campaign_by_id(session, campaign_id, lock=True)
    check_if_match(request, reporting.campaign_view(session, campaign_id))
    changing.change_trying(session, campaign_id, body, viewer.actor, now)
    return tagged(response, reporting.campaign_view(session, campaign_id))


@router.get(
    "/campaigns/{campaign_id}/pause",
    tags=["campaigns"],
    responses=_CHANGE,
    dependencies=[needs(Permission.SEE)],
)
def get_pause(campaign_id: Id, session: SnapshotDep) -> PauseView | None:
    """What the pause did that holds now; null when the campaign is not paused."""
    found = changing.last_pause(session, campaign_by_id(session, campaign_id))
    if found is None:
        return None
    return PauseView(
        sentence=found.sentence,
        last_dial_ms=found.last_dial_ms,
        recalled=found.recalled,
        recalled_in_time=found.recalled_in_time,
        recalled_too_late=found.recalled_too_late,
    )


@router.post(
    "/campaigns/{campaign_id}/clone",
    tags=["campaigns"],
    status_code=201,
    responses=_CHANGE,
    dependencies=_RUN,
)
def clone_campaign(
    campaign_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    body: CloneRequest | None = None,
) -> CampaignView:
    """Make a new draft with a campaign's settings and texts, and nobody in it."""
    name = body.name if body is not None else None
    copy = changing.clone_campaign(session, campaign_id, viewer.actor, now, name)
    return reporting.campaign_view(session, copy.id)


@router.post(
    "/campaigns/{campaign_id}/redial",
    tags=["campaigns"],
    status_code=201,
    responses=_CHANGE,
    dependencies=_RUN,
)
def redial_unreached(
    campaign_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    body: RedialRequest | None = None,
) -> RedialView:
    """Make a new draft with those whom a campaign did not reach, each of them once.

    Nobody who was reached or has opted out is in it.
    """
    wanted = body or RedialRequest()
    done = changing.redial_unreached(session, campaign_id, wanted, viewer.actor, now)
    view = reporting.campaign_view(session, done.campaign.id)
    return RedialView(campaign=view, people=done.people)


@router.post(
    "/campaigns/{campaign_id}/archive", tags=["campaigns"], responses=_CHANGE, dependencies=_RUN
)
def archive_campaign(
    campaign_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> CampaignView:
    """Keep a campaign that is over out of the pages' lists. Nothing is deleted."""
    changing.archive(session, campaign_id, viewer.actor, now)
    return reporting.campaign_view(session, campaign_id)


@router.post(
    "/campaigns/{campaign_id}/unarchive", tags=["campaigns"], responses=_CHANGE, dependencies=_RUN
)
def unarchive_campaign(
    campaign_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> CampaignView:
    """Show an archived campaign in the pages' lists again."""
    changing.unarchive(session, campaign_id, viewer.actor, now)
    return reporting.campaign_view(session, campaign_id)


@router.get(
    "/campaigns/{campaign_id}/recipients.ndjson",
    tags=["recipients"],
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"application/x-ndjson": {}}}},
    dependencies=[needs(Permission.SEE_NUMBERS), CAMPAIGN_FILE],
)
def export_recipients_as_json_lines(
    request: Request, campaign_id: Id, session: SessionDep
) -> StreamingResponse:
    """Every recipient with status, last outcome, answer and their own columns, one JSON a line."""
    campaign_by_id(session, campaign_id)
    lines = exporting.recipient_json_lines(request.app.state.engine, campaign_id)
    name = f'attachment; filename="campaign-{campaign_id}-recipients.ndjson"'
    return StreamingResponse(
        lines, media_type="application/x-ndjson", headers={"Content-Disposition": name}
    )


@router.patch(
    "/recipients/{recipient_id}", tags=["recipients"], responses=_CHANGE, dependencies=_RUN
)
def change_recipient(
    recipient_id: Id, body: PersonChange, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> RecipientHistory:
    """Change a person who waits, or let one who waits for a decision be called again.

    Their next call is planned anew. Whoever is being called, or was reached, is not changed.
    """
    changing.change_person(session, recipient_id, body, viewer.actor, now)
    return viewer.shown(reporting.recipient_history(session, recipient_id, now))


@router.put(
    "/recipients/{recipient_id}/appointment",
    tags=["recipients"],
    responses=_CHANGE,
    dependencies=_RUN,
)
def move_appointment(
    recipient_id: Id,
    body: AppointmentMove,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
) -> RecipientHistory:
    """The appointment is at another time: whoever was reminded of the old one, or is being called
    at this moment, is reminded of the new one. What is not dialled yet moves with it."""
    at = body.appointment_at
    later.recall(changing.move_appointment(session, recipient_id, at, viewer.actor, now))
    return viewer.shown(reporting.recipient_history(session, recipient_id, now))


@router.delete(
    "/recipients/{recipient_id}/appointment",
    tags=["recipients"],
    responses=_CHANGE,
    dependencies=_RUN,
)
def cancel_appointment(
    recipient_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    why: Annotated[str, Query(max_length=300, description="The reason, for the log.")] = "",
) -> RecipientHistory:
    """The appointment is cancelled: nobody is called about it any more, and a call that nobody has
    answered is taken back."""
    later.recall(changing.cancel_appointment(session, recipient_id, viewer.actor, now, why))
    return viewer.shown(reporting.recipient_history(session, recipient_id, now))


@router.delete(
    "/recipients/{recipient_id}", tags=["recipients"], responses=_CHANGE, dependencies=_RUN
)
def remove_recipient(
    recipient_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    why: Annotated[str, Query(max_length=300, description="The reason, for the log.")] = "",
) -> RemovedView:
    """Take a person out of their campaign; they are not called for it any more."""
    kept = changing.remove_person(session, recipient_id, viewer.actor, now, why)
    return RemovedView(kept=kept)
