"""Imports: a file is handed in, checked while it streams, and read by a worker afterwards."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import IO, Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from campaigns import hints, importing, operating
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.db import transaction
from campaigns.drafting import options_for_campaign
from campaigns.importing import Comparison, Examination, ImportOptions
from campaigns.models import Import
from campaigns.web.api.shapes import (
    CONFLICT,
    LARGEST_ID,
    NOT_FOUND,
    Before,
    BoundedRoute,
    Id,
    Limit,
    Page,
)
from campaigns.web.api.uploads import XLSX_TYPE, Upload, receive_file
from campaigns.web.auth import Viewer, ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SettingsDep
from campaigns.web.taking_out import IMPORT_FILE

# A file is bounded by its own limit, while it streams to disk.
router = APIRouter(prefix="/imports", tags=["imports"])
bounded = APIRouter(route_class=BoundedRoute)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "format": "binary"}},
            XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}
_IN_MEMORY = 1024 * 1024
_CHUNK = 64 * 1024


class ImportRequest(ImportOptions):
    """Into which campaign a file goes, and what of its columns is known; the rest is guessed."""

    campaign_id: int = Field(ge=1, le=LARGEST_ID)
    file_name: str | None = Field(
        None, max_length=200, description="The file's name, when the body is the bare file."
    )
    confirm: bool = Field(
        True, description="False: only keep the file, to be examined and confirmed later."
    )

    def options(self) -> ImportOptions:
        """The overrides alone."""
        return ImportOptions(**self.model_dump(exclude={"campaign_id", "file_name", "confirm"}))


class RepairExample(BaseModel):
    """Something that was put right in a file."""

    line: int
    before: str = Field(examples=["1.2025550143E+10"])
    after: str = Field(examples=["+12025550143"])


class RepairKind(BaseModel):
    """One kind of repair: what it is, how often, and a few examples."""

    kind: str = Field(examples=["exponent"])
    words: str = Field(examples=["numbers in scientific notation were written out"])
    count: int
    examples: list[RepairExample] = Field(description="At most 20.")


class ImportView(BaseModel):
    """One file of recipients on its way into one campaign, or done."""

    id: int
    campaign_id: int
    file_name: str
    status: str = Field(
        description="uploaded, waiting, running, done, failed, undone or discarded",
        examples=["done"],
    )
    already: bool = Field(False, description="This file was imported, or on its way, before.")
    sentence: str = Field(description="What happened, in words.")
    error: str | None
    progress: float = Field(description="How much of the file is read, 0 to 1.")
    rows_read: int
    rows_imported: int
    rows_rejected: int
    rows_opted_out: int
    rows_moved: int = Field(description="Appointments that were there at another time.")
    rows_missing: int = Field(description="Appointments ahead that the list does not have.")
    rows_recently_called: int = Field(
        description="Imported people who were called, in any campaign, within the 7 days before."
    )
    rejects_by_reason: dict[str, int]
    repairs: dict[str, int] = Field(description="What was put right, counted by kind.")
    file_kept: bool = Field(description="Whether the import can be confirmed without a new file.")
    options: dict[str, Any]
    mapping: dict[str, Any] | None = Field(description="What each column was taken for.")
    created_at: datetime
    finished_at: datetime | None


def _open_campaign(request: Request, asked: Annotated[ImportRequest, Query()]) -> ImportRequest:
    """Look for the campaign first: nobody shall upload for minutes to be told it is not there."""
    with transaction(request.app.state.engine) as session:
        campaign_by_id(session, asked.campaign_id)
    return asked


async def _uploaded(
    request: Request,
    config: SettingsDep,
    asked: Annotated[ImportRequest, Depends(_open_campaign)],
) -> AsyncIterator[Upload]:
    upload = await receive_file(request, config.data_dir, config.max_upload_mb, asked.file_name)
    try:
        yield upload
    except BaseException:
        upload.kept = False
        raise
    finally:
        if not upload.kept:
            upload.path.unlink(missing_ok=True)


@router.post(
    "",
    status_code=202,
    openapi_extra=_BODY,
    responses=NOT_FOUND
    | CONFLICT
    | {
        200: {"model": ImportView, "description": "This very file is known; see `already`."},
        413: {"description": "The file is too large; nothing was imported."},
        415: {"description": "Neither multipart/form-data nor text/csv."},
    },
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def create_import(
    asked: Annotated[ImportRequest, Depends(_open_campaign)],
    upload: Annotated[Upload, Depends(_uploaded, scope="function")],
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    response: Response,
) -> ImportView:
    """Hand in a CSV or XLSX file of recipients. A worker reads it; ask for the import to see how
    far it is.

    The same file into the same campaign is one import, however often it is sent.
    """
    hand_in = importing.register if asked.confirm else importing.hand_in
    registered = hand_in(
        session,
        asked.campaign_id,
        file_name=upload.file_name,
        file=upload.file,
        options=options_for_campaign(session, asked.campaign_id, asked.options()),
        stored_at=upload.stored_at,
    )
    upload.kept = registered.row.stored_at == upload.stored_at
    if registered.already:
        response.status_code = 200
    else:
        operating.note_import(session, registered.row, "create", viewer.actor, now)
        if asked.confirm:
            later.send(hints.IMPORT, registered.row.id)
    return _view(registered.row, viewer, already=registered.already)


@router.get("", dependencies=[needs(Permission.SEE)])
def list_imports(
    session: SessionDep,
    viewer: ViewerDep,
    before: Before = None,
    limit: Limit = 100,
    campaign_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> Page[ImportView]:
    """Imports, the latest first; of one campaign, or of all."""
    found = importing.list_imports(session, before, limit, campaign_id)
    return Page(
        items=[_view(row, viewer) for row in found],
        next=found[-1].id if len(found) == limit else None,
    )


@bounded.get("/{import_id}", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_import(import_id: Id, session: SessionDep, viewer: ViewerDep) -> ImportView:
    """How far an import is, or how it ended."""
    return _view(importing.find(session, import_id), viewer)


@bounded.get(
    "/{import_id}/examination",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.SEE_NUMBERS)],
)
def get_examination(
    import_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    asked: Annotated[ImportOptions, Query()],
) -> Examination:
    """The first rows of a stored file, what each would become, and what is still to be decided.

    Options in the query take the place of those the file was handed in with, all of them.
    """
    options = asked if asked.model_fields_set else None
    return importing.examine(session, import_id, options, now, data_dir=config.data_dir)


@bounded.get(
    "/{import_id}/comparison",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.SEE_NUMBERS)],
)
def get_comparison(
    import_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    asked: Annotated[ImportOptions, Query()],
) -> Comparison | None:
    """How many appointments a stored list would move, and how many ahead are not in it.

    Of a reminder that has appointments ahead; null otherwise. The whole list is read; nothing is
    changed. Options in the query are as for the examination.
    """
    options = asked if asked.model_fields_set else None
    return importing.compare_import(session, import_id, options, now, data_dir=config.data_dir)


@bounded.post(
    "/{import_id}/confirm",
    status_code=202,
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def confirm_import(
    import_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    options: Annotated[ImportOptions | None, Body()] = None,
) -> ImportView:
    """Import a stored file: one that was only uploaded, that failed, or that was undone.

    Without options it is read with those it was handed in with.
    """
    row = importing.confirm(session, import_id, options, now)
    operating.note_import(session, row, "confirm", viewer.actor, now)
    later.send(hints.IMPORT, row.id)
    return _view(row, viewer)


@bounded.post(
    "/{import_id}/undo",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def undo_import(import_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> ImportView:
    """Remove everybody whom an import brought, as long as nobody of them was called."""
    operating.undo_import(session, import_id, viewer.actor, now)
    return _view(importing.find(session, import_id), viewer)


@bounded.post(
    "/{import_id}/discard",
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def discard_import(
    import_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep, config: SettingsDep
) -> ImportView:
    """Forget a file that was not imported, and delete it."""
    importing.discard(session, import_id, config.data_dir)
    row = importing.find(session, import_id)
    operating.note_import(session, row, "discard", viewer.actor, now)
    return _view(row, viewer)


@bounded.get(
    "/{import_id}/repairs",
    responses=NOT_FOUND,
    dependencies=[needs(Permission.SEE_NUMBERS)],
)
def get_repairs(import_id: Id, session: SessionDep) -> list[RepairKind]:
    """What was put right in the file, the commonest kind first, with examples."""
    examples = importing.repairs_of(session, import_id)
    counts = importing.summarise(session, import_id).repairs
    return [
        RepairKind(
            kind=kind,
            words=importing.REPAIR_WORDS.get(kind, kind),
            count=count,
            examples=[
                RepairExample(line=example.line, before=example.before, after=example.after)
                for example in examples
                if example.kind == kind
            ],
        )
        for kind, count in counts.items()
    ]


@bounded.get(
    "/{import_id}/rejects.csv",
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"text/csv": {}}}},
    dependencies=[needs(Permission.SEE_NUMBERS), IMPORT_FILE],
)
def get_rejects(import_id: Id, session: SessionDep) -> StreamingResponse:
    """The rows that were not imported, each with its reason, to be corrected and sent again."""
    # Written out first: a slow reader must not keep a transaction of the database open.
    spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by the stream that reads it
        max_size=_IN_MEMORY, mode="w+", encoding="utf-8", newline=""
    )
    try:
        importing.write_rejects(session, import_id, spool)  # type: ignore[arg-type]
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    disposition = f'attachment; filename="import-{import_id}-rejects.csv"'
    return StreamingResponse(
        _pieces(spool), media_type="text/csv", headers={"Content-Disposition": disposition}
    )


def _pieces(spool: IO[str]) -> Iterator[str]:
    with spool:
        while piece := spool.read(_CHUNK):
            yield piece


def _view(row: Import, viewer: Viewer, *, already: bool = False) -> ImportView:
    told = importing.summary_of(row)
    view = ImportView(
        **{name: getattr(row, name) for name in ("id", "campaign_id", "file_name", "status")},
        already=already,
        sentence=told.sentence,
        error=row.error,
        progress=_progress(row),
        rows_read=row.rows_read,
        rows_imported=row.rows_imported,
        rows_rejected=row.rows_rejected,
        rows_opted_out=row.rows_opted_out,
        rows_recently_called=row.rows_recently_called,
        rows_moved=row.rows_moved,
        rows_missing=row.rows_missing,
        rejects_by_reason=told.rejects_by_reason,
        repairs=told.repairs,
        file_kept=row.stored_at is not None,
        options=row.options,
        mapping=row.mapping,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
    return viewer.shown(view)


def _progress(row: Import) -> float:
    if row.status == "done":
        return 1.0
    return min(row.bytes_read / row.bytes_total, 1.0) if row.bytes_total else 0.0


router.include_router(bounded)
