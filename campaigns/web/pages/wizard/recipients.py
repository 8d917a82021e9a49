"""Step one: whom to call. Lists come in, are looked at, imported, and may be undone."""

from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import importing
from campaigns.access import Permission
from campaigns.drafting.review import people_of
from campaigns.importing import REPAIR_WORDS, Summary
from campaigns.models import Campaign, Import
from campaigns.store.imports import RepairRow
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import needs
from campaigns.web.dependencies import SessionDep, SettingsDep
from campaigns.web.pages.rendering import render
from campaigns.web.pages.wizard.frame import (
    DraftDep,
    is_draft,
    show_step,
    steps_of,
    to_its_page,
)

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/recipients",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

MOST_SHOWN = 30
MOST_EXAMPLES = 6
ON_ITS_WAY = ("waiting", "running")
# Why rows were rejected, as a person reads it.
REJECT_WORDS = {
    "duplicate": "already in this list or campaign",
    "no_number": "no phone number",
    "empty": "no phone number",
    "not_a_number": "not a phone number",
    "letters": "letters in the number",
    "digits_lost": "digits lost in a spreadsheet",
    "damaged_by_spreadsheet": "number damaged by a spreadsheet",
    "plus_lost": "country code unclear",
    "ambiguous_number": "number can be read in two ways",
    "needs_country_code": "country code needed",
    "two_numbers": "two numbers in one",
    "extension": "has an extension",
    "emergency": "emergency number",
    "short_number": "short number",
    "no_area_code": "no area code",
    "invalid": "no such phone number",
    "premium": "premium-rate number",
    "toll_free": "toll-free number",
    "other_type": "not a personal number",
    "fictional": "reserved for fiction",
    "unknown_time_zone": "unknown time zone",
    "time_zone_needed": "time zone needed",
    "no_appointment": "no appointment",
    "bad_appointment": "appointment cannot be read",
    "too_many_cells": "too many cells in the row",
    "nul_byte": "damaged row",
    "bad_characters": "damaged characters",
    "cell_too_long": "a cell is too long",
}


class List(NamedTuple):
    """One file of the campaign as the page shows it."""

    row: Import
    told: Summary
    percent: int
    rejects: list[tuple[str, int]]
    repairs: list[tuple[str, int]]
    examples: list[RepairRow]

    @property
    def moving(self) -> bool:
        """Whether it changes by itself."""
        return self.row.status in ON_ITS_WAY


@router.get("")
def show_recipients(
    request: Request, campaign: DraftDep, session: SessionDep, config: SettingsDep
) -> Response:
    """The campaign's lists and the place to drop another one."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    return show_step(
        request,
        session,
        campaign,
        "recipients",
        **_context(session, campaign),
        max_upload_mb=config.max_upload_mb,
    )


@router.get("/lists/now")
def show_lists(request: Request, campaign: DraftDep, session: SessionDep) -> HTMLResponse:
    """The lists alone, for a page that watches an import."""
    return render(
        request,
        "wizard/lists.html",
        campaign=campaign,
        step="recipients",
        steps=steps_of(campaign, people_of(session, campaign)),
        out_of_band=True,
        **_context(session, campaign),
    )


def _context(session: Session, campaign: Campaign) -> dict[str, Any]:
    lists = [
        list_of(session, row)
        for row in importing.list_imports(session, None, MOST_SHOWN, campaign.id)
    ]
    return {"lists": lists, "moving": any(one.moving for one in lists)}


def list_of(session: Session, row: Import) -> List:
    """A file with its counts in words."""
    told = importing.summary_of(row)
    examples = importing.repairs_of(session, row.id) if told.repairs else []
    return List(
        row=row,
        told=told,
        percent=_percent(row),
        rejects=[
            (REJECT_WORDS.get(reason, reason.replace("_", " ")), count)
            for reason, count in told.rejects_by_reason.items()
        ],
        repairs=[(REPAIR_WORDS.get(kind, kind), count) for kind, count in told.repairs.items()],
        examples=examples[:MOST_EXAMPLES],
    )


def _percent(row: Import) -> int:
    if row.status == "done":
        return 100
    return min(99, round(100 * row.bytes_read / row.bytes_total)) if row.bytes_total else 0
