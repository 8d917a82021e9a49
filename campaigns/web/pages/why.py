"""Why was this person not called, at what instant ever; and the evidence about one number."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import StreamingResponse

from campaigns import reporting
from campaigns.access import Permission
from campaigns.errors import InvalidInput, NotFound
from campaigns.phone import parse_number
from campaigns.reporting.why_values import Why
from campaigns.web.api.optouts import streamed
from campaigns.web.api.shapes import LARGEST_ID, BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SettingsDep, SnapshotDep, SnapshotNowDep, SurroundingsDep
from campaigns.web.pages.rendering import render
from campaigns.web.taking_out import EVIDENCE_FILE

router = APIRouter(route_class=BoundedRoute)

# Rows of each kind on the page; the file has them all.
PAGE = 50
GATE_WORDS = {
    "dialling": "Dialling",
    "web": "Web process",
    "public_url": "Public URL",
    "account": "Account",
    "campaign": "Campaign",
    "recipient": "Person",
    "opt_out": "Opt-out",
    "consent": "Consent",
    "deadline": "Deadline",
    "attempts": "Attempts",
    "cooloff_refusal": "After a refusal",
    "daily_limit": "Daily limit",
    "number_busy": "Number",
    "cooloff_abandoned": "After an abandoned call",
    "gap": "Gap",
    "cap": "Caps",
    "place": "Place",
    "hours": "Hours",
    "pace": "Pace",
}

Text = Annotated[str, Query(max_length=100)]


@router.get("/why", dependencies=[needs(Permission.SEE_NUMBERS)])
def show_why(
    request: Request,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
    number: Text = "",
    at: Text = "",
    campaign: Text = "",
) -> HTMLResponse:
    """Every gate about a number at an instant, for each campaign that has it."""
    problem, found = "", None
    if number.strip():
        try:
            found = reporting.why(
                session,
                parse_number(number, config.default_country),
                now,
                around,
                at=reporting.read_instant(at, viewer.zone),
                campaign_id=_campaign(campaign),
            )
        except (InvalidInput, NotFound) as error:
            problem = str(error)
    return _why_page(request, number, at, campaign, found, problem)


def _why_page(
    request: Request, number: str, at: str, campaign: str, found: Why | None, problem: str
) -> HTMLResponse:
    return render(
        request,
        "why/why.html",
        status=422 if problem else 200,
        number=number.strip(),
        at=at.strip(),
        campaign=campaign.strip(),
        found=found,
        problem=problem,
        gate_words=GATE_WORDS,
    )


def _campaign(text: str) -> int | None:
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit()) or not 0 < int(plain[:19]) <= LARGEST_ID:
        raise InvalidInput("A campaign is known by its number, as it stands in its address.")
    return int(plain)


@router.get("/evidence", dependencies=[needs(Permission.SEE_NUMBERS)])
def show_evidence(
    request: Request,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    number: Text = "",
    before: Text = "",
) -> HTMLResponse:
    """Everything about one number, the newest of each kind."""
    problem, older = "", ""
    parts: dict[str, Any] = {}
    if number.strip():
        try:
            wanted = parse_number(number, config.default_country)
        except InvalidInput as error:
            problem = str(error)
        else:
            known = int(before) if before.isascii() and before.isdigit() else None
            attempts = reporting.evidence.attempts_of(session, wanted, known, PAGE)
            parts = {
                "head": reporting.evidence.about(session, wanted, now),
                "opt_outs": reporting.evidence.opt_outs_of(session, wanted, now, PAGE),
                "consents": reporting.evidence.consents_of(session, wanted, now)[:PAGE],
                "people": reporting.evidence.people_of(session, wanted, PAGE),
                "attempts": attempts,
            }
            if len(attempts) == PAGE:
                older = f"/evidence?number={quote(wanted)}&before={attempts[-1]['id']}"
    return render(
        request,
        "why/evidence.html",
        status=422 if problem else 200,
        number=number.strip(),
        problem=problem,
        parts=parts,
        older=older,
    )


@router.get("/evidence.json", dependencies=[needs(Permission.SEE_NUMBERS), EVIDENCE_FILE])
def evidence_file(request: Request, config: SettingsDep, number: Text = "") -> StreamingResponse:
    """All of it as one file."""
    wanted = parse_number(number, config.default_country)
    pieces = reporting.evidence.json_document(request.app.state.engine, wanted)
    return streamed(pieces, "application/json", f"evidence-{wanted.strip('+')}.json")
