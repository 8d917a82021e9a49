"""Consents: who has agreed to be called, to what, how we know; given, imported, taken back."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import consenting
from campaigns.access import Permission
from campaigns.consenting import ConsentRow, Given, ImportReport, Said
from campaigns.errors import InvalidInput
from campaigns.web.api.shapes import BoundedRoute, Id
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

router = APIRouter(prefix="/consents", route_class=BoundedRoute)
# A file is bounded by its own limit, while it streams to disk.
files = APIRouter()

PAGE = 50
FILE_PAGE = FilePage("consents/import.html")
BASES = {
    "express": "Express consent",
    "written": "Written consent",
    "optin_proof": "An opt-in that can be proven",
    "existing_relationship": "An existing relationship (no consent by itself)",
}
PURPOSES = {
    "": "All calls",
    "reminder": "Reminders",
    "informational": "Information",
    "marketing": "Marketing",
    "debt": "Debts",
    "survey": "Surveys",
    "emergency": "Emergencies",
}
STATES = {
    "live": "In force",
    "ahead": "Not yet",
    "expired": "Expired",
    "revoked": "Revoked",
}
_TEXTS = ("number", "basis", "purpose", "subject", "evidence", "given_at", "expires_at")


@router.get("", dependencies=[needs(Permission.SEE)])
def show_list(
    request: Request,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    q: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """The consents that were looked for, and a form to record one."""
    viewer.actor.check_sought(q)
    return _list(request, session, now, config.default_country, q=q, before=row_number(before))


@router.post("", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def add(
    request: Request,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    number: Annotated[str, Form(max_length=200)] = "",
    basis: Annotated[str, Form(max_length=40)] = "express",
    purpose: Annotated[str, Form(max_length=40)] = "",
    subject: Annotated[str, Form(max_length=200)] = "",
    evidence: Annotated[str, Form(max_length=2000)] = "",
    given_at: Annotated[str, Form(max_length=40)] = "",
    expires_at: Annotated[str, Form(max_length=40)] = "",
    put_back: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Somebody has agreed to be called."""
    form = dict(
        zip(
            _TEXTS,
            (number, basis, purpose, subject, evidence, given_at, expires_at),
            strict=True,
        )
    ) | {"put_back": put_back}
    said = Said(basis, purpose, subject, evidence, given_at, expires_at)
    try:
        one = consenting.read_said(number, said, config.default_country, now)
    except InvalidInput as problem:
        return _list(request, session, now, config.default_country, form=form, refused=str(problem))
    done = consenting.give(session, [one], "page", viewer.actor, now, put_back=bool(put_back))
    if done.revoked_since:
        refused = (
            f"{one.number} has taken its consent back since that day. Nothing was recorded. "
            "A consent that was given afterwards counts: enter its day."
        )
        return _list(request, session, now, config.default_country, form=form, refused=refused)
    return redirect(request, "/consents", said=_added(one.number, done))


def _added(number: str, done: Given) -> str:
    told = f"The consent of {number} was recorded."
    if not done.recorded:
        told = f"This consent of {number} was recorded before; the first record was kept."
    return told + who_waits_again(done.put_back)


@router.get("/import", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def show_import(request: Request) -> HTMLResponse:
    """The form for a file."""
    return FILE_PAGE.empty(request)


@files.post("/import", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def take_file(
    request: Request, upload: UploadDep, config: SettingsDep, viewer: ViewerDep
) -> HTMLResponse:
    """Record every consent in a file, and show what could not be used."""

    def import_file(file: Upload) -> ImportReport:
        return consenting.import_file(
            request.app.state.engine,
            file.path,
            Said(evidence=file.file_name),
            viewer.actor,
            country=config.default_country,
        )

    return FILE_PAGE.taken(request, upload, import_file)


@router.get("/{consent_id}", dependencies=[needs(Permission.SEE)])
def show_one(
    request: Request, consent_id: Id, session: SnapshotDep, now: SnapshotNowDep
) -> HTMLResponse:
    """One consent, and the form to take it back."""
    return _one(request, consent_id, session, now)


@router.post("/{consent_id}/revoke", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def revoke(
    request: Request,
    consent_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    why: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Take it back, once whoever asks has said how we know."""
    try:
        done = consenting.revoke(session, consent_id, viewer.actor, why, now)
    except InvalidInput as problem:
        return _one(request, consent_id, session, now, refused=str(problem))
    later.recall(done.recalled)
    told = "The consent was revoked. Nobody is called on the strength of it any more."
    return redirect(request, f"/consents/{consent_id}", said=told)


def _list(
    request: Request,
    session: Session,
    now: datetime,
    country: str,
    *,
    q: str = "",
    before: int | None = None,
    form: dict[str, str] | None = None,
    refused: str = "",
) -> HTMLResponse:
    problem, rows = "", []
    try:
        rows = consenting.search(session, q, country, before, PAGE)
    except InvalidInput as cannot:
        problem = str(cannot)
    older = ""
    if len(rows) == PAGE:
        query = {"q": q, "before": str(rows[-1].id)}
        older = f"/consents?{urlencode({key: value for key, value in query.items() if value})}"
    return render(
        request,
        "consents/list.html",
        status=422 if refused or problem else 200,
        q=q,
        problem=problem,
        rows=[_shown(row, now) for row in rows],
        older=older,
        bases=list(BASES.items()),
        purposes=list(PURPOSES.items()),
        form=form or dict.fromkeys(_TEXTS, "") | {"basis": "express", "put_back": ""},
        refused=refused,
    )


def _one(
    request: Request, consent_id: int, session: Session, now: datetime, *, refused: str = ""
) -> HTMLResponse:
    one = consenting.find(session, consent_id)
    return render(
        request,
        "consents/one.html",
        status=422 if refused else 200,
        one=_shown(one, now),
        waiting=consenting.count_waiting(session, one.number),
        refused=refused,
    )


def _shown(row: ConsentRow, now: datetime) -> dict[str, Any]:
    """A consent with the words for it."""
    state = row.state(now)
    return {
        "row": row,
        "state": state,
        "state_words": STATES[state],
        "basis": BASES[row.basis],
        "purpose": PURPOSES[row.purpose or ""],
        "source": ROADS[row.source],
    }


router.include_router(files)
