"""The buttons of a person's appointment: moved, cancelled."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns import changing, reporting
from campaigns.access import Permission
from campaigns.compliance import zone_named
from campaigns.errors import InvalidInput
from campaigns.models import Campaign
from campaigns.reminders import ReminderRule
from campaigns.reporting.values import RecipientHistory
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep
from campaigns.web.pages.campaign_changes import instant_of
from campaigns.web.pages.rendering import redirect

# Whose appointment is not changed any more.
_NOT_MOVED = frozenset({"blocked", "review"})

router = APIRouter(
    prefix="/recipients/{recipient_id:int}", dependencies=[needs(Permission.RUN_CAMPAIGNS)]
)


def appointment_of(person: RecipientHistory, campaign: Campaign, zone: ZoneInfo) -> dict[str, Any]:
    """What the page of a person shows of their appointment: its time on their clock, how many
    reminders there are, and whether it may be moved."""
    at = person.appointment_at
    own = zone_named(person.zones[0]) if person.zones else zone
    rule = campaign.reminder if campaign.kind == "reminder" else None
    open_now = campaign.status not in changing.OVER
    return {
        "stages": len(ReminderRule.parse(rule).stages) if rule else 0,
        "may_move": at is not None and open_now and person.status not in _NOT_MOVED,
        "appointment_local": f"{at.astimezone(own):%Y-%m-%dT%H:%M}" if at is not None else "",
    }


@router.post("/appointment")
def move(
    request: Request,
    recipient_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    at: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """The appointment is at another time, on the person's own clock where that is known."""
    known = min(recipient_id, LARGEST_ID)
    person = reporting.recipient_history(session, known, now)
    zone = zone_named(person.zones[0]) if person.zones else viewer.zone
    moved = instant_of(at, zone)
    if moved is None:
        raise InvalidInput("Say when the appointment is now. Nothing was changed.")
    later.recall(changing.move_appointment(session, known, moved, viewer.actor, now))
    said = "The appointment was moved. The reminders of the new time come next."
    return redirect(request, f"/recipients/{known}", said=said)


@router.post("/cancel-appointment")
def cancel(
    request: Request,
    recipient_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    why: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Nobody is called about the appointment any more."""
    known = min(recipient_id, LARGEST_ID)
    later.recall(changing.cancel_appointment(session, known, viewer.actor, now, why))
    said = "The appointment was cancelled. Nobody is called about it any more."
    return redirect(request, f"/recipients/{known}", said=said)
