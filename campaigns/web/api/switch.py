"""The kill switch: all dialling at once, in every campaign, through every account."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from campaigns import changing
from campaigns.access import Permission
from campaigns.store import dispatch
from campaigns.web.api.accounts import Why
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SnapshotDep

router = APIRouter(prefix="/switch", tags=["switch"], route_class=BoundedRoute)


class Switch(BaseModel):
    """Whether anything may be dialled at all."""

    dialling: bool = Field(description="False: nothing is dialled, by anybody.")
    why: str | None = Field(description="Why it was switched off.")


class SwitchedOff(Switch):
    """What switching off has stopped."""

    recalled: int = Field(description="Unanswered calls that are being taken back.")


@router.get("", dependencies=[needs(Permission.SEE)])
def read_switch(session: SnapshotDep, viewer: ViewerDep) -> Switch:
    """Whether anything may be dialled at all."""
    off = dispatch.dialling_switched_off(session)
    return viewer.shown(Switch(dialling=not off, why=off[0][1] if off else None))


@router.post("/off", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def switch_off(
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    body: Why | None = None,
) -> SwitchedOff:
    """Stop all dialling, in every campaign and account; unanswered calls are taken back."""
    why = (body or Why()).why
    recalled = changing.switch_off(session, viewer.actor, now, why)
    later.recall(recalled)
    return SwitchedOff(dialling=False, why=why, recalled=len(recalled))


@router.post("/on", dependencies=[needs(Permission.ADMINISTER)])
def switch_on(session: SessionDep, now: NowDep, viewer: ViewerDep) -> Switch:
    """Let running campaigns dial again."""
    changing.switch_on(session, viewer.actor, now)
    return Switch(dialling=True, why=None)
