"""Imports: a file is handed in, checked while it streams, and read by a worker afterwards."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from campaigns import hints, importing
from campaigns.campaigning import campaign_by_id
from campaigns.db import transaction
from campaigns.drafting import options_for_campaign
from campaigns.importing import ImportOptions
from campaigns.models import Import
from campaigns.web.api.shapes import CONFLICT, LARGEST_ID, NOT_FOUND, Id
from campaigns.web.api.uploads import Upload, receive_file
from campaigns.web.dependencies import AfterCommitDep, SessionDep, SettingsDep

# Not a BoundedRoute: an upload is bounded by its own limit, while it streams to disk.
router = APIRouter(prefix="/imports", tags=["imports"])

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "format": "binary"}},
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

    def options(self) -> ImportOptions:
        """The overrides alone."""
        return ImportOptions(**self.model_dump(exclude={"campaign_id", "file_name"}))


class ImportView(BaseModel):
    """One file of recipients on its way into one campaign, or done."""

    id: int
    campaign_id: int
    file_name: str
    status: str = Field(description="waiting, running, done or failed", examples=["done"])
    already: bool = Field(False, description="This file was imported, or on its way, before.")
    sentence: str = Field(description="What happened, in words.")
    error: str | None
    progress: float = Field(description="How much of the file is read, 0 to 1.")
    rows_read: int
    rows_imported: int
    rows_rejected: int
    rows_opted_out: int
    rejects_by_reason: dict[str, int]
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
)
def create_import(
    asked: Annotated[ImportRequest, Depends(_open_campaign)],
    upload: Annotated[Upload, Depends(_uploaded, scope="function")],
    session: SessionDep,
    later: AfterCommitDep,
    response: Response,
) -> ImportView:
    """Hand in a CSV file of recipients. A worker reads it; ask for the import to see how far it is.

    The same file into the same campaign is one import, however often it is sent.
    """
    registered = importing.register(
        session,
        asked.campaign_id,
        file_name=upload.file_name,
        file=upload.file,
        options=options_for_campaign(session, asked.campaign_id, asked.options()),
        stored_at=upload.stored_at,
    )
    if registered.already:
        response.status_code = 200
    else:
        upload.kept = True
        later.send(hints.IMPORT, registered.row.id)
    return _view(session, registered.row, already=registered.already)


@router.get("/{import_id}", responses=NOT_FOUND)
def get_import(import_id: Id, session: SessionDep) -> ImportView:
    """How far an import is, or how it ended."""
    return _view(session, importing.find(session, import_id))


@router.get(
    "/{import_id}/rejects.csv",
    response_class=StreamingResponse,
    responses=NOT_FOUND | {200: {"content": {"text/csv": {}}}},
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


def _view(session: SessionDep, row: Import, *, already: bool = False) -> ImportView:
    told = importing.summarise(session, row.id)
    return ImportView(
        **{name: getattr(row, name) for name in ("id", "campaign_id", "file_name", "status")},
        already=already,
        sentence=told.sentence,
        error=row.error,
        progress=_progress(row),
        rows_read=row.rows_read,
        rows_imported=row.rows_imported,
        rows_rejected=row.rows_rejected,
        rows_opted_out=row.rows_opted_out,
        rejects_by_reason=told.rejects_by_reason,
        options=row.options,
        mapping=row.mapping,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _progress(row: Import) -> float:
    if row.status == "done":
        return 1.0
    return min(row.bytes_read / row.bytes_total, 1.0) if row.bytes_total else 0.0
