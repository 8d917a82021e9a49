"""Lists that were imported: how far they are, what was wrong in them, and taking them back."""

import tempfile
from collections.abc import Iterator
from itertools import chain
from typing import IO

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.responses import Response

from campaigns import importing, operating
from campaigns.access import Permission
from campaigns.csv_cells import BOM
from campaigns.errors import NotAllowed
from campaigns.store import changes
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep
from campaigns.web.pages.campaigns import place
from campaigns.web.pages.rendering import redirect, render
from campaigns.web.taking_out import IMPORT_FILE

LISTED = 30
_IN_MEMORY = 1024 * 1024
_CHUNK = 64 * 1024

router = APIRouter(prefix="/imports")


@router.get("", dependencies=[needs(Permission.SEE)])
def show_imports(request: Request, session: SessionDep, before: str = "") -> HTMLResponse:
    """The newest first."""
    return _list(request, session, before)


@router.get(
    "/{import_id:int}/rejects.csv", dependencies=[needs(Permission.SEE_NUMBERS), IMPORT_FILE]
)
def rejects(import_id: int, session: SessionDep) -> StreamingResponse:
    """The rows that were not imported, each with its reason, to be corrected and sent again."""
    known = min(import_id, LARGEST_ID)
    # Written out first: a slow reader must not keep a transaction of the database open.
    spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by the stream that reads it
        max_size=_IN_MEMORY, mode="w+", encoding="utf-8", newline=""
    )
    try:
        importing.write_rejects(session, known, spool)  # type: ignore[arg-type]
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    known_to_excel = chain([BOM], _pieces(spool))
    headers = {"Content-Disposition": f'attachment; filename="import-{known}-rejects.csv"'}
    return StreamingResponse(known_to_excel, media_type="text/csv", headers=headers)


@router.post("/{import_id:int}/undo", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def undo(
    request: Request, import_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Take everybody out again whom a list brought in, as long as nobody of them was called."""
    known = min(import_id, LARGEST_ID)
    try:
        with session.begin_nested():
            told = operating.undo_import(session, known, viewer.actor, now)
    except NotAllowed as problem:
        return _list(request, session, "", status=409, problem=str(problem))
    return redirect(request, "/imports", said=told.sentence)


def _list(
    request: Request, session: SessionDep, before: str, *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    found = importing.list_imports(session, place(before), LISTED + 1)
    shown = found[:LISTED]
    names = changes.names_of_campaigns(session, [one.campaign_id for one in shown])
    return render(
        request,
        "imports.html",
        status=status,
        rows=[(one, importing.summary_of(one), names[one.campaign_id]) for one in shown],
        older=f"/imports?before={shown[-1].id}" if len(found) > LISTED else "",
        first=not before,
        problem=problem,
    )


def _pieces(spool: IO[str]) -> Iterator[str]:
    with spool:
        while piece := spool.read(_CHUNK):
            yield piece
