"""One person: everything that happened, added, changed, called again, taken out, opted out."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import changing, opting_out, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.changing import PersonChange
from campaigns.clocks import there_in_short
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.exporting import export_columns
from campaigns.flows.model import CallFlow
from campaigns.models import Campaign, Flow
from campaigns.opting_out import NewOptOut
from campaigns.reporting.values import RecipientHistory
from campaigns.store import changes
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SnapshotDep,
    SnapshotNowDep,
    SurroundingsDep,
)
from campaigns.web.pages.appointments import appointment_of
from campaigns.web.pages.campaigns import campaign_page
from campaigns.web.pages.people_found import STATUSES
from campaigns.web.pages.person_form import (
    asked_change,
    asked_person,
    changed_since,
    clock_of,
    values_of,
    version_of,
)
from campaigns.web.pages.rendering import redirect, render
from campaigns.web.pages.stories import outcome_of, story_of
from campaigns.web.pages.why import GATE_WORDS
from campaigns.web.pages.wizard.forms import Entries, EntriesDep

router = APIRouter()
_ADD = "/campaigns/{campaign_id:int}/recipients/add"
_ONE = "/recipients/{recipient_id:int}"
_RUN = [needs(Permission.RUN_CAMPAIGNS)]
# What may be changed, taken out, and decided, by a person's status.
CHANGEABLE = frozenset({"pending", "review", "expired"})
REMOVABLE = CHANGEABLE | {"exhausted"}
DECIDABLE = frozenset({"review", "expired"})
# Not columns for a form: one is a field of its own, the others are worked out.
_COMPUTED = frozenset({"name", "appointment", "appointment_zone"})


class Columns(NamedTuple):
    """A campaign's own columns, but for the name: those the texts speak, and all others."""

    name_needed: bool
    needed: list[str]
    others: list[str]


@router.get(_ADD, dependencies=_RUN)
def show_add(request: Request, campaign_id: int, session: SessionDep) -> HTMLResponse:
    """The form for one more person."""
    return _add_form(request, session, min(campaign_id, LARGEST_ID), Entries())


@router.post(_ADD, dependencies=_RUN)
def add(
    request: Request,
    campaign_id: int,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """One more person to be called."""
    known = min(campaign_id, LARGEST_ID)
    person = asked_person(entries, viewer.zone)
    if person is not None:
        try:
            with session.begin_nested():
                added = changing.add_person(session, known, person, viewer.actor, now)
        except (InvalidInput, NotAllowed) as problem:
            entries.trouble = str(problem)
        else:
            return redirect(request, f"/recipients/{added}", said="The person was added.")
    return _add_form(request, session, known, entries, status=422)


@router.get(_ONE, dependencies=[needs(Permission.SEE)])
def show_person(
    request: Request,
    recipient_id: int,
    session: SnapshotDep,
    now: SnapshotNowDep,
    around: SurroundingsDep,
    viewer: ViewerDep,
) -> HTMLResponse:
    """One person with every attempt, event and answer, and what happens next."""
    person = reporting.recipient_history(session, min(recipient_id, LARGEST_ID), now)
    campaign = campaign_by_id(session, person.campaign_id)
    over = campaign.status in changing.OVER
    shown = viewer.shown(person)
    return render(
        request,
        "recipients/one.html",
        person=shown,
        title=_title(shown),
        campaign=campaign,
        columns=_columns_shown(shown),
        status_word=STATUSES.get(person.status, person.status),
        attempts=[
            {
                "view": one,
                "outcome": outcome_of(one),
                "story": [(line, there_in_short(line.at, person.zones)) for line in story_of(one)],
            }
            for one in reversed(shown.attempts)
        ],
        there=lambda at: there_in_short(at, person.zones),
        may_change=person.status in CHANGEABLE and not over,
        may_decide=person.status in DECIDABLE and not over,
        may_remove=person.status in REMOVABLE,
        why=viewer.shown(reporting.why_of_recipient(session, person.id, now, around)),
        gate_words=GATE_WORDS,
        **appointment_of(person, campaign, viewer.zone),
        opted_out=changes.is_opted_out(session, person.numbers, person.campaign_id, now),
    )


@router.get(f"{_ONE}/edit", dependencies=_RUN)
def show_edit(
    request: Request, recipient_id: int, session: SessionDep, now: NowDep
) -> HTMLResponse:
    """The form to change a person."""
    person = reporting.recipient_history(session, min(recipient_id, LARGEST_ID), now)
    return _edit_form(request, session, person, Entries())


@router.post(f"{_ONE}/edit", dependencies=_RUN)
def edit(
    request: Request,
    recipient_id: int,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Change a person; their next call is planned anew."""
    known = min(recipient_id, LARGEST_ID)
    changing.hold_person(session, known)  # of two who save at once the later one is told
    person = reporting.recipient_history(session, known, now)
    outdated = changed_since(entries, person)
    if outdated:
        entries.trouble = outdated
        return _edit_form(request, session, person, entries, status=412)
    change = asked_change(entries, person)
    if change is not None:
        try:
            # In a savepoint: an answer that only shows what was wrong leaves nothing behind.
            with session.begin_nested():
                changing.change_person(session, known, change, viewer.actor, now)
        except (InvalidInput, NotAllowed) as problem:
            entries.trouble = str(problem)
        else:
            return redirect(request, f"/recipients/{known}", said="The changes were kept.")
    return _edit_form(request, session, person, entries, status=422)


@router.post(f"{_ONE}/call-again", dependencies=_RUN)
def call_again(
    request: Request, recipient_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Decide that somebody is called again."""
    change = PersonChange(call_again=True)
    row = changing.change_person(session, recipient_id, change, viewer.actor, now)
    waits = row.status == "pending"
    said = "The person waits for a call again." if waits else f"Not possible: {row.reason}."
    return redirect(request, f"/recipients/{recipient_id}", said=said)


@router.post(f"{_ONE}/remove", dependencies=_RUN)
def remove(
    request: Request,
    recipient_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    why: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Take a person out of the campaign."""
    person = reporting.recipient_history(session, min(recipient_id, LARGEST_ID), now)
    kept = changing.remove_person(session, recipient_id, viewer.actor, now, why)
    if kept:
        said = "The person was taken out and is never called for this campaign again."
        return redirect(request, f"/recipients/{recipient_id}", said=said)
    said = "The person was taken out of the campaign."
    return redirect(request, f"/campaigns/{person.campaign_id}/recipients", said=said)


@router.post(f"{_ONE}/opt-out", dependencies=_RUN)
def opt_out(
    request: Request,
    recipient_id: int,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    later: AfterCommitDep,
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Never call any number of a person again, in any campaign."""
    person = reporting.recipient_history(session, min(recipient_id, LARGEST_ID), now)
    evidence = why.strip() or "asked for on the page of the person"
    wanted = [NewOptOut(number, evidence=evidence) for number in person.numbers]
    done = opting_out.opt_out(session, wanted, "verbal", viewer.actor, now)
    later.recall(done.recalled)
    said = "The person has opted out: none of their numbers is called again, in any campaign."
    return redirect(request, f"/recipients/{recipient_id}", said=said)


def _add_form(
    request: Request, session: Session, campaign_id: int, entries: Entries, *, status: int = 200
) -> HTMLResponse:
    campaign = campaign_by_id(session, campaign_id)
    return campaign_page(
        request,
        session,
        "recipients/add.html",
        campaign_id,
        status=status,
        tab="recipients",
        entries=entries,
        columns=_columns(session, campaign),
        reminds=campaign.reminder is not None,
    )


def _edit_form(
    request: Request,
    session: Session,
    person: RecipientHistory,
    entries: Entries,
    *,
    status: int = 200,
) -> HTMLResponse:
    campaign = campaign_by_id(session, person.campaign_id)
    if not entries.values:
        entries = Entries(values_of(person))
    return render(
        request,
        "recipients/edit.html",
        status=status,
        person=person,
        title=_title(person),
        campaign=campaign,
        entries=entries,
        columns=_columns(session, campaign, person),
        reminds=campaign.reminder is not None,
        clock=clock_of(person),
        may_decide=person.status in DECIDABLE,
        seen=version_of(person),
    )


def _columns(
    session: Session, campaign: Campaign, person: RecipientHistory | None = None
) -> Columns:
    """The columns that a person of this campaign may have."""
    flow = CallFlow.from_json(session.get_one(Flow, campaign.flow_id).definition)
    spoken = [name for name in flow.columns() if name not in _COMPUTED]
    names = [*export_columns(session, campaign.id), *(person.fields if person is not None else ())]
    return Columns(
        name_needed="name" in flow.columns(),
        needed=spoken,
        others=[one for one in dict.fromkeys(names) if one not in {*_COMPUTED, *spoken}],
    )


def _columns_shown(person: RecipientHistory) -> list[tuple[str, str]]:
    """The columns of their list that have something in them."""
    shown = ((key, str(value).strip()) for key, value in person.fields.items() if key != "name")
    return [(key, value) for key, value in shown if value]


def _title(person: RecipientHistory) -> str:
    return str(person.fields.get("name") or "") or "A person without a name"
