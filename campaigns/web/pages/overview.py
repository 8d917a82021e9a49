"""The overview: what runs, whether anybody can be called at all, and the switch that stops it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from campaigns import changing, reporting
from campaigns.access import Permission
from campaigns.db import database_now, transaction
from campaigns.reporting.values import CampaignCounts, CampaignView, Overview
from campaigns.store import changes, dispatch
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SnapshotDep,
    SurroundingsDep,
)
from campaigns.web.glances import glances_of
from campaigns.web.pages.campaign_changes import taken_back
from campaigns.web.pages.live import answer_counts, people_counts, segments
from campaigns.web.pages.rendering import redirect, render

OTHERS = 8  # campaigns that are not running, below those that are

router = APIRouter()


@router.get("/", dependencies=[needs(Permission.SEE)])
def show_overview(request: Request, session: SnapshotDep, around: SurroundingsDep) -> HTMLResponse:
    """Everything on one page."""
    switched_on = dispatch.dialing_enabled(session)
    page = _overview(request, around, switched_on)
    archived = changes.archived_among(session, [one.campaign.id for one in page.campaigns])
    active = [one for one in page.campaigns if one.campaign.status in ("running", "paused")]
    return render(
        request,
        "overview.html",
        page=page,
        switched_on=switched_on,
        health=health_sentence(page),
        active=active,
        others=[
            one for one in page.campaigns if one not in active and one.campaign.id not in archived
        ][:OTHERS],
        problems=_problems(page, active),
        totals=_totals(page),
        segments=segments,
        counts=lambda one: [*people_counts(one), *answer_counts(one)],
    )


@router.post("/kill-switch/off", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def switch_off(
    request: Request,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    why: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Dial nobody any more, in any campaign."""
    reason = why.strip() or f"by {viewer.actor.name}"
    recalled = changing.switch_off(session, viewer.actor, now, reason)
    later.recall(recalled)
    said = f"Dialling is off everywhere.{taken_back(len(recalled))}"
    return redirect(request, "/", said=said)


@router.post("/kill-switch/on", dependencies=[needs(Permission.ADMINISTER)])
def switch_on(request: Request, session: SessionDep, now: NowDep, viewer: ViewerDep) -> Response:
    """Let running campaigns dial again."""
    changing.switch_on(session, viewer.actor, now)
    return redirect(request, "/", said="Dialling is on again. Running campaigns go on.")


def health_sentence(page: Overview) -> str:
    """The system in one sentence."""
    if page.health.blocked is not None:
        return f"Nobody is called: {page.health.blocked}."
    if not page.health.ok:
        return "Something needs attention."
    return "Everything is up and calls can be placed."


def _problems(page: Overview, active: Sequence[CampaignCounts]) -> list[tuple[CampaignView, str]]:
    """What needs a person, campaign by campaign; what holds everybody back is said once, above."""
    all_held = f"Nobody is called: {page.health.blocked}."
    return [
        (one.campaign, problem) for one in active for problem in one.problems if problem != all_held
    ]


def _totals(page: Overview) -> dict[str, float | int | None]:
    """The whole installation in four numbers."""
    running = [one for one in page.campaigns if one.campaign.status == "running"]
    calls = sum(one.calls for one in running)
    answered = sum((one.answer_rate or 0.0) * one.calls for one in running)
    return {
        "running": len(running),
        "phone": sum(one.on_the_phone for one in page.campaigns),
        "minute": sum(one.calls_last_minute for one in page.campaigns),
        "rate": answered / calls if calls else None,
    }


def _overview(request: Request, around: SurroundingsDep, switched_on: bool) -> Overview:
    def count() -> Overview:
        with transaction(request.app.state.engine) as session:
            reporting.read_one_snapshot(session)
            return reporting.overview(session, database_now(session), around)

    # Whoever has just pressed the switch sees what came of it.
    return glances_of(request.app).at(("overview", switched_on), count)
