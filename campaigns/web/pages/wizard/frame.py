"""What every step of the wizard shares: the draft, the bar of steps, and where it stands."""

from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns.campaigning import campaign_by_id
from campaigns.drafting import is_written, seen_steps
from campaigns.drafting.review import People, people_of
from campaigns.errors import NotFound
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Account, Campaign
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.dependencies import SessionDep
from campaigns.web.pages.rendering import redirect, render

STEPS = (
    ("recipients", "Recipients"),
    ("message", "What they hear"),
    ("when", "When"),
    ("pace", "Pace and retries"),
    ("review", "Review"),
)
KEYS = tuple(key for key, _ in STEPS)


class Step(NamedTuple):
    """One step in the bar. `state` is done, missing or open; `note` says more in a few words."""

    key: str
    label: str
    href: str
    state: str
    note: str


def _draft(campaign_id: int, session: SessionDep) -> Campaign:
    if not 0 < campaign_id <= LARGEST_ID:
        raise NotFound(f"There is no campaign {campaign_id}.")
    return campaign_by_id(session, campaign_id)


DraftDep = Annotated[Campaign, Depends(_draft, scope="function")]


def is_draft(campaign: Campaign) -> bool:
    """Whether the wizard may still change it."""
    return campaign.status == CampaignStatus.DRAFT


def to_its_page(request: Request, campaign: Campaign) -> Response:
    """On to the page of a campaign that is no draft any more."""
    return redirect(
        request,
        f"/campaigns/{campaign.id}",
        said=f"“{campaign.name}” is {campaign.status}, so it is no longer set up here.",
    )


def step_url(campaign_id: int, step: str) -> str:
    """Where a step is."""
    return f"/campaigns/{campaign_id}/setup/{step}"


def next_step(step: str) -> str:
    """The step after this one."""
    return KEYS[min(KEYS.index(step) + 1, len(KEYS) - 1)]


def steps_of(campaign: Campaign, people: People) -> list[Step]:
    """The bar of steps as this draft stands."""
    seen = seen_steps(campaign)
    ready = {
        "recipients": people.to_call > 0,
        "message": is_written(campaign),
        "when": "when" in seen,
        "pace": "pace" in seen,
    }
    notes = {
        "recipients": f"{people.to_call:,} to call" if people.to_call else "No list yet",
        "message": "Written" if ready["message"] else "No text yet",
        "when": "Set" if ready["when"] else "Defaults",
        "pace": "Set" if ready["pace"] else "Defaults",
    }
    must = {"recipients", "message"}
    open_ones = sum(not ready[key] for key in must)
    notes["review"] = f"{open_ones} to do first" if open_ones else "Ready"
    return [
        Step(
            key,
            label,
            step_url(campaign.id, key),
            "done" if ready.get(key) else "missing" if key in must else "open",
            notes[key],
        )
        for key, label in STEPS
    ]


def first_open_step(campaign: Campaign, people: People) -> str:
    """Where to go on with a draft."""
    for step in steps_of(campaign, people):
        if step.state != "done":
            return step.key
    return "review"


def show_step(
    request: Request,
    session: Session,
    campaign: Campaign,
    step: str,
    *,
    status: int = 200,
    people: People | None = None,
    template: str | None = None,
    **context: Any,
) -> HTMLResponse:
    """A step's page, with the bar above it."""
    found = people_of(session, campaign) if people is None else people
    account = session.get_one(Account, campaign.account_id)
    return render(
        request,
        f"wizard/{template or step}.html",
        status=status,
        campaign=campaign,
        account=account,
        people=found,
        step=step,
        steps=steps_of(campaign, found),
        **context,
    )


def after_save(request: Request, campaign: Campaign, step: str, do: str) -> Response:
    """Where to go once a step is saved: on, or away for now."""
    if do == "leave":
        return redirect(
            request, "/campaigns", said=f"“{campaign.name}” is kept as a draft. Continue any time."
        )
    if do == "stay":
        return redirect(request, step_url(campaign.id, step), said="Saved.")
    return redirect(request, step_url(campaign.id, next_step(step)))
