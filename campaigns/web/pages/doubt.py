"""Attempts of which nobody can say how they ended: what is known, and what happens next."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from campaigns import reporting
from campaigns.access import Permission
from campaigns.web.auth import needs
from campaigns.web.dependencies import SnapshotDep
from campaigns.web.pages.campaigns import place
from campaigns.web.pages.rendering import render

LISTED = 30

router = APIRouter()


@router.get("/doubt", dependencies=[needs(Permission.SEE)])
def show_doubts(request: Request, session: SnapshotDep, before: str = "") -> HTMLResponse:
    """The newest first."""
    found = reporting.in_doubt(session, place(before), LISTED + 1)
    shown = found[:LISTED]
    older = f"/doubt?before={shown[-1].attempt.id}" if len(found) > LISTED else ""
    return render(request, "doubt.html", rows=shown, older=older, first=not before)
