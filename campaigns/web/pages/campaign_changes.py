"""What a campaign's buttons and forms do. Each is refused by the server to who may not press it."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import changing, gates, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.changing import HoursChange, PaceChange, RedialRequest, TryingChange
from campaigns.drafting.lengths import ramp_of_text, ramp_text
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.pacing import Ramp
from campaigns.reporting import words
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep
from campaigns.web.pages.campaigns import settings_page
from campaigns.web.pages.rendering import redirect

router = APIRouter(
    prefix="/campaigns/{campaign_id:int}", dependencies=[needs(Permission.RUN_CAMPAIGNS)]
)


@router.post("/pause")
def pause(
    request: Request,
    campaign_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
) -> Response:
    """Dial nobody from now on; calls that ring may ring."""
    later.recall(changing.pause(session, campaign_id, viewer.actor, now, ""))
    return redirect(request, f"/campaigns/{campaign_id}")


@router.post("/resume")
def resume(
    request: Request, campaign_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Go on at the campaign's pace."""
    changing.resume(session, campaign_id, viewer.actor, now)
    said = "The campaign goes on at its pace; nothing is made up for."
    return redirect(request, f"/campaigns/{campaign_id}", said=said)


@router.post("/stop")
def stop(
    request: Request,
    campaign_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
) -> Response:
    """Stop for good."""
    recalled = changing.stop(session, campaign_id, viewer.actor, now, "")
    later.recall(recalled)
    said = f"The campaign is stopped. Nobody is called any more.{taken_back(len(recalled))}"
    return redirect(request, f"/campaigns/{campaign_id}", said=said)


@router.post("/pace")
def change_pace(
    request: Request,
    campaign_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    max_cps: Annotated[str, Form(max_length=40)] = "",
    weight: Annotated[str, Form(max_length=40)] = "",
    ramp: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Another pace, share or growth, from the next second on."""
    form, field = {"max_cps": max_cps, "weight": weight, "ramp": ramp}, "max_cps"
    try:
        wanted: dict[str, Any] = {"max_cps": _number(max_cps)}
        field = "weight"
        wanted |= {"weight": _number(weight)} if weight.strip() else {}
        field = "ramp"
        if ramp.strip() and ramp.strip() != _ramp_now(session, campaign_id):
            wanted["ramp"] = ramp_of_text(ramp)
        field = "max_cps"
        changing.change_pace(session, campaign_id, PaceChange(**wanted), viewer.actor, now)
    except (InvalidInput, ValidationError) as problem:
        if isinstance(problem, ValidationError):
            field = str(problem.errors()[0]["loc"][0])
        told = str(problem) if isinstance(problem, InvalidInput) else "Write a number above 0."
        return settings_page(
            request, session, campaign_id, status=422, errors={field: told}, form=form
        )
    said = "The pace was changed. It holds from the next second on."
    return redirect(request, f"/campaigns/{campaign_id}/settings", said=said)


def _ramp_now(session: Session, campaign_id: int) -> str:
    """As the form has it: a ramp that was not touched is not changed."""
    return ramp_text(Ramp(**reporting.campaign_view(session, campaign_id).ramp))


@router.post("/hours")
def change_hours(
    request: Request,
    campaign_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    windows: Annotated[str, Form(max_length=1000)] = "",
    ends_at: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Other hours, or another end, at once."""
    actor, recalled, field = viewer.actor, [], "ends_at"
    current = campaign_by_id(session, campaign_id).ends_at
    try:
        # In a savepoint: an answer that only shows what was wrong leaves nothing behind.
        with session.begin_nested():
            end = instant_of(ends_at, viewer.zone)
            if current is not None and end == current.replace(second=0, microsecond=0):
                end = current  # the form knows no seconds
            recalled += changing.change_hours(
                session, campaign_id, HoursChange(ends_at=end), actor, now
            )
            field = "windows"
            hours = HoursChange(windows=windows.strip())
            recalled += changing.change_hours(session, campaign_id, hours, actor, now)
    except InvalidInput as problem:
        return settings_page(
            request,
            session,
            campaign_id,
            status=422,
            errors={field: str(problem)},
            form={"windows": windows, "ends_at": ends_at},
        )
    later.recall(recalled)
    said = "The hours were changed and hold from now on."
    return redirect(request, f"/campaigns/{campaign_id}/settings", said=said)


@router.post("/trying")
def change_trying(
    request: Request,
    campaign_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    retries: Annotated[str, Form(max_length=20)] = "",
    household: Annotated[str, Form(max_length=10)] = "",
    offsets: Annotated[str, Form(max_length=200)] = "",
    caps: Annotated[str | None, Form(max_length=500)] = None,
) -> Response:
    """Other retries, caps, reminders, another meaning of a shared number, from now on."""
    asked: dict[str, Any] = {"household": household or None}
    if retries and retries != "own":
        asked["retry_policy"] = retries
    if offsets.strip():
        asked["offsets"] = [part.strip() for part in offsets.replace(";", ",").split(",")]
    field = "caps"
    try:
        with session.begin_nested():
            if caps is not None:
                asked["caps"] = gates.caps_of_text(caps)
            field = "offsets"
            change = TryingChange.model_validate(asked)
            changing.change_trying(session, campaign_id, change, viewer.actor, now)
    except (InvalidInput, ValidationError) as problem:
        told = problem.errors()[0]["msg"] if isinstance(problem, ValidationError) else str(problem)
        return settings_page(
            request,
            session,
            campaign_id,
            status=422,
            errors={field: told},
            form={
                "offsets": offsets,
                "retries": retries,
                "household": household,
                "caps": caps or "",
            },
        )
    said = "That was changed. It holds for every call that is not dialled yet."
    return redirect(request, f"/campaigns/{campaign_id}/settings", said=said)


@router.post("/clone")
def clone(
    request: Request, campaign_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """A new draft with the same settings and nobody in it."""
    copy = changing.clone_campaign(session, campaign_id, viewer.actor, now)
    said = "This is the copy, a draft. Give it its recipients."
    return redirect(request, f"/campaigns/{copy.id}/setup", said=said)


@router.post("/redial")
def redial(
    request: Request,
    campaign_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    include_unknown: Annotated[str, Form(max_length=10)] = "",
    include_waiting: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """A new draft with those who were not reached."""
    wanted = RedialRequest(
        include_unknown=bool(include_unknown), include_waiting=bool(include_waiting)
    )
    # In a savepoint: when there is nobody, the draft is gone again and the page can be shown.
    try:
        with session.begin_nested():
            done = changing.redial_unreached(session, campaign_id, wanted, viewer.actor, now)
    except NotAllowed as problem:
        return settings_page(
            request, session, campaign_id, status=409, errors={"redial": str(problem)}
        )
    said = f"A draft with {words.people(done.people)} was made. Look it over and start it."
    return redirect(request, f"/campaigns/{done.campaign.id}/setup", said=said)


@router.post("/archive")
def archive(
    request: Request, campaign_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Out of the lists."""
    campaign = changing.archive(session, campaign_id, viewer.actor, now)
    return redirect(request, "/campaigns", said=f"“{campaign.name}” is in the archive.")


@router.post("/unarchive")
def unarchive(
    request: Request, campaign_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Into the lists again."""
    changing.unarchive(session, campaign_id, viewer.actor, now)
    said = "The campaign is shown in lists again."
    return redirect(request, f"/campaigns/{campaign_id}", said=said)


def taken_back(calls: int) -> str:
    """What is said of calls that are recalled, to follow a sentence; empty when there are none."""
    if not calls:
        return ""
    word = "is" if calls == 1 else "are"
    return f" {words.calls(calls)} that nobody has answered {word} being taken back."


def instant_of(text: str, zone: ZoneInfo) -> datetime | None:
    """What a date-and-time field holds, on the clock of `zone`; None when it is empty."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone)
    except ValueError:
        raise InvalidInput("Write a date and a time such as 2026-12-18 17:00.") from None


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise InvalidInput("Write a number such as 2 or 0.5, or nothing.") from None
