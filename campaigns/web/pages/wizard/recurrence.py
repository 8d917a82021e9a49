"""Aside of step three: the campaign recurs, each time with its list as it is then."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import recurring
from campaigns.access import Permission
from campaigns.compliance import holiday_calendars
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Campaign, Recurrence
from campaigns.recurring import NewRecurrence, Reader, Rule
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import Viewer, ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SettingsDep
from campaigns.web.pages.rendering import redirect
from campaigns.web.pages.wizard.columns import COMMON_ZONES
from campaigns.web.pages.wizard.forms import Entries, EntriesDep
from campaigns.web.pages.wizard.frame import DraftDep, is_draft, show_step, to_its_page
from campaigns.web.pages.wizard.week import DAYS

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/recurrence",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

AHEAD = 4


@router.get("")
def show_recurrence(
    request: Request, campaign: DraftDep, session: SessionDep, viewer: ViewerDep
) -> Response:
    """When it recurs, or the form that makes it recur."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    return _page(request, session, campaign, viewer, Entries())


@router.post("")
def make_recur(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    config: SettingsDep,
) -> Response:
    """Let it recur from now on."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    rule, source = _rule(entries, viewer), _source(entries)
    if not entries.refused:
        new = NewRecurrence(campaign.id, rule, source, unchanged=entries.text("unchanged") or None)
        try:
            with session.begin_nested():
                made = recurring.create_recurrence(
                    session, new, Reader.of(config), viewer.actor, now
                )
        except InvalidInput as refusal:
            entries.trouble = str(refusal)
        except NotAllowed as refusal:
            entries.trouble = str(refusal)
        else:
            told = f"“{campaign.name}” recurs: {Rule.parse(made.rule)}."
            return redirect(request, f"/campaigns/{campaign.id}/setup/recurrence", said=told)
    return _page(request, session, campaign, viewer, entries, status=422)


@router.post("/end")
def end(
    request: Request, campaign: DraftDep, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Let it recur no more."""
    found = recurring.recurrence_of_campaign(session, campaign.id)
    if found is not None:
        recurring.end_recurrence(session, found.id, viewer.actor, now)
    return redirect(request, f"/campaigns/{campaign.id}/setup/when", said="It no longer recurs.")


def recurrence_in_words(row: Recurrence | None) -> str:
    """When a campaign recurs; "" when it does not."""
    return "" if row is None else f"{Rule.parse(row.rule)}, from {recurring.source_of(row)}"


def _rule(entries: Entries, viewer: Viewer) -> dict[str, Any]:
    days = [day for day in entries.every("day") if day]
    if not days:
        entries.refuse("day", "choose at least one day")
    if not entries.text("time"):
        entries.refuse("time", "say at what time")
    rule: dict[str, Any] = {
        "days": days or None,
        "times": [entries.text("time")],
        "zone": entries.text("zone") or str(viewer.zone),
    }
    for name in ("starts_on", "ends_on"):
        if entries.text(name):
            rule[name] = entries.text(name)
    if entries.text("country"):
        rule["holidays"] = {"country": entries.text("country")}
    if not entries.refused:
        try:
            Rule.parse(rule)
        except InvalidInput as problem:
            entries.trouble = str(problem)
    return rule


def _source(entries: Entries) -> dict[str, str]:
    where = entries.text("where")
    if not where:
        entries.refuse("where", "say where the list is read each time")
    return {"url" if "://" in where else "file": where}


def _page(
    request: Request,
    session: Session,
    campaign: Campaign,
    viewer: Viewer,
    entries: Entries,
    *,
    status: int = 200,
) -> HTMLResponse:
    found = recurring.recurrence_of_campaign(session, campaign.id)
    names = ("time", "zone", "starts_on", "ends_on", "country", "where", "unchanged")
    typed = {name: entries.values.get(name, "") for name in names}
    fresh = {"time": "09:00", "zone": str(viewer.zone)}
    return show_step(
        request,
        session,
        campaign,
        "when",
        status=status,
        template="recurrence",
        found=found,
        told=recurrence_in_words(found),
        ahead=recurring.upcoming(found, AHEAD) if found is not None else [],
        form=typed if entries.values else {**typed, **fresh},
        chosen_days=entries.every("day") or ["mon"],
        days=DAYS,
        zones=COMMON_ZONES,
        calendars=holiday_calendars(),
        errors=entries.errors,
        trouble=entries.trouble,
    )
