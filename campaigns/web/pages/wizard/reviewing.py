"""Step five: everything in words, what stands in the way, and the start."""

from datetime import datetime
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import changing, gates
from campaigns.access import Permission
from campaigns.clocks import on_clock
from campaigns.compliance import WeeklyWindows
from campaigns.drafting.hearing import hear
from campaigns.drafting.hours_in_words import whole_sentence
from campaigns.drafting.lengths import length_in_words, roughly
from campaigns.drafting.reminding import reminders_in_words
from campaigns.drafting.retrying import policy_in_words
from campaigns.drafting.review import Review, review
from campaigns.errors import OutdialError
from campaigns.models import Account, Campaign
from campaigns.reporting import words
from campaigns.retries import RetryPolicy
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import Viewer, ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SurroundingsDep
from campaigns.web.pages.rendering import redirect
from campaigns.web.pages.wizard.forms import EntriesDep
from campaigns.web.pages.wizard.frame import DraftDep, is_draft, show_step, to_its_page
from campaigns.web.pages.wizard.message import KEY_WORDS, PURPOSES, flow_as_kept
from campaigns.web.pages.wizard.pace import per_minute

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/review",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

THE_WORD = "start"


class Line(NamedTuple):
    """One thing about the campaign in words."""

    label: str
    said: str


class Part(NamedTuple):
    """What one step has settled, and the step."""

    title: str
    step: str
    lines: list[Line]


@router.get("")
def show_review(
    request: Request,
    campaign: DraftDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    around: SurroundingsDep,
) -> Response:
    """The whole campaign in words."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    found = review(session, campaign.id, now, live_allowed=around.live_allowed)
    return _page(request, session, campaign, found, now, viewer)


@router.post("")
def start(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    around: SurroundingsDep,
) -> Response:
    """Start it, when nothing stands in the way and, for real calls, the words were typed."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    found = review(session, campaign.id, now, live_allowed=around.live_allowed)
    typed = entries.text("confirmation")
    if found.live and not confirms(typed, found.people.to_call):
        problem = f"Type {found.people.to_call:,}, or the word {THE_WORD}, to place real calls."
        return _page(request, session, campaign, found, now, viewer, typed=typed, problem=problem)
    if found.problems:
        told = "Something still stands in the way; it is listed above. Nothing was started."
        return _page(request, session, campaign, found, now, viewer, typed=typed, problem=told)
    try:
        with session.begin_nested():
            changing.start(session, campaign.id, viewer.actor, now)
    except OutdialError as refusal:
        session.refresh(campaign)
        return _page(
            request, session, campaign, found, now, viewer, typed=typed, problem=str(refusal)
        )
    scheduled = campaign.starts_at is not None and campaign.starts_at > now
    told = (
        f"“{campaign.name}” starts by itself on {on_clock(campaign.starts_at, viewer.zone)}."
        if scheduled and campaign.starts_at is not None
        else f"“{campaign.name}” was started."
    )
    return redirect(request, f"/campaigns/{campaign.id}", said=told)


def confirms(typed: str, people: int) -> bool:
    """Whether what was typed means to call so many people for real."""
    plain = typed.strip().casefold().replace(",", "").replace(".", "").replace(" ", "")
    return plain in (str(people), THE_WORD)


def _page(
    request: Request,
    session: Session,
    campaign: Campaign,
    found: Review,
    now: datetime,
    viewer: Viewer,
    *,
    typed: str = "",
    problem: str = "",
) -> HTMLResponse:
    account = session.get_one(Account, campaign.account_id)
    return show_step(
        request,
        session,
        campaign,
        "review",
        status=422 if problem else 200,
        people=found.people,
        review=found,
        parts_of_it=[
            _recipients(session, campaign, found),
            _message(session, campaign, found),
            _when(campaign, viewer),
            _pace(campaign, account, found, viewer),
        ],
        promise=_promise(found, now, viewer),
        typed=typed,
        problem=problem,
        the_word=THE_WORD,
    )


def _promise(found: Review, now: datetime, viewer: Viewer) -> str:
    """What pressing the button does, in one or two sentences."""
    people = words.people(found.people.to_call)
    how = "places real calls to" if found.live else "simulates calls to"
    told = f"The account “{found.account}” {how} {people}, showing {found.caller_id}."
    if not found.live:
        told += " No telephone rings: this account is on the simulator."
    first = found.estimate.first_at
    if first is None:
        return told
    soon = "at once" if first <= now else f"on {on_clock(first, viewer.zone)}"
    return f"{told} The first calls go out {soon}."


def _recipients(session: Session, campaign: Campaign, found: Review) -> Part:
    people = found.people
    lines = [Line("To call", words.people(people.to_call))]
    for count, label in (
        (people.opted_out, "Opted out, never called"),
        (people.too_late, "Too late for a reminder"),
        (people.to_review, "Time zone unknown"),
    ):
        if count:
            lines.append(Line(label, words.people(count)))
    return Part("Recipients", "recipients", lines)


def _message(session: Session, campaign: Campaign, found: Review) -> Part:
    flow = flow_as_kept(session, campaign)
    if flow is None:
        return Part("What they hear", "message", [Line("Text", "Not written yet")])
    heard = hear(session, campaign.id, flow)
    keys = [f"{digit} {KEY_WORDS[answer.meaning.value]}" for digit, answer in flow.answers.items()]
    machine = " ".join(heard.preview.voicemail)
    lines = [Line("A person hears", " ".join(heard.preview.human))]
    if keys:
        lines.append(Line("Keys", words.listed(keys)))
    lines.append(Line("A machine hears", machine or "Nothing; we hang up"))
    lines.append(Line("Number shown", found.caller_id))
    lines.append(Line("Purpose", dict(PURPOSES)[campaign.purpose]))
    return Part("What they hear", "message", lines)


def _when(campaign: Campaign, viewer: Viewer) -> Part:
    start = (
        on_clock(campaign.starts_at, viewer.zone)
        if campaign.starts_at
        else "As soon as you start it"
    )
    lines = [
        Line("Starts", start),
        Line("Calling hours", whole_sentence(WeeklyWindows.parse(campaign.windows))),
    ]
    if campaign.ends_at:
        lines.append(Line("Ends", on_clock(campaign.ends_at, viewer.zone)))
    rule = campaign.reminder
    if rule is not None:
        lines.append(Line("Each person is due", reminders_in_words(rule)))
    return Part("When", "when", lines)


def _pace(campaign: Campaign, account: Account, found: Review, viewer: Viewer) -> Part:
    policy = RetryPolicy.parse(campaign.retry_policy)
    expected = found.estimate
    cps = min(campaign.max_cps or account.cps, account.cps)
    lines = [Line("At most", per_minute(cps))]
    if found.people.to_call and expected.first_at is not None:
        told = f"{roughly(expected.dialling.total_seconds())} of dialling".capitalize()
        if expected.last_at is not None:
            told += f", so until {on_clock(expected.last_at, viewer.zone)} or so, without retries"
        lines.append(Line("First round", told))
    lines.append(Line("Rings", length_in_words(campaign.ring_timeout)))
    lines.append(Line("Tries", " ".join(policy_in_words(policy))))
    if campaign.caps:
        lines.append(Line("Calls at most", gates.caps_as_typed(campaign.caps)))
    return Part("Pace and retries", "pace", lines)
