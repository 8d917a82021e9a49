"""The API's documentation, to be read and tried in the browser."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from campaigns.access import Permission
from campaigns.web.auth import needs
from campaigns.web.pages.rendering import render

router = APIRouter()


@router.get("/api/docs", dependencies=[needs(Permission.SEE)])
def show_api_docs(request: Request) -> HTMLResponse:
    """Every endpoint of the API with its parameters."""
    return render(request, "api_docs.html")
