"""Accounts: with whom calls are placed and how fast. Secrets go in and never come out."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import operating, reporting
from campaigns.access import Permission
from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.errors import NotFound, OutdialError
from campaigns.operating import AccountChange
from campaigns.providers.base import CredentialCheck
from campaigns.provisioning import NewAccount
from campaigns.reporting.accounts import AccountView
from campaigns.web.api.accounts import Count, Rate
from campaigns.web.api.shapes import BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import (
    AfterCommitDep,
    NowDep,
    SessionDep,
    SettingsDep,
    SnapshotDep,
)
from campaigns.web.pages.rendering import redirect, render

router = APIRouter(prefix="/accounts", route_class=BoundedRoute)

ADMINISTER = [needs(Permission.ADMINISTER)]
Text = Annotated[str, Form(max_length=1000)]


# Said beside a field whose number cannot be used.
NUMBERS = {
    "cps": "Give the calls per second as a number above 0 and at most 1,000, such as 1 or 0.5.",
    "max_concurrent": "Give a whole number from 1 to 100,000.",
    "max_waiting": "Give a whole number from 1 to 100,000, or nothing.",
}


class Limits(BaseModel):
    """How fast: calls per second, calls alive at once, calls given out but not ringing yet."""

    cps: Rate
    max_concurrent: Count
    max_waiting: Count | None = None


class AccountForm(BaseModel):
    """A form about an account as it was filled in; its secrets are never filled in for anybody."""

    name: Annotated[str, Field(max_length=400)] = ""
    base_url: Annotated[str, Field(max_length=400)] = ""
    project_id: Annotated[str, Field(max_length=400)] = ""
    live: bool = True
    caller_ids: Annotated[str, Field(max_length=40_000)] = ""
    cps: Annotated[str, Field(max_length=40)] = "1"
    max_concurrent: Annotated[str, Field(max_length=40)] = "20"
    max_waiting: Annotated[str, Field(max_length=40)] = ""
    api_token: Annotated[str, Field(max_length=1000)] = Field("", repr=False)
    signing_key: Annotated[str, Field(max_length=1000)] = Field("", repr=False)

    def limits(self) -> tuple[Limits | None, dict[str, str]]:
        """The numbers, or what is wrong with which of them."""
        given = {name: getattr(self, name).strip() or None for name in NUMBERS}
        try:
            return Limits.model_validate(given), {}
        except ValidationError as error:
            wrong = {str(item["loc"][0]) for item in error.errors()}
            return None, {name: told for name, told in NUMBERS.items() if name in wrong}


Filled = Annotated[AccountForm, Form()]


@router.get("", dependencies=ADMINISTER)
def show_list(request: Request, session: SnapshotDep, config: SettingsDep) -> HTMLResponse:
    """Every account."""
    found = reporting.list_accounts(session)
    return render(request, "accounts/list.html", rows=found, live_allowed=config.live_dialling)


@router.get("/new", dependencies=ADMINISTER)
def show_new(request: Request, config: SettingsDep) -> HTMLResponse:
    """The form for one more."""
    return _form(request, config, AccountForm())


@router.post("/new", dependencies=ADMINISTER)
def add(
    request: Request,
    form: Filled,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> Response:
    """Add an account, and go to it to have its credentials checked."""
    limits, wrong = form.limits()
    wrong |= _missing(form, ("name", "base_url", "project_id", "api_token", "caller_ids"))
    if limits is None or wrong:
        return _form(request, config, form, wrong=wrong)
    new = NewAccount(
        name=form.name.strip(),
        provider="signalwire",
        base_url=form.base_url.strip(),
        project_id=form.project_id.strip(),
        api_token=form.api_token.strip(),
        signing_key=form.signing_key.strip(),
        caller_ids=tuple(form.caller_ids.replace(",", " ").split()),
        live=form.live,
        **limits.model_dump(),
    )
    vault, hosts = request.app.state.vault, config.provider_hosts
    try:
        with session.begin_nested():
            account = operating.add_account(session, new, vault, viewer.actor, now, hosts=hosts)
    except OutdialError as problem:
        return _form(request, config, form, problem=problem)
    said = f"{account.name} was added. Have its credentials checked now."
    return redirect(request, f"/accounts/{account.id}", said=said)


@router.get("/{account_id}", dependencies=ADMINISTER)
def show_one(
    request: Request, account_id: Id, session: SnapshotDep, config: SettingsDep
) -> HTMLResponse:
    """One account: whether it dials, its limits, its caller ids."""
    return account_page(request, session, account_id, config)


@router.get("/{account_id}/edit", dependencies=ADMINISTER)
def show_edit(
    request: Request, account_id: Id, session: SnapshotDep, config: SettingsDep
) -> HTMLResponse:
    """The form to change it."""
    account = _view(session, account_id)
    values = {name: getattr(account, name) for name in ("name", "base_url", "project_id", "live")}
    numbers = {name: f"{getattr(account, name):.10g}" for name in NUMBERS}
    return _form(request, config, AccountForm(**values, **numbers), account=account)


@router.post("/{account_id}/edit", dependencies=ADMINISTER)
def edit(
    request: Request,
    account_id: Id,
    form: Filled,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> Response:
    """Change it; an empty token or key keeps the one it has."""
    limits, wrong = form.limits()
    wrong |= _missing(form, ("base_url", "project_id"))
    if limits is None or wrong:
        account = _view(session, account_id)
        return _form(request, config, form, account=account, wrong=wrong)
    change = AccountChange(
        base_url=form.base_url,
        project_id=form.project_id,
        api_token=form.api_token or None,
        signing_key=form.signing_key or None,
        live=form.live,
        **limits.model_dump(),
    )
    vault, hosts = request.app.state.vault, config.provider_hosts
    try:
        with session.begin_nested():
            operating.change_account(
                session, account_id, change, vault, viewer.actor, now, hosts=hosts
            )
    except NotFound:
        raise
    except OutdialError as problem:
        account = _view(session, account_id)
        return _form(request, config, form, account=account, problem=problem)
    said = "The account was changed. What dials follows within seconds."
    return redirect(request, f"/accounts/{account_id}", said=said)


@router.post("/{account_id}/check", dependencies=ADMINISTER)
def check(request: Request, account_id: Id, config: SettingsDep) -> HTMLResponse:
    """Ask the provider whether it knows the credentials, and show what it says."""
    state = request.app.state
    checked = operating.check_account(state.engine, account_id, state.vault)
    with transaction(state.engine) as session:
        return account_page(request, session, account_id, config, checked=checked)


@router.post("/{account_id}/pause", dependencies=ADMINISTER)
def pause(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    why: Text = "",
) -> Response:
    """Place no more calls through it."""
    name = operating.account_by_id(session, account_id).name
    reason = why.strip()[:300] or "by request"
    later.recall(operating.pause_account_named(session, name, reason, now, actor=viewer.actor))
    return redirect(request, f"/accounts/{account_id}", said=f"{name} is paused.")


@router.post("/{account_id}/off", dependencies=ADMINISTER)
def switch_off(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    why: Text = "",
) -> Response:
    """Take it out of use."""
    name = operating.account_by_id(session, account_id).name
    reason = why.strip()[:300] or "by request"
    later.recall(operating.switch_account_off_named(session, name, reason, viewer.actor, now))
    return redirect(request, f"/accounts/{account_id}", said=f"{name} is out of use.")


@router.post("/{account_id}/resume", dependencies=ADMINISTER)
def resume(
    request: Request, account_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Response:
    """Let it dial again."""
    name = operating.account_by_id(session, account_id).name
    operating.resume_account(session, name, viewer.actor, now)
    return redirect(request, f"/accounts/{account_id}", said=f"{name} may dial again.")


def _missing(form: AccountForm, names: Sequence[str]) -> dict[str, str]:
    return {name: "Fill this in." for name in names if not getattr(form, name).strip()}


def _view(session: Session, account_id: int) -> AccountView:
    session.flush()
    for one in reporting.list_accounts(session):
        if one.id == account_id:
            return one
    raise NotFound(f"There is no account {account_id}.")


def account_page(
    request: Request,
    session: Session,
    account_id: int,
    config: Settings,
    *,
    checked: CredentialCheck | None = None,
    number: str = "",
    problem: OutdialError | None = None,
) -> HTMLResponse:
    """One account's page, with what was wrong with what was asked for."""
    return render(
        request,
        "accounts/one.html",
        status=problem.status_code if problem is not None else 200,
        account=_view(session, account_id),
        live_allowed=config.live_dialling,
        checked=checked,
        now=database_now(session),
        number=number,
        problem=str(problem) if problem is not None else "",
    )


def _form(
    request: Request,
    config: Settings,
    form: AccountForm,
    *,
    account: AccountView | None = None,
    wrong: Mapping[str, str] | None = None,
    problem: OutdialError | None = None,
) -> HTMLResponse:
    status = problem.status_code if problem is not None else 422 if wrong else 200
    names = AccountForm.model_fields
    return render(
        request,
        "accounts/form.html",
        status=status,
        form=form,
        account=account,
        wrong={**dict.fromkeys(names, ""), **(wrong or {})},
        problem=str(problem) if problem is not None else "",
        live_allowed=config.live_dialling,
        simulator=f"http://127.0.0.1:{config.simulator_port}" if config.simulator_port else "",
    )
