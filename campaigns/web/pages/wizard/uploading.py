"""A list on its way in from the browser, and its examination before anything is imported."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from campaigns import hints, importing, operating
from campaigns.access import Permission
from campaigns.clocks import there_in_short
from campaigns.drafting import options_for_campaign
from campaigns.errors import InvalidInput, NotAllowed, NotFound, OutdialError
from campaigns.importing import Comparison, Examination, ImportOptions
from campaigns.models import Campaign, Import
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.api.uploads import Upload, receive_file
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SettingsDep
from campaigns.web.pages.rendering import redirect, render
from campaigns.web.pages.wizard.columns import (
    asked_options,
    chosen_of,
    country_choices,
    roles,
    shown_columns,
)
from campaigns.web.pages.wizard.forms import Entries, EntriesDep
from campaigns.web.pages.wizard.frame import DraftDep, is_draft, show_step, step_url, to_its_page
from campaigns.web.pages.wizard.recipients import REJECT_WORDS

# A longer list is compared with the people there are only when somebody asks: all of it is read.
COMPARED_UNASKED = 1_000_000

_NEEDS = [needs(Permission.RUN_CAMPAIGNS)]

router = APIRouter(prefix="/campaigns/{campaign_id}/setup/recipients", route_class=BoundedRoute)
# Not a BoundedRoute: an upload is bounded by its own limit, while it streams to disk.
upload_router = APIRouter(prefix="/campaigns/{campaign_id}/setup/recipients")


def _open_draft(campaign: DraftDep) -> Campaign:
    if not is_draft(campaign):
        raise NotAllowed(
            f"“{campaign.name}” is {campaign.status}. Nothing was stored. "
            "Add people on the campaign's page."
        )
    return campaign


async def _uploaded(
    request: Request, config: SettingsDep, _campaign: Annotated[Campaign, Depends(_open_draft)]
) -> AsyncIterator[Upload]:
    upload = await receive_file(request, config.data_dir, config.max_upload_mb, None)
    try:
        yield upload
    except BaseException:
        upload.kept = False
        raise
    finally:
        if not upload.kept:
            upload.path.unlink(missing_ok=True)


@upload_router.post("", dependencies=_NEEDS)
def take_file(
    request: Request,
    campaign: DraftDep,
    upload: Annotated[Upload, Depends(_uploaded, scope="function")],
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Keep a file to be looked at; a script is told where, a plain form is sent there."""
    registered = importing.hand_in(
        session,
        campaign.id,
        file_name=upload.file_name,
        file=upload.file,
        stored_at=upload.stored_at,
        options=options_for_campaign(session, campaign.id, ImportOptions()),
    )
    upload.kept = registered.row.stored_at == upload.stored_at
    if not registered.already:
        size = upload.file.size
        operating.note_import(session, registered.row, "create", viewer.actor, now, bytes=size)
    to = _where(campaign, registered.row)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"to": to})
    return redirect(request, to)


@router.get("/{import_id}", dependencies=_NEEDS)
def show_file(
    request: Request,
    campaign: DraftDep,
    import_id: int,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
) -> Response:
    """What the file is taken for, row by row, before it is imported."""
    row = import_of(session, campaign, import_id)
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    if row.status not in ("uploaded", "undone", "failed"):
        return redirect(request, step_url(campaign.id, "recipients"))
    asked = ImportOptions.model_validate(row.options)
    return _examined(request, session, campaign, row, asked, now, config)


@router.post("/{import_id}", dependencies=_NEEDS)
def decide(
    request: Request,
    campaign: DraftDep,
    import_id: int,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    config: SettingsDep,
    later: AfterCommitDep,
) -> Response:
    """Look again with other choices, or import with these."""
    row = import_of(session, campaign, import_id)
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    asked = asked_options(entries)
    if entries.refused or entries.text("do") != "import":
        return _examined(request, session, campaign, row, asked, now, config, entries)
    try:
        found = importing.examine(session, row.id, asked, now, data_dir=config.data_dir)
        if found.problem is not None:
            return _examined(request, session, campaign, row, asked, now, config, entries, 422)
        importing.confirm(session, row.id, asked, now)
    except NotAllowed as refusal:
        entries.trouble = str(refusal)
        return _examined(request, session, campaign, row, asked, now, config, entries, 409)
    _remember(campaign, asked)
    chosen = asked.model_dump(mode="json", exclude_none=True)
    operating.note_import(session, row, "confirm", viewer.actor, now, options=chosen)
    later.send(hints.IMPORT, row.id)
    return redirect(request, step_url(campaign.id, "recipients"))


@router.post("/{import_id}/discard", dependencies=_NEEDS)
def discard_file(
    request: Request,
    campaign: DraftDep,
    import_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    config: SettingsDep,
) -> Response:
    """Forget a file that was not imported."""
    row = import_of(session, campaign, import_id)
    importing.discard(session, row.id, config.data_dir)
    operating.note_import(session, row, "discard", viewer.actor, now)
    return redirect(
        request, step_url(campaign.id, "recipients"), said=f"“{row.file_name}” was discarded."
    )


@router.post("/{import_id}/undo", dependencies=_NEEDS)
def undo_import(
    request: Request,
    campaign: DraftDep,
    import_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Take everybody out again whom a file brought in."""
    row = import_of(session, campaign, import_id)
    told = operating.undo_import(session, row.id, viewer.actor, now)
    return redirect(request, step_url(campaign.id, "recipients"), said=told.sentence)


def import_of(session: SessionDep, campaign: Campaign, import_id: int) -> Import:
    """An import of this campaign; raises `NotFound`."""
    if not 0 < import_id < 2**63:
        raise NotFound(f"There is no import {import_id}.")
    row = importing.find(session, import_id)
    if row.campaign_id != campaign.id:
        raise NotFound(f"There is no import {import_id} in this campaign.")
    return row


def _where(campaign: Campaign, row: Import) -> str:
    page = step_url(campaign.id, "recipients")
    return f"{page}/{row.id}" if row.status in ("uploaded", "undone", "failed") else page


def _remember(campaign: Campaign, asked: ImportOptions) -> None:
    """The next list is most likely written in the same way."""
    if campaign.reminder is not None and asked.date_format is not None:
        campaign.reminder = {**campaign.reminder, "date_format": asked.date_format}


def _examined(
    request: Request,
    session: SessionDep,
    campaign: Campaign,
    row: Import,
    asked: ImportOptions,
    now: NowDep,
    config: SettingsDep,
    entries: Entries | None = None,
    status: int = 200,
) -> Response:
    form = entries or Entries()
    found: Examination | None = None
    try:
        found = importing.examine(session, row.id, asked, now, data_dir=config.data_dir)
    except InvalidInput as problem:
        form.trouble = form.trouble or str(problem)
        found = _as_it_stands(session, row, now, config)
    except NotAllowed as problem:
        form.trouble = str(problem)
    beside, long = _beside(session, row, asked, found, now, config, form)
    context: dict[str, Any] = {
        "row": row,
        "beside": beside,
        "too_long_to_compare": long,
        "found": found,
        "columns": shown_columns(found, asked) if found else [],
        "reject_words": REJECT_WORDS,
        "chosen": chosen_of(asked, found, campaign.default_country) | _typed_zone(form),
        "there": there_in_short,
        "countries": country_choices(),
        "roles": roles(campaign.kind == "reminder"),
        "errors": form.errors,
        "trouble": form.trouble,
    }
    if request.headers.get("hx-request") == "true" and request.method == "POST":
        return render(request, "wizard/examination.html", status=200, campaign=campaign, **context)
    code = status if status != 200 or not form.refused else 422
    return show_step(
        request, session, campaign, "recipients", status=code, template="list", **context
    )


def _beside(
    session: SessionDep,
    row: Import,
    asked: ImportOptions,
    found: Examination | None,
    now: NowDep,
    config: SettingsDep,
    entries: Entries,
) -> tuple[Comparison | None, bool]:
    """What the list would move and leave out; and whether it is too long to say so unasked."""
    if found is None or found.problem or not found.date_format:
        return None, False
    if not importing.has_appointments_ahead(session, row.campaign_id, now):
        return None, False
    if row.bytes_total > COMPARED_UNASKED and entries.text("do") != "compare":
        return None, True
    try:
        told = importing.compare_import(session, row.id, asked, now, data_dir=config.data_dir)
    except OutdialError:  # what is wrong is told beside the columns
        return None, False
    return told, False


def _typed_zone(entries: Entries) -> dict[str, str]:
    """A zone that was refused, so that it can be corrected instead of typed again."""
    if "appointment_zone" not in entries.errors:
        return {}
    return {"appointment_zone": entries.text("appointment_zone")}


def _as_it_stands(
    session: SessionDep, row: Import, now: NowDep, config: SettingsDep
) -> Examination | None:
    """The file without any choice of ours, so that a wrong one can be taken back."""
    try:
        return importing.examine(session, row.id, ImportOptions(), now, data_dir=config.data_dir)
    except OutdialError:
        return None
