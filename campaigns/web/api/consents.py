"""Who has agreed to be called: recorded, taken in as a file, found, taken back."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from campaigns import consenting
from campaigns.access import Permission
from campaigns.compliance import Purpose
from campaigns.consenting import ConsentRow, Said
from campaigns.instants import GivenInstant
from campaigns.web.api.optout_shapes import BadLine
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, Before, BoundedRoute, Id, Limit, Page
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

router = APIRouter(prefix="/consents", tags=["consents"], route_class=BoundedRoute)
# A file is bounded by its own limit, while it streams to disk.
files = APIRouter()

Basis = Literal["existing_relationship", "express", "written", "optin_proof"]

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


class ConsentIn(BaseModel):
    """What up to 500 people have agreed to. All are recorded, or none."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    numbers: list[str] = Field(min_length=1, max_length=500, examples=[["+12125550123"]])
    basis: Basis = "express"
    evidence: str = Field(
        min_length=1,
        max_length=500,
        description="How it can be proven, and where that is kept.",
        examples=["form of 3 March 2026, archive 12/88"],
    )
    purpose: Purpose | None = Field(None, description="Only for such calls; null for all.")
    subject: str | None = Field(
        None, max_length=200, description="Only about this, as campaigns name their subject."
    )
    given_at: GivenInstant | None = Field(None, description="When it was given; null: now.")
    expires_at: GivenInstant | None = Field(None, description="Null: without an end.")
    put_back: StrictBool = Field(
        False, description="Let people who were blocked for want of it wait for their call."
    )
    country: str | None = Field(None, description="ISO 3166, of numbers without a country code.")


class ConsentView(BaseModel):
    """One consent, whatever became of it."""

    id: int
    number: str
    state: str = Field(description="live, ahead of its day, expired or revoked")
    basis: str
    purpose: str | None = Field(description="Null: whatever the calls are for.")
    subject: str | None = Field(description="Null: whatever they are about.")
    evidence: str
    source: str = Field(description="api, cli, import or page")
    who: str | None
    given_at: datetime
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_why: str | None


class ConsentsGiven(BaseModel):
    """What was recorded."""

    numbers: list[str]
    recorded: int = Field(description="How many of them are new.")
    revoked_since: list[str] = Field(
        description="Not recorded: the person has taken it back since the day it was given."
    )
    put_back: int = Field(description="People who wait for their call again.")


class ConsentsImported(BaseModel):
    """What became of a file."""

    sentence: str
    read: int
    recorded: int
    already: int
    revoked_since: int
    put_back: int
    unreadable_count: int
    unreadable: list[BadLine] = Field(description="The first 1,000 of them.")


class RevokeIn(BaseModel):
    """How we know that it was taken back."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    why: str = Field(min_length=1, max_length=500, examples=["letter of 9 March 2026"])


class ConsentRevoked(BaseModel):
    """What was taken back."""

    consent: ConsentView
    recalled: int = Field(description="Calls under way that are being taken back.")


class ImportIn(BaseModel):
    """What is true of each line of a file that does not say so in a column of its own."""

    basis: Basis = "express"
    evidence: str | None = Field(None, max_length=500, description="Else the file's name.")
    purpose: Purpose | None = None
    subject: str | None = Field(None, max_length=200)
    given_at: GivenInstant | None = None
    expires_at: GivenInstant | None = None
    put_back: bool = False
    country: str | None = None
    file_name: str | None = Field(None, max_length=200)


@router.get("", dependencies=[needs(Permission.SEE)])
def list_all(
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    search: Annotated[str, Query(max_length=100)] = "",
    before: Before = None,
    limit: Limit = 50,
) -> Page[ConsentView]:
    """Consents, newest first; of one number, of how it begins or of its last digits, or all."""
    viewer.actor.check_sought(search)
    rows = consenting.search(session, search, config.default_country, before, limit)
    return Page(
        items=[view(row, now, viewer) for row in rows],
        next=rows[-1].id if len(rows) == limit else None,
    )


@router.post("", status_code=201, dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def give(
    body: ConsentIn, session: SessionDep, now: NowDep, config: SettingsDep, viewer: ViewerDep
) -> ConsentsGiven:
    """Record that people have agreed to be called. Doing it twice keeps the first record."""
    country = body.country or config.default_country
    said = _said(body)
    new = [consenting.read_said(number, said, country, now) for number in body.numbers]
    done = consenting.give(session, new, "api", viewer.actor, now, put_back=body.put_back)
    return ConsentsGiven(
        numbers=[one.number for one in new],
        recorded=done.recorded,
        revoked_since=done.revoked_since,
        put_back=done.put_back,
    )


def _said(body: ConsentIn | ImportIn, evidence: str = "") -> Said:
    return Said(
        basis=body.basis,
        purpose=body.purpose or "",
        subject=body.subject or "",
        evidence=body.evidence or evidence,
        given_at=body.given_at.isoformat() if body.given_at else "",
        expires_at=body.expires_at.isoformat() if body.expires_at else "",
    )


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
    responses={
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
) -> ConsentsImported:
    """Consents from a list with a telephone column, worked on while you wait.

    Columns basis, purpose, subject, evidence, given_at and expires_at count for their own line.
    """
    report = consenting.import_file(
        request.app.state.engine,
        upload.path,
        _said(asked, upload.file_name),
        viewer.actor,
        country=asked.country or config.default_country,
        put_back=asked.put_back,
    )
    names = set(ConsentsImported.model_fields) - {"unreadable"}
    return ConsentsImported(
        **{name: getattr(report, name) for name in names},
        unreadable=[
            BadLine(line=one.line, text=one.text, problem=one.problem) for one in report.unreadable
        ],
    )


@router.get("/{consent_id:int}", dependencies=[needs(Permission.SEE)], responses=NOT_FOUND)
def get_one(
    consent_id: Id, session: SnapshotDep, now: SnapshotNowDep, viewer: ViewerDep
) -> ConsentView:
    """One consent."""
    return view(consenting.find(session, consent_id), now, viewer)


@router.post(
    "/{consent_id:int}/revoke",
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
    responses=NOT_FOUND | CONFLICT,
)
def revoke(
    consent_id: Id,
    body: RevokeIn,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
) -> ConsentRevoked:
    """Take a consent back. When this is answered, nothing that rests on it is dialled any more."""
    done = consenting.revoke(session, consent_id, viewer.actor, body.why, now)
    later.recall(done.recalled)
    return ConsentRevoked(consent=view(done.consent, now, viewer), recalled=len(done.recalled))


def view(row: ConsentRow, now: datetime, viewer: Viewer) -> ConsentView:
    """A consent as this viewer may see it."""
    names = set(ConsentView.model_fields) - {"state"}
    found = ConsentView(**{name: getattr(row, name) for name in names}, state=row.state(now))
    return viewer.shown(found)


router.include_router(files)
