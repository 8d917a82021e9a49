"""A test call from the wizard: placed through the one door every call takes, told in words."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import auditing, reporting
from campaigns.access import Permission
from campaigns.campaigning import campaign_by_id
from campaigns.drafting.hearing import as_heard_by, hear
from campaigns.errors import InvalidInput, NotFound, OutdialError
from campaigns.models import Account
from campaigns.reporting.values import RecipientHistory
from campaigns.test_call import place_test_call
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep
from campaigns.web.pages.rendering import render
from campaigns.web.pages.wizard.forms import EntriesDep
from campaigns.web.pages.wizard.frame import DraftDep
from campaigns.web.pages.wizard.message import flow_of_form

router = APIRouter(
    prefix="/campaigns/{campaign_id}/setup/message/test",
    route_class=BoundedRoute,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)

SOON = timedelta(seconds=60)
_CODE = re.compile(r" \([a-z_]+\)")
_STATUS = {
    "queued": "Its turn comes within a second.",
    "dialing": "Dialling.",
    "ringing": "It rings.",
    "in_progress": "Answered. Listen.",
}
_ENDED = {
    "answered_human": "Over: you answered.",
    "answered": "Over: it was answered.",
    "answered_machine": "Over: a machine answered.",
    "busy": "Over: the line was busy.",
    "no_answer": "Over: nobody answered.",
    "rejected": "Over: the call was declined.",
    "invalid_number": "Over: there is no such number.",
    "failed": "Over: the call failed. Try again.",
    "carrier_congestion": "Over: the network was congested. Try again.",
    "canceled": "Over: it ended before anybody answered.",
    "opted_out": "Over: you pressed 9, so this number is never called again.",
    "unknown": "Nobody can say how it ended.",
}


class TrialCall(NamedTuple):
    """A test call as it is now, in words. `over` says that nothing more will change."""

    campaign_id: int
    recipient_id: int
    number: str
    told: str
    keys: list[str]
    over: bool


@router.post("")
def place(
    request: Request,
    campaign: DraftDep,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Have one's own phone called with what is kept, as the person in the preview hears it."""
    problem, call = "", None
    shown = entries.text("person_id")
    try:
        flow = flow_of_form(session, campaign, entries)
    except InvalidInput as refusal:
        flow, problem = None, str(refusal)
    if flow is None:
        problem = problem or "Write first what is said; then you can hear it on your phone."
    elif not entries.text("to"):
        problem = "Type the number of your own phone."
    else:
        person = int(shown) if shown.isdigit() and len(shown) < 18 else 0
        heard = hear(session, campaign.id, flow, person)
        account = session.get_one(Account, campaign.account_id)
        try:
            with session.begin_nested():
                test, recipient = place_test_call(
                    session,
                    account.name,
                    entries.text("to")[:100],
                    as_heard_by(flow, heard.fields),
                    now,
                    default_country=campaign.default_country,
                )
        except OutdialError as refusal:
            problem = str(refusal)
        else:
            auditing.record(
                session,
                viewer.actor,
                "test_call.place",
                f"campaign:{test.id}",
                now,
                after={"from_draft": campaign.id, "account": account.name},
            )
            session.flush()
            call = call_as_it_is(session, test.id, recipient.id, now)
    return render(
        request,
        "wizard/test_call.html",
        status=422 if problem else 200,
        campaign=campaign,
        test=call,
        to=entries.text("to"),
        test_problem=problem,
        live=session.get_one(Account, campaign.account_id).live,
    )


@router.get("/{test_id}/{recipient_id}")
def watch(
    request: Request,
    campaign: DraftDep,
    test_id: int,
    recipient_id: int,
    session: SessionDep,
    now: NowDep,
) -> HTMLResponse:
    """How the test call goes."""
    return render(
        request,
        "wizard/test_call_now.html",
        campaign=campaign,
        test=call_as_it_is(session, test_id, recipient_id, now),
    )


def call_as_it_is(session: Session, test_id: int, recipient_id: int, now: datetime) -> TrialCall:
    """A test call in words; raises `NotFound` for anything else."""
    if not (0 < test_id < 2**63 and 0 < recipient_id < 2**63):
        raise NotFound("There is no such test call.")
    found = reporting.recipient_history(session, recipient_id, now)
    if found.campaign_id != test_id or campaign_by_id(session, test_id).kind != "test":
        raise NotFound("There is no such test call.")
    number = found.numbers[0]
    attempt = found.attempts[-1] if found.attempts else None
    if attempt is None or attempt.status == "cancelled":
        return TrialCall(test_id, recipient_id, number, _waiting(found, now), [], _is_over(found))
    told = _STATUS.get(attempt.status) or _ENDED.get(attempt.disposition or "", "Over.")
    keys = [f"{one.digit} ({one.meaning.replace('_', ' ')})" for one in attempt.responses]
    return TrialCall(test_id, recipient_id, number, told, keys, _is_over(found))


def _waiting(found: RecipientHistory, now: datetime) -> str:
    """Why it does not ring yet; codes that only the log needs are left out."""
    due = found.next_attempt_at
    if due is not None and due <= now + SOON:
        return "Your phone is called in a moment."
    return _CODE.sub("", found.sentence)


def _is_over(found: RecipientHistory) -> bool:
    return found.status not in ("pending", "in_flight")
