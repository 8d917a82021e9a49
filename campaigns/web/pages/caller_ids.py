"""The numbers of an account, and its safety stop: what the forms of its page do."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from campaigns import operating
from campaigns.access import Permission
from campaigns.config import Settings
from campaigns.errors import InvalidInput, NotAllowed, OutdialError
from campaigns.operating import AccountChange, CallerIdLimits
from campaigns.web.api.shapes import BoundedRoute, Id
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SettingsDep
from campaigns.web.pages.accounts import account_page
from campaigns.web.pages.rendering import redirect

router = APIRouter(
    prefix="/accounts/{account_id}",
    dependencies=[needs(Permission.ADMINISTER)],
    route_class=BoundedRoute,
)

Text = Annotated[str, Form(max_length=400)]


@router.post("/caller-ids")
def add_caller_id(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    number: Text = "",
) -> Response:
    """Give it one more number to present."""
    try:
        with session.begin_nested():
            operating.add_caller_id(session, account_id, number, viewer.actor, now)
    except (InvalidInput, NotAllowed) as problem:
        return account_page(request, session, account_id, config, number=number, problem=problem)
    return _back(request, account_id, f"{number.strip()} was added.")


@router.post("/caller-ids/limit")
def limit_caller_id(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    number: Text = "",
    cps: Text = "",
    max_per_day: Text = "",
) -> Response:
    """Set how much a number may be used; an empty limit is none."""
    try:
        limits = CallerIdLimits(_number(cps), _whole(max_per_day))
        with session.begin_nested():
            operating.limit_caller_id(session, account_id, number, limits, viewer.actor, now)
    except InvalidInput as problem:
        return account_page(request, session, account_id, config, problem=problem)
    return _back(request, account_id, f"The limits of {number} hold within a second.")


@router.post("/caller-ids/pause")
def pause_caller_id(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    number: Text = "",
) -> Response:
    """Show a number in no further call."""
    later.recall(operating.pause_caller_id(session, account_id, number, "", viewer.actor, now))
    return _back(request, account_id, f"{number} is shown no more until it is resumed.")


@router.post("/caller-ids/resume")
def resume_caller_id(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    number: Text = "",
) -> Response:
    """Let a number be shown again."""
    operating.resume_caller_id(session, account_id, number, viewer.actor, now)
    return _back(request, account_id, f"{number} may be shown again.")


@router.post("/caller-ids/remove")
def remove_caller_id(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    number: Text = "",
) -> Response:
    """Take a number from it."""
    try:
        with session.begin_nested():
            operating.remove_caller_id(session, account_id, number, viewer.actor, now)
    except NotAllowed as problem:
        return account_page(request, session, account_id, config, problem=problem)
    return _back(request, account_id, f"{number.strip()} was removed.")


@router.post("/safety")
def change_safety(
    request: Request,
    account_id: Id,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    on: Text = "",
    failed: Text = "",
    short: Text = "",
    invalid: Text = "",
) -> Response:
    """Set when it stops by itself; parts are given in per cent."""
    parts = {"failed": failed, "short": short, "invalid": invalid}
    try:
        wanted = {name: _part(text) for name, text in parts.items() if text.strip()}
        change = AccountChange(safety={"on": bool(on), **wanted})
        _change(request, session, account_id, change, viewer, now, config)
    except OutdialError as problem:
        return account_page(request, session, account_id, config, problem=problem)
    return _back(request, account_id, "The safety stop was changed.")


def _change(
    request: Request,
    session: Session,
    account_id: int,
    change: AccountChange,
    viewer: ViewerDep,
    now: NowDep,
    config: Settings,
) -> None:
    vault, hosts = request.app.state.vault, config.provider_hosts
    with session.begin_nested():
        operating.change_account(session, account_id, change, vault, viewer.actor, now, hosts=hosts)


def _back(request: Request, account_id: int, said: str) -> Response:
    return redirect(request, f"/accounts/{account_id}", said=said)


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is no number. Nothing was changed.") from error


def _whole(text: str) -> int | None:
    value = _number(text)
    if value is None:
        return None
    if value != value // 1:
        raise InvalidInput(f"{text[:40]!r} is no whole number. Nothing was changed.")
    return int(value)


def _part(text: str) -> float:
    value = _number(text.replace("%", ""))
    return (value or 0.0) / 100
