"""The pages: an overview that keeps itself up to date, and a report for each campaign.

They answer only under the host names in the settings, so that a tunnel for provider callbacks
does not publish them. There is nothing to press on them: changes go through the API and the
command line, which know who asks.
"""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from campaigns import reporting
from campaigns.db import database_now, transaction
from campaigns.errors import NotFound
from campaigns.reporting import words
from campaigns.reporting.values import CampaignReport, LogEntry, Overview
from campaigns.web.dependencies import SurroundingsDep, require_page_host
from campaigns.web.glances import glances_of
from campaigns.web.pages.charts import bars_of_answers, bars_of_calls, hours_chart
from campaigns.web.pages.live import counts, live_values, segments

_HERE = Path(__file__).resolve().parent.parent
STATIC = _HERE / "static"
LOG_SHOWN = 20

router = APIRouter(include_in_schema=False, dependencies=[Depends(require_page_host)])


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "instant": words.instant,
        "calls": words.calls,
        "number": lambda value: f"{value:,}",
    }
    return environment


_templates = Jinja2Templates(env=_environment())


@router.get("/", response_class=HTMLResponse)
def show_overview(request: Request, around: SurroundingsDep) -> HTMLResponse:
    """Everything on one page."""
    page = _overview(request, around)
    context = {"page": page, "live": live_values(page), "segments": segments, "counts": counts}
    return _templates.TemplateResponse(request, "overview.html", context)


@router.get("/overview.json")
def overview_json(request: Request, around: SurroundingsDep) -> JSONResponse:
    """What changes on the overview, for the script that keeps it up to date."""
    return JSONResponse(live_values(_overview(request, around)))


@router.get("/campaigns/{campaign_id}", response_class=HTMLResponse)
def show_campaign(request: Request, campaign_id: int, around: SurroundingsDep) -> HTMLResponse:
    """One campaign's report."""
    try:
        report, log = _report(request, campaign_id, around)
    except NotFound as missing:
        return _templates.TemplateResponse(
            request, "missing.html", {"problem": str(missing)}, status_code=404
        )
    context: dict[str, Any] = {
        "report": report,
        "log": log,
        "segments": segments(report),
        "calls": bars_of_calls(report),
        "answers": bars_of_answers(report),
        "chart": hours_chart(report.hours),
    }
    return _templates.TemplateResponse(request, "campaign.html", context)


def _overview(request: Request, around: SurroundingsDep) -> Overview:
    def count() -> Overview:
        with transaction(request.app.state.engine) as session:
            reporting.read_one_snapshot(session)
            return reporting.overview(session, database_now(session), around)

    return glances_of(request.app).at("overview", count)


def _report(
    request: Request, campaign_id: int, around: SurroundingsDep
) -> tuple[CampaignReport, list[LogEntry]]:
    if not 0 < campaign_id < 2**63:
        raise NotFound(f"There is no campaign {campaign_id}.")

    def count() -> tuple[CampaignReport, list[LogEntry]]:
        with transaction(request.app.state.engine) as session:
            reporting.read_one_snapshot(session)
            report = reporting.campaign_report(session, campaign_id, database_now(session), around)
            return report, reporting.read_log(session, None, LOG_SHOWN, campaign_id=campaign_id)

    return glances_of(request.app).at(campaign_id, count)


__all__ = ["STATIC", "router"]
