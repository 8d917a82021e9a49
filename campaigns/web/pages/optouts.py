"""Opt-outs: who is never called, since when, why, and what undoing it would mean."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response, StreamingResponse

from campaigns import opting_out
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.csv_cells import BOM
from campaigns.errors import InvalidInput, NotFound
from campaigns.opting_out import ImportReport, OptOutRow, Search
from campaigns.reporting.listing import campaign_choices
from campaigns.web.api.optouts import streamed
from campaigns.web.api.shapes import LARGEST_ID, BoundedRoute, Id
from campaigns.web.api.uploads import Upload
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SettingsDep,
    SnapshotDep,
    SnapshotNowDep,
)
from campaigns.web.pages.number_files import (
    ROADS,
    FilePage,
    UploadDep,
    row_number,
    who_waits_again,
)
from campaigns.web.pages.rendering import redirect, render
from campaigns.web.taking_out import OPT_OUT_FILE

router = APIRouter(prefix="/opt-outs", route_class=BoundedRoute)
# A file is bounded by its own limit, while it streams to disk.
files = APIRouter()

PAGE = 50
FILE_PAGE = FilePage("optouts/import.html")
STATES = {
    "live": "In force",
    "expired": "Expired",
    "lifted": "Undone",
    "any": "All there ever were",
}
SOURCES = {
    "keypress": "Pressed in a call",
    "verbal": "Told to one of us",
    **ROADS,
}
_STATE_WORDS = STATES | {"replaced": "Replaced by a stronger one"}


class Asked:
    """The search box and the filters, as the address has them."""

    def __init__(self, q: str = "", state: str = "live", source: str = "", after: str = "") -> None:
        self.q = q.strip()[:100]
        self.state = state if state in STATES else "live"
        self.source = source if source in SOURCES else ""
        self.after = row_number(after)

    def search(self, country: str) -> Search:
        """The same for the store. Raises `InvalidInput` for what cannot be looked for."""
        found = opting_out.newest_first(opting_out.read_search(self.q, country))
        return replace(found, state=self.state, source=self.source or None)

    def address(self, path: str, **more: object) -> str:
        """Another address with the same question."""
        named = {"q": self.q, "state": self.state, "source": self.source} | more
        query = urlencode({name: value for name, value in named.items() if value})
        return f"{path}?{query}" if query else path


AskedDep = Annotated[Asked, Depends()]


@router.get("", dependencies=[needs(Permission.SEE)])
def show_list(
    request: Request,
    asked: AskedDep,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> HTMLResponse:
    """The opt-outs that were looked for, and a form to add one."""
    viewer.actor.check_sought(asked.q)
    return _list(request, asked, session, now, config.default_country)


@router.post("", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def add(
    request: Request,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    config: SettingsDep,
    viewer: ViewerDep,
    number: Annotated[str, Form(max_length=200)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
    why: Annotated[str, Form(max_length=2000)] = "",
    source: Annotated[str, Form(max_length=20)] = "page",
    scope: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Never call a number, or all that begin alike, again: in any campaign, or in one."""
    form = {"number": number, "until": until, "why": why, "source": source, "scope": scope}
    errors: dict[str, str] = {}
    wanted, ends = None, None
    try:
        wanted = opting_out.read_number(number, config.default_country)
    except InvalidInput as problem:
        errors["number"] = str(problem)
    try:
        ends = _end_of(until, viewer.zone, now)
    except InvalidInput as problem:
        errors["until"] = str(problem)
    if not why.strip() or len(why.strip()) > 500:
        errors["why"] = "Say how we know, in at most 500 characters."
    campaign_id = int(scope) if scope.isascii() and scope.isdigit() else None
    try:
        opting_out.check_campaign(session, min(campaign_id or 0, LARGEST_ID) or None)
        if scope and not campaign_id:
            raise InvalidInput("Choose one of the campaigns.")
    except (InvalidInput, NotFound) as problem:
        errors["scope"] = str(problem)
    if wanted is None or errors:
        return _list(
            request, Asked(), session, now, config.default_country, form=form, errors=errors
        )
    done = opting_out.opt_out(
        session,
        [replace(wanted, expires_at=ends, evidence=why.strip())],
        "verbal" if source == "verbal" else "page",
        viewer.actor,
        now,
        campaign_id=campaign_id,
    )
    later.recall(done.recalled)
    where = f" in “{campaign_by_id(session, campaign_id).name}”" if campaign_id else ""
    said = _added(wanted.shown, where, done.recorded, done.recalled)
    return redirect(request, "/opt-outs", said=said)


def _added(shown: str, where: str, recorded: int, recalled: list[int]) -> str:
    whom = f"Numbers that begin with {shown[:-1]} are" if shown.endswith("*") else f"{shown} is"
    if not recorded:
        return f"{whom} opted out already; the first record was kept."
    told = f"{whom} not called any more{where}."
    if recalled:
        word = "call is" if len(recalled) == 1 else "calls are"
        told += f" {len(recalled):,} {word} being taken back."
    return told


def _end_of(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The end of a day on the viewer's clock; blank is never."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip()) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise InvalidInput("Write the day as 2027-03-01, or leave it empty for ever.") from None
    ends = datetime.combine(day, time.min, tzinfo=zone)
    if ends <= now:
        raise InvalidInput("That day is over.")
    return ends


@router.get("/export.csv", dependencies=[needs(Permission.SEE_NUMBERS), OPT_OUT_FILE])
def export(request: Request, asked: AskedDep, config: SettingsDep) -> StreamingResponse:
    """What was looked for, as a file."""
    lines = opting_out.csv_lines(request.app.state.engine, asked.search(config.default_country))
    return streamed(chain([BOM], lines), "text/csv", "opt-outs.csv")


@router.get("/import", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def show_import(request: Request) -> HTMLResponse:
    """The form for a file."""
    return FILE_PAGE.empty(request)


@files.post("/import", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def take_file(
    request: Request, upload: UploadDep, config: SettingsDep, viewer: ViewerDep
) -> HTMLResponse:
    """Record every number in a file, and show what could not be read."""

    def import_file(file: Upload) -> ImportReport:
        return opting_out.import_file(
            request.app.state.engine,
            file.path,
            viewer.actor,
            country=config.default_country,
            evidence=file.file_name,
            recall=request.app.state.hints.recall,
        )

    return FILE_PAGE.taken(request, upload, import_file)


@router.get("/{opt_out_id}", dependencies=[needs(Permission.SEE)])
def show_one(
    request: Request, opt_out_id: Id, session: SnapshotDep, now: SnapshotNowDep
) -> HTMLResponse:
    """One opt-out with its history, and the form to undo it."""
    return _one(request, opt_out_id, session, now)


@router.post("/{opt_out_id}/lift", dependencies=[needs(Permission.LIFT_OPT_OUTS)])
def lift(
    request: Request,
    opt_out_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    why: Annotated[str, Form(max_length=2000)] = "",
    sure: Annotated[str, Form(max_length=10)] = "",
    put_back: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Undo it, once whoever asks has said why and that they mean it."""
    form = {"why": why, "sure": sure, "put_back": put_back}
    errors: dict[str, str] = {}
    if not why.strip() or len(why.strip()) > 500:
        errors["why"] = "Say why, in at most 500 characters: somebody asked not to be called."
    if not sure:
        errors["sure"] = "Confirm that you know what this does."
    if errors:
        return _one(request, opt_out_id, session, now, form=form, errors=errors)
    done = opting_out.lift(session, opt_out_id, viewer.actor, why, now, put_back=bool(put_back))
    told = f"The opt-out of {done.opt_out.shown} was undone.{who_waits_again(done.put_back)}"
    return redirect(request, f"/opt-outs/{opt_out_id}", said=told)


def _list(
    request: Request,
    asked: Asked,
    session: Session,
    now: datetime,
    country: str,
    *,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> HTMLResponse:
    problem, rows, more = "", [], None
    try:
        found = opting_out.search(session, asked.search(country), now, PAGE, asked.after)
        rows, more = found.rows, found.next
    except InvalidInput as refusal:
        problem = str(refusal)
    return render(
        request,
        "optouts/list.html",
        status=422 if errors or problem else 200,
        asked=asked,
        problem=problem,
        rows=[_shown(row, now) for row in rows],
        older=asked.address("/opt-outs", after=more) if more else "",
        export=asked.address("/opt-outs/export.csv"),
        states=list(STATES.items()),
        sources=[("", "However it came"), *SOURCES.items()],
        scopes=[("", "In every campaign"), *_scopes(session)],
        form=form or {"number": "", "until": "", "why": "", "source": "page", "scope": ""},
        errors=errors or {},
    )


def _scopes(session: Session) -> list[tuple[str, str]]:
    """The campaigns that an opt-out may be for alone, the latest first."""
    return [(str(key), f"Only in “{name}”") for key, name in campaign_choices(session)]


def _one(
    request: Request,
    opt_out_id: int,
    session: Session,
    now: datetime,
    *,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> HTMLResponse:
    one = opting_out.find(session, opt_out_id)
    live = one.state(now) == "live"
    return render(
        request,
        "optouts/one.html",
        status=422 if errors else 200,
        one=_shown(one, now),
        blocked=opting_out.count_blocked(session, one) if live else 0,
        history=[_shown(row, now) for row in opting_out.alike(session, one)],
        form=form or {"why": "", "sure": "", "put_back": ""},
        errors=errors or {},
    )


def _shown(row: OptOutRow, now: datetime) -> dict[str, Any]:
    """An opt-out with the words for it."""
    state = row.state(now)
    return {
        "row": row,
        "number": row.shown,
        "state": state,
        "state_words": _STATE_WORDS[state],
        "source": SOURCES[row.source],
        "who": row.who or ("the person called" if row.source == "keypress" else "unknown"),
    }


router.include_router(files)
