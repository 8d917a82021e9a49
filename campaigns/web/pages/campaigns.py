"""The list of campaigns, and a campaign's own pages: overview, settings, log."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy.orm import Session

from campaigns import changing, gates, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.db import database_now, transaction
from campaigns.drafting.lengths import length_in_words, ramp_text
from campaigns.drafting.reminding import offsets_as_typed, reminders_in_words
from campaigns.drafting.retrying import PRESETS, policy_in_words, preset_of
from campaigns.flows.model import CallFlow
from campaigns.models import Account, Campaign
from campaigns.pacing import Ramp
from campaigns.reminders import ReminderRule
from campaigns.reporting.listing import campaign_list, campaigns_by_status
from campaigns.reporting.values import CampaignReport, LogEntry
from campaigns.retries import RetryPolicy
from campaigns.store import changes, histories, late_risks
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SnapshotDep, SnapshotNowDep, SurroundingsDep
from campaigns.web.glances import glances_of
from campaigns.web.pages.charts import ENDINGS, charts_of
from campaigns.web.pages.live import answer_counts, people_counts, segments
from campaigns.web.pages.rendering import render

LISTED = 25
LATEST = 6
LOG_PAGE = 50

FILTERS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("", "All", ()),
    ("active", "Running", ("running", "paused")),
    ("scheduled", "Scheduled", ("scheduled",)),
    ("draft", "Drafts", ("draft",)),
    ("over", "Over", ("completed", "stopped")),
    ("archived", "Archive", ()),
)

router = APIRouter(prefix="/campaigns")


@router.get("", dependencies=[needs(Permission.SEE)])
def show_campaigns(
    request: Request,
    session: SnapshotDep,
    now: SnapshotNowDep,
    around: SurroundingsDep,
    show: str = "",
    before: str = "",
) -> HTMLResponse:
    """All campaigns, newest first."""
    key, _, statuses = next((one for one in FILTERS if one[0] == show), FILTERS[0])
    found = campaign_list(
        session,
        place(before),
        LISTED + 1,
        now,
        around,
        statuses=statuses,
        archived=key == "archived",
    )
    shown = found[:LISTED]
    older = f"/campaigns?show={key}&before={shown[-1].campaign.id}" if len(found) > LISTED else ""
    return render(
        request,
        "campaigns/list.html",
        rows=shown,
        older=older,
        first=not before,
        show=key,
        filters=_filters(campaigns_by_status(session)),
        segments=segments,
    )


@router.get("/{campaign_id:int}", dependencies=[needs(Permission.SEE)])
def show_campaign(
    request: Request, campaign_id: int, session: SnapshotDep, around: SurroundingsDep
) -> HTMLResponse:
    """What a campaign does, how far it is, and what came of it."""
    report, log = _report(request, session, campaign_id, around)
    return campaign_page(
        request,
        session,
        "campaigns/overview.html",
        campaign_id,
        tab="overview",
        report=report,
        log=log,
        segments=segments(report),
        people=people_counts(report),
        answers=answer_counts(report),
        endings=_endings(report),
        reminders=_reminders(report),
        hurried=late_risks.known_risks(session, campaign_id).get(campaign_id),
    )


def _reminders(report: CampaignReport) -> int:
    """How many reminders each appointment has; none in a campaign that is no reminder."""
    rule = report.campaign.reminder
    return len(ReminderRule.parse(rule).stages) if rule else 0


@router.get("/{campaign_id:int}/charts.json", dependencies=[needs(Permission.SEE)])
def campaign_charts(
    request: Request,
    campaign_id: int,
    session: SnapshotDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
) -> JSONResponse:
    """The numbers of the campaign's charts, on the viewer's clock."""
    report, _ = _report(request, session, campaign_id, around)
    return JSONResponse(charts_of(report, viewer.zone))


@router.get("/{campaign_id:int}/settings", dependencies=[needs(Permission.SEE)])
def show_settings(request: Request, campaign_id: int, session: SnapshotDep) -> HTMLResponse:
    """What was asked for, and what of it can still be changed."""
    return settings_page(request, session, campaign_id)


@router.get("/{campaign_id:int}/log", dependencies=[needs(Permission.SEE)])
def show_log(
    request: Request, campaign_id: int, session: SnapshotDep, before: str = ""
) -> HTMLResponse:
    """What happened and why, newest first."""
    found = reporting.read_log(
        session, place(before), LOG_PAGE + 1, campaign_id=_known(campaign_id)
    )
    shown = found[:LOG_PAGE]
    more = f"/campaigns/{campaign_id}/log?before={shown[-1].id}" if len(found) > LOG_PAGE else ""
    return campaign_page(
        request,
        session,
        "campaigns/log.html",
        campaign_id,
        tab="log",
        log=shown,
        older=more,
        first=not before,
    )


def settings_page(
    request: Request,
    session: Session,
    campaign_id: int,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
) -> HTMLResponse:
    """The settings, with what was wrong with a change that was asked for."""
    view = reporting.campaign_view(session, _known(campaign_id))
    campaign = campaign_by_id(session, campaign_id)
    account = session.get_one(Account, campaign.account_id)
    row = histories.find_campaign(session, campaign_id)
    policy = RetryPolicy.parse(view.retry_policy)
    return campaign_page(
        request,
        session,
        "campaigns/settings.html",
        campaign_id,
        status=status,
        tab="settings",
        view=view,
        account=account,
        share=row.share if row is not None else None,
        ramp_text=ramp_text(Ramp(**view.ramp)),
        ramp_length=length_in_words(view.ramp["seconds"]),
        texts=texts_of(view.flow),
        reminds=reminders_in_words(view.reminder) if view.reminder else "",
        retries=policy_in_words(policy),
        retry_preset=preset_of(policy) or "own",
        retry_presets=[(one.key, one.name, one.hint) for one in PRESETS],
        caps=gates.caps_as_typed(view.caps),
        offsets=offsets_as_typed(view.reminder) if view.reminder else "",
        errors=errors or {},
        form=form or {},
        changeable=campaign.status in changing.CHANGEABLE,
    )


def campaign_page(
    request: Request,
    session: Session,
    template: str,
    campaign_id: int,
    *,
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    """A page with a campaign's head: its name, its status, what can be done with it."""
    campaign = campaign_by_id(session, _known(campaign_id))
    account = session.get_one(Account, campaign.account_id)
    source = session.get(Campaign, campaign.copied_from) if campaign.copied_from else None
    head = {
        "campaign": campaign,
        "live_account": account.live,
        "pause": changing.last_pause(session, campaign),
        "source": source,
        "copies": changes.copies_of(session, campaign.id),
        "over": campaign.status in changing.OVER,
    }
    return render(request, template, status=status, **head, **context)


def place(text: str) -> int | None:
    """Where a page of a list begins, as its address says; None: at the start."""
    known = text.isascii() and text.isdigit() and 0 < int(text[:19]) <= LARGEST_ID
    return int(text[:19]) if known else None


def texts_of(definition: dict[str, Any]) -> list[tuple[str, str]]:
    """What people hear, part by part, with the columns in braces."""
    flow = CallFlow.from_json(definition)
    parts = [("They hear", flow.message), ("Then", flow.prompt)]
    parts += [
        (f"After {key} ({answer.meaning.value.replace('_', ' ')})", answer.reply)
        for key, answer in flow.answers.items()
    ]
    parts.append(("On a machine", flow.voicemail.text or "Nothing; the call is ended."))
    return [(label, _spoken(speech)) for label, speech in parts if speech is not None]


def _spoken(speech: Any) -> str:
    parts = speech if isinstance(speech, tuple) else (speech,)
    return " ".join(one if isinstance(one, str) else "[an uploaded audio]" for one in parts)


def _known(campaign_id: int) -> int:
    """An id that can be asked for: none has more digits than the database keeps."""
    return min(campaign_id, LARGEST_ID)


def _endings(report: CampaignReport) -> list[tuple[str, int]]:
    found = [(ENDINGS[key], count) for key, count in report.dispositions.items() if count]
    return sorted(found, key=lambda pair: -pair[1])


def _filters(counts: dict[str, int]) -> list[tuple[str, str, int]]:
    shown = []
    for key, label, statuses in FILTERS:
        wanted = ("archived",) if key == "archived" else statuses
        count = (
            sum(counts.get(status, 0) for status in wanted)
            if wanted
            else sum(count for status, count in counts.items() if status != "archived")
        )
        shown.append((key, label, count))
    return shown


def _report(
    request: Request, session: Session, campaign_id: int, around: SurroundingsDep
) -> tuple[CampaignReport, list[LogEntry]]:
    known = _known(campaign_id)
    # Whoever has just changed the campaign sees it as it is now.
    campaign = campaign_by_id(session, known)
    as_it_is = (known, campaign.status, campaign.max_cps, campaign.ends_at)

    def count() -> tuple[CampaignReport, list[LogEntry]]:
        with transaction(request.app.state.engine) as session:
            reporting.read_one_snapshot(session)
            report = reporting.campaign_report(session, known, database_now(session), around)
            return report, reporting.read_log(session, None, LATEST, campaign_id=known)

    return glances_of(request.app).at(as_it_is, count)
