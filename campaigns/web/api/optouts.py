"""Numbers that are never called: found, added, taken in and out as files, undone with a reason."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from campaigns import opting_out
from campaigns.access import Permission
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.opting_out import OptOutRow
from campaigns.web.api.optout_shapes import (
    BadLine,
    Covered,
    Imported,
    ImportIn,
    LiftedOptOut,
    LiftIn,
    OptedOut,
    OptOut,
    OptOutDetail,
    OptOutIn,
    WantedDep,
)
from campaigns.web.api.shapes import (
    CONFLICT,
    NOT_FOUND,
    Before,
    BoundedRoute,
    Id,
    Limit,
    Page,
)
from campaigns.web.api.uploads import Upload, receive_file
from campaigns.web.auth import Viewer, ViewerDep, needs
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SettingsDep,
    SnapshotDep,
    SnapshotNowDep,
)
from campaigns.web.taking_out import OPT_OUT_FILE

router = APIRouter(prefix="/opt-outs", tags=["opt-outs"], route_class=BoundedRoute)
# A file is bounded by its own limit, while it streams to disk.
files = APIRouter()

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


@router.get("", dependencies=[needs(Permission.SEE)])
def list_all(
    wanted: WantedDep,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    after: Before = None,
    newest_first: bool = False,
    limit: Limit = 50,
) -> Page[OptOut]:
    """Opt-outs that are in force, by number; or those that were, or of one number."""
    viewer.actor.check_sought(wanted.search)
    search = wanted.as_search(config.default_country)
    search = opting_out.newest_first(search) if newest_first else search
    found = opting_out.search(session, search, now, limit, after)
    return Page(items=[view(one, now, viewer) for one in found.rows], next=found.next)


@router.post("", status_code=201, dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def opt_out(
    body: OptOutIn,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> OptedOut:
    """Never call these numbers again. When this is answered, nothing to them is dialled any more.

    Doing it twice keeps the first record, unless the second lasts longer.
    """
    texts = ([body.number] if body.number is not None else []) + body.numbers
    if not texts:
        raise InvalidInput("Give a number, or a list of numbers. Nothing was recorded.")
    read = opting_out.read_numbers(enumerate(texts, 1), body.country or config.default_country)
    if read.unreadable:
        told = " ".join(one.problem for one in read.unreadable[:5])
        raise InvalidInput(
            f"{len(read.unreadable)} of {len(texts)} cannot be read: {told} Nothing was recorded."
        )
    _refuse_past(body.expires_at, now)
    wanted = [
        replace(one, evidence=body.evidence, expires_at=body.expires_at) for one in read.wanted
    ]
    done = opting_out.opt_out(
        session, wanted, body.source, viewer.actor, now, campaign_id=body.campaign_id
    )
    later.recall(done.recalled)
    return OptedOut(numbers=read.numbers, recorded=done.recorded, recalled=len(done.recalled))


def _refuse_past(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("`expires_at` is over already. Nothing was recorded.")


async def _uploaded(
    request: Request, config: SettingsDep, asked: Annotated[ImportIn, Query()]
) -> AsyncIterator[Upload]:
    upload = await receive_file(request, config.data_dir, config.max_upload_mb, asked.file_name)
    try:
        yield upload
    finally:
        upload.path.unlink(missing_ok=True)


@files.post(
    "/imports",
    openapi_extra=_BODY,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
    responses=NOT_FOUND
    | {
        413: {"description": "The file is too large; nothing was recorded."},
        415: {"description": "Neither multipart/form-data nor text/csv."},
    },
)
def import_file(
    request: Request,
    asked: Annotated[ImportIn, Query()],
    upload: Annotated[Upload, Depends(_uploaded, scope="function")],
    config: SettingsDep,
    viewer: ViewerDep,
) -> Imported:
    """Never call the numbers in a file: one a line, or a CSV with a telephone column.

    Columns `reason` and `expires_at` count for their own line. The file is worked on while you
    wait, some thousands of numbers a second; one that was broken off may be sent again.
    """
    engine = request.app.state.engine
    with transaction(engine) as session:
        _refuse_past(asked.expires_at, database_now(session))
    report = opting_out.import_file(
        engine,
        upload.path,
        viewer.actor,
        country=asked.country or config.default_country,
        evidence=asked.evidence or upload.file_name,
        expires_at=asked.expires_at,
        campaign_id=asked.campaign_id,
        recall=request.app.state.hints.recall,
    )
    return Imported(
        sentence=report.sentence,
        read=report.read,
        recorded=report.recorded,
        already=report.already,
        recalled=report.recalled,
        unreadable_count=report.unreadable_count,
        unreadable=[
            BadLine(line=one.line, text=one.text, problem=one.problem) for one in report.unreadable
        ],
    )


@router.get(
    "/export.csv",
    response_class=StreamingResponse,
    dependencies=[needs(Permission.SEE_NUMBERS), OPT_OUT_FILE],
    responses={200: {"content": {"text/csv": {}}}},
)
def export_csv(request: Request, wanted: WantedDep, config: SettingsDep) -> StreamingResponse:
    """Opt-outs as a CSV file, which can be imported again."""
    lines = opting_out.csv_lines(request.app.state.engine, wanted.as_search(config.default_country))
    return streamed(lines, "text/csv", "opt-outs.csv")


@router.get(
    "/export.ndjson",
    response_class=StreamingResponse,
    dependencies=[needs(Permission.SEE_NUMBERS), OPT_OUT_FILE],
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
def export_json(request: Request, wanted: WantedDep, config: SettingsDep) -> StreamingResponse:
    """Opt-outs as one JSON object a line."""
    search = wanted.as_search(config.default_country)
    lines = opting_out.json_lines(request.app.state.engine, search)
    return streamed(lines, "application/x-ndjson", "opt-outs.ndjson")


@router.get("/numbers/{number}", dependencies=[needs(Permission.SEE_NUMBERS)])
def check_number(
    number: str,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> Covered:
    """Whether a number is opted out, by itself or by a prefix, and everything there ever was."""
    found = opting_out.history_of(session, number, config.default_country, now)
    return Covered(
        number=viewer.number(found.number),
        opted_out=found.opted_out,
        somewhere=found.somewhere,
        history=[view(one, now, viewer) for one in found.rows],
    )


@router.get("/{opt_out_id:int}", dependencies=[needs(Permission.SEE)], responses=NOT_FOUND)
def get_one(
    opt_out_id: Id, session: SnapshotDep, now: SnapshotNowDep, viewer: ViewerDep
) -> OptOutDetail:
    """One opt-out, what it blocks, and its history."""
    one = opting_out.find(session, opt_out_id)
    return OptOutDetail(
        **view(one, now, viewer).model_dump(),
        blocked_people=opting_out.count_blocked(session, one),
        history=[view(other, now, viewer) for other in opting_out.alike(session, one)],
    )


@router.post(
    "/{opt_out_id:int}/lift",
    dependencies=[needs(Permission.LIFT_OPT_OUTS)],
    responses=NOT_FOUND | CONFLICT,
)
def lift(
    opt_out_id: Id, body: LiftIn, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> LiftedOptOut:
    """Undo an opt-out, with a reason. The record stays, and the audit log has who and why."""
    done = opting_out.lift(session, opt_out_id, viewer.actor, body.why, now, put_back=body.put_back)
    return LiftedOptOut(opt_out=view(done.opt_out, now, viewer), put_back=done.put_back)


def view(one: OptOutRow, now: datetime, viewer: Viewer) -> OptOut:
    """An opt-out as this viewer may see it."""
    names = set(OptOut.model_fields) - {"number", "prefix", "state"}
    found = OptOut(
        **{name: getattr(one, name) for name in names},
        number=viewer.number(one.shown),
        prefix=one.is_prefix,
        state=one.state(now),
    )
    return viewer.shown(found)


def streamed(lines: Iterator[str], media_type: str, name: str) -> StreamingResponse:
    """A file to be saved, sent as it is read."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=media_type, headers=disposition)


router.include_router(files)
