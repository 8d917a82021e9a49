"""Step three: from when to when, at which hours, and for reminders how long before."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import compliance, recurring
from campaigns.access import Permission
from campaigns.compliance import WeeklyWindows, holiday_calendars
from campaigns.drafting import edit_draft, settings_of
from campaigns.drafting.estimating import next_openings
from campaigns.drafting.hours_in_words import whole_sentence
from campaigns.drafting.lengths import length_text, seconds_of
from campaigns.drafting.review import rules_of_most, zone_groups
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Campaign
from campaigns.reminders import ReminderRule
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import Viewer, ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep
from campaigns.web.pages.rendering import render
from campaigns.web.pages.wizard.forms import (
    Entries,
    EntriesDep,
    edit_of,
    local_value,
    moment,
)
from campaigns.web.pages.wizard.frame import (
    DraftDep,
    after_save,
    is_draft,
    show_step,
    to_its_page,
)
from campaigns.web.pages.wizard.recurrence import recurrence_in_words
from campaigns.web.pages.wizard.week import (
    PRESETS,
    days_of,
    days_typed,
    picture,
    windows_typed,
)

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/when",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

OPENINGS_SHOWN = 3


@router.get("")
def show_when(
    request: Request, campaign: DraftDep, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """The hours as they are kept."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    windows = WeeklyWindows.parse(campaign.windows)
    return _page(
        request, session, campaign, now, _values(session, campaign, viewer), windows, Entries()
    )


@router.post("")
def save_when(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Keep the hours and go on."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    asked = _asked(entries, campaign, viewer, now)
    edit = edit_of(entries, asked, {"windows": "hours"})
    if not entries.refused:
        try:
            edit_draft(session, campaign.id, edit, viewer.actor, now, seen="when")
        except (InvalidInput, NotAllowed) as refusal:
            entries.trouble = str(refusal)
        else:
            return after_save(request, campaign, "when", entries.text("do"))
    windows = _windows_or_none(entries)
    return _page(request, session, campaign, now, _typed(entries), windows, entries, status=422)


@router.post("/said")
def show_said(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> HTMLResponse:
    """What the typed hours mean: a sentence, a picture, and the next times."""
    asked = _asked(entries, campaign, viewer, now)
    windows = _windows_or_none(entries)
    start = asked.get("starts_at")
    return render(
        request,
        "wizard/hours_said.html",
        campaign=campaign,
        said=_said(session, campaign, windows, max(now, start) if start else now),
        errors=entries.errors,
    )


def _asked(entries: Entries, campaign: Campaign, viewer: Viewer, now: datetime) -> dict[str, Any]:
    later = entries.text("start") == "at"
    starts_at = moment(entries, "starts_at", viewer.zone) if later else None
    if later and starts_at is None:
        entries.refuse("starts_at", "say when it starts, or let it start as soon as you say")
    ends_at = moment(entries, "ends_at", viewer.zone)
    if ends_at is not None and ends_at <= (starts_at or now):
        entries.refuse("ends_at", "the end must lie after the start")
    windows: dict[str, Any] = windows_typed(entries)
    holidays = _holidays(entries)
    asked: dict[str, Any] = {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "windows": windows,
        "holidays": holidays,
    }
    if campaign.kind == "reminder":
        asked |= _rule(entries)
    return asked


def _rule(entries: Entries) -> dict[str, Any]:
    """One reminder or several, as they are typed: "3d, 24h, 2h"."""
    found: dict[str, list[float]] = {}
    for name, fallback in (("offset", ""), ("deadline", "0")):
        parts = (entries.text(name) or fallback).replace(";", ",").split(",")
        try:
            found[name] = [seconds_of(part) for part in parts if part.strip() or len(parts) == 1]
        except ValueError as problem:
            entries.refuse(name, str(problem))
    if len(found) < 2:
        return {}
    offsets, ends = found["offset"], found["deadline"]
    try:
        ReminderRule.of(offsets, ends if len(ends) > 1 else ends[0])
    except InvalidInput as problem:
        near = any(end >= min(offsets) for end in ends)
        told = "this must be nearer to the appointment than the call" if near else str(problem)
        entries.refuse("deadline" if near or "deadlines" in told else "offset", told)
        return {}
    several = len(offsets) > 1
    asked: dict[str, Any] = {"offsets": offsets} if several else {"offset": offsets[0]}
    asked |= {"deadlines": ends} if len(ends) > 1 else {"deadline": ends[0]}
    return asked | {"again_when_confirmed": several and entries.has("again_when_confirmed")}


def _holidays(entries: Entries) -> dict[str, Any] | None:
    country = entries.text("holiday_country")
    dates = [word for word in entries.text("closed_dates").replace(",", " ").split() if word]
    value: dict[str, Any] = {}
    if country:
        code, _, part = country.partition("-")
        value["country"] = code
        part = entries.text("holiday_part") or part
        if part:
            value["subdivision"] = part
    if dates:
        value["dates"] = dates
    opened = [word for word in entries.text("open_dates").replace(",", " ").split() if word]
    if opened and country:
        value["except"] = opened
    if not value:
        return None
    try:
        compliance.Holidays.parse(value)
    except InvalidInput as problem:
        about_place = " part " in str(problem) or "holidays of" in str(problem)
        entries.refuse("holiday_country" if about_place else "closed_dates", str(problem))
    return value


def _windows_or_none(entries: Entries) -> WeeklyWindows | None:
    table: dict[str, Any] = windows_typed(entries)
    holidays = _holidays(entries)
    try:
        return WeeklyWindows.parse({**table, "holidays": holidays} if holidays else table)
    except InvalidInput:
        return None


def _values(session: Session, campaign: Campaign, viewer: Viewer) -> dict[str, Any]:
    kept = settings_of(session, campaign)
    holidays = WeeklyWindows.parse(campaign.windows).holidays
    return {
        "start": "at" if kept["starts_at"] else "now",
        "starts_at": local_value(kept["starts_at"], viewer.zone),
        "ends_at": local_value(kept["ends_at"], viewer.zone),
        **_rule_values(campaign),
        "holiday_country": (holidays.country or "") if holidays else "",
        "holiday_part": (holidays.subdivision or "") if holidays else "",
        "closed_dates": ", ".join(map(str, holidays.dates)) if holidays else "",
        "open_dates": ", ".join(map(str, holidays.open_dates)) if holidays else "",
    }


def _rule_values(campaign: Campaign) -> dict[str, str]:
    """A reminder rule as it is typed; deadlines that follow from the next reminder are left out."""
    if campaign.kind != "reminder" or campaign.reminder is None:
        return {"offset": "", "deadline": "", "again_when_confirmed": ""}
    rule = ReminderRule.parse(campaign.reminder)
    offsets = [stage.offset for stage in rule.stages]
    last = rule.stages[-1].deadline
    ends = [last] if ReminderRule.of(offsets, last).stages == rule.stages else None
    shown = ends or [stage.deadline for stage in rule.stages]
    return {
        "offset": ", ".join(map(length_text, offsets)),
        "deadline": "" if shown == [0.0] else ", ".join(map(length_text, shown)),
        "again_when_confirmed": "yes" if rule.again_when_confirmed else "",
    }


def _typed(entries: Entries) -> dict[str, Any]:
    names = ("start", "starts_at", "ends_at", "offset", "deadline", "again_when_confirmed")
    holidays = ("holiday_country", "holiday_part", "closed_dates", "open_dates")
    return {name: entries.values.get(name, "") for name in (*names, *holidays)}


def _said(
    session: Session, campaign: Campaign, windows: WeeklyWindows | None, start: datetime
) -> dict[str, Any]:
    """The sentence, the picture and the next openings of these hours."""
    if windows is None:
        return {
            "sentence": "",
            "picture": [],
            "openings": [],
            "rules": "",
            "anybody": False,
            "more": 0,
        }
    groups = zone_groups(session, campaign, start, windows)
    stretches = next_openings(groups, start, OPENINGS_SHOWN)
    ruled = rules_of_most(session, campaign, start)
    always = str(ruled) == "always"
    return {
        "sentence": whole_sentence(windows),
        "picture": picture(windows, ruled),
        "openings": stretches,
        "rules": "" if always else whole_sentence(ruled),
        "anybody": bool(groups),
        "more": max(0, len(groups) - OPENINGS_SHOWN),
    }


def _page(
    request: Request,
    session: Session,
    campaign: Campaign,
    now: datetime,
    values: dict[str, Any],
    windows: WeeklyWindows | None,
    entries: Entries,
    *,
    status: int = 200,
) -> HTMLResponse:
    start = max(now, campaign.starts_at) if campaign.starts_at else now
    kept = WeeklyWindows.parse(campaign.windows)
    return show_step(
        request,
        session,
        campaign,
        "when",
        status=status,
        form=values,
        errors=entries.errors,
        trouble=entries.trouble,
        days=days_typed(entries) if entries.values else days_of(kept),
        said=_said(session, campaign, windows, start),
        presets=[(name, WeeklyWindows.parse(hours).serialise()) for name, hours in PRESETS],
        calendars=holiday_calendars(),
        recurs=recurrence_in_words(recurring.recurrence_of_campaign(session, campaign.id)),
    )
