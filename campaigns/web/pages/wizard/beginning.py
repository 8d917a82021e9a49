"""A campaign begins with a name; and a draft may be thrown away."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import operating
from campaigns.access import Permission
from campaigns.drafting import begin_draft, delete_draft
from campaigns.drafting.review import people_of
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Account
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SettingsDep
from campaigns.web.pages.rendering import redirect, render
from campaigns.web.pages.wizard.forms import Entries, EntriesDep
from campaigns.web.pages.wizard.frame import (
    DraftDep,
    first_open_step,
    is_draft,
    step_url,
    to_its_page,
)

router = APIRouter(
    prefix="/campaigns", route_class=BoundedRoute, dependencies=[needs(Permission.RUN_CAMPAIGNS)]
)


@router.get("/new")
def show_beginning(request: Request, session: SessionDep) -> HTMLResponse:
    """The three things that make a draft."""
    return _form(request, session, Entries())


@router.post("/new")
def begin(
    request: Request,
    entries: EntriesDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    config: SettingsDep,
) -> Response:
    """Make a draft and go on to its recipients."""
    if not entries.text("name"):
        entries.refuse("name", "give it a name that you will know it by")
    if entries.text("kind") not in ("reminder", "announcement"):
        entries.refuse("kind", "choose what the calls are for")
    if not entries.text("account"):
        entries.refuse("account", "choose the account that calls")
    if not entries.refused:
        try:
            draft = begin_draft(
                session,
                entries.text("name"),
                entries.text("kind"),
                entries.text("account"),
                config.default_country,
            )
        except (InvalidInput, NotAllowed) as refusal:
            entries.trouble = str(refusal)
        else:
            operating.note_campaign_created(session, draft, viewer.actor, now)
            return redirect(request, step_url(draft.id, "recipients"))
    return _form(request, session, entries, status=422)


@router.get("/{campaign_id}/setup")
def go_on(request: Request, session: SessionDep, campaign: DraftDep) -> Response:
    """On to the first step that is not done."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    return redirect(
        request, step_url(campaign.id, first_open_step(campaign, people_of(session, campaign)))
    )


@router.post("/{campaign_id}/setup/delete")
def throw_away(
    request: Request,
    campaign: DraftDep,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    config: SettingsDep,
) -> Response:
    """Delete a draft and the people in it."""
    if not is_draft(campaign):
        return to_its_page(request, campaign)
    name = campaign.name
    files = delete_draft(session, campaign.id, viewer.actor, now)
    for path in files:
        (config.data_dir / path).unlink(missing_ok=True)
    return redirect(request, "/campaigns", said=f"The draft “{name}” was deleted.")


def _form(
    request: Request, session: Session, entries: Entries, *, status: int = 200
) -> HTMLResponse:
    accounts = session.scalars(select(Account).order_by(Account.live, Account.name)).all()
    usable = [one.name for one in accounts if one.status == "active"]
    names = usable or [one.name for one in accounts]
    chosen = {
        "name": entries.text("name"),
        "kind": entries.text("kind") or "reminder",
        "account": entries.text("account") or (names[0] if names else ""),
    }
    return render(
        request,
        "wizard/new.html",
        status=status,
        accounts=accounts,
        form=chosen,
        errors=entries.errors,
        trouble=entries.trouble,
    )
