"""Accounts: with whom calls are placed, and how fast. Secrets go in and never come out."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool

from campaigns import operating, reporting
from campaigns.access import Permission
from campaigns.campaigning import account_named
from campaigns.db import transaction
from campaigns.operating import AccountChange, CallerIdLimits
from campaigns.operating.caller_ids import MOST_PER_DAY
from campaigns.provisioning import NewAccount
from campaigns.reporting.accounts import AccountView
from campaigns.web.api.preconditions import PRECONDITION, check_if_match, tagged
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute, Page
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SettingsDep

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=BoundedRoute)

ADMINISTER = [needs(Permission.ADMINISTER)]
Name = Annotated[str, Path(max_length=100, examples=["clinic"])]
Rate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Daily = Annotated[int, Field(ge=1, le=MOST_PER_DAY)]


class AccountIn(BaseModel):
    """A provider account with its caller ids. The tokens are encrypted and never shown again."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, examples=["clinic"])
    provider: Literal["signalwire"] = "signalwire"
    base_url: str = Field(max_length=300, examples=["https://example.signalwire.com"])
    project_id: str = Field(min_length=1, max_length=200)
    api_token: SecretStr = Field(description="Write-only.")
    signing_key: SecretStr = Field(SecretStr(""), description="Write-only.")
    caller_ids: list[str] = Field(min_length=1, max_length=1000, examples=[["+12125550100"]])
    live: StrictBool = Field(True, description="Places real calls. False only for the simulator.")
    cps: Rate = Field(1.0, description="Calls started per second, at most.")
    max_concurrent: Count = Field(20, description="Calls alive at once, at most.")
    max_waiting: Count | None = Field(
        None, description="Calls given out but not yet ringing, at most; unset: two seconds' worth."
    )
    pacing_group: str | None = Field(
        None, max_length=100, description="A rate limit shared with other accounts, by name."
    )
    time_scale: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="Shortens waits; simulator accounts only."
    )


class AccountPatch(BaseModel):
    """What is to be another; what is left out stays. A name stays for ever."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    base_url: str | None = Field(None, max_length=300)
    project_id: str | None = Field(None, min_length=1, max_length=200)
    api_token: SecretStr | None = Field(None, description="Write-only.")
    signing_key: SecretStr | None = Field(None, description="Write-only.")
    live: StrictBool | None = Field(None, description="Cannot be changed once there is a campaign.")
    cps: Rate | None = None
    max_concurrent: Count | None = None
    max_waiting: Count | None = None
    safety: dict[str, bool | int | float] | None = Field(
        None,
        description="What is to be another in the safety stop: `on`, `window`, `least` (calls), "
        "`failed`, `short`, `invalid`, `congested` (parts, 0 to 1), `short_seconds`.",
        examples=[{"failed": 0.3}],
    )


class CallerIdIn(BaseModel):
    """A number to present."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: str = Field(max_length=40, examples=["+12125550100"])
    cps: Rate | None = Field(None, description="Calls per second, at most; null: as the account.")
    max_per_day: Daily | None = Field(None, description="Calls in any 24 hours, at most.")


class CallerIdPatch(BaseModel):
    """How much a number may be used; null or left out: no limit of its own."""

    model_config = ConfigDict(extra="forbid")

    cps: Rate | None = Field(None, description="Calls per second, at most; null: as the account.")
    max_per_day: Daily | None = Field(None, description="Calls in any 24 hours, at most.")


class Checked(BaseModel):
    """What the provider says to an account's credentials."""

    accepted: bool | None = Field(description="null: the provider could not be asked.")
    sentence: str


class Why(BaseModel):
    """Why something is paused or stopped, for the log."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    why: str = Field("by request", min_length=1, max_length=300, examples=["wrong text"])


@router.get("", dependencies=[needs(Permission.SEE)])
def list_accounts(session: SessionDep) -> Page[AccountView]:
    """Every account, by name."""
    return Page(items=list(reporting.list_accounts(session)))


@router.post("", status_code=201, responses=CONFLICT, dependencies=ADMINISTER)
def create_account(
    request: Request,
    body: AccountIn,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> AccountView:
    """Add an account."""
    values = body.model_dump(exclude={"api_token", "signing_key", "caller_ids"})
    new = NewAccount(
        **values,
        api_token=body.api_token.get_secret_value(),
        signing_key=body.signing_key.get_secret_value(),
        caller_ids=tuple(body.caller_ids),
    )
    vault, hosts = request.app.state.vault, config.provider_hosts
    operating.add_account(session, new, vault, viewer.actor, now, hosts=hosts)
    return _shown(session, new.name)


@router.get("/{name}", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_account(name: Name, session: SessionDep, response: Response) -> AccountView:
    """One account."""
    return tagged(response, _shown(session, name))


@router.patch("/{name}", responses=NOT_FOUND | CONFLICT | PRECONDITION, dependencies=ADMINISTER)
def change_account(
    request: Request,
    response: Response,
    name: Name,
    body: AccountPatch,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> AccountView:
    """Change an account; what dials follows within seconds."""
    check_if_match(request, _shown(session, name))
    secrets = {"api_token", "signing_key"}
    given = {
        one: value.get_secret_value()
        for one in secrets
        if (value := getattr(body, one)) is not None
    }
    change = AccountChange(**body.model_dump(exclude=secrets), **given)
    operating.change_account(
        session,
        account_named(session, name).id,
        change,
        request.app.state.vault,
        viewer.actor,
        now,
        hosts=config.provider_hosts,
    )
    return tagged(response, _shown(session, name))


@router.post("/{name}/check", responses=NOT_FOUND, dependencies=ADMINISTER)
def check_account(request: Request, name: Name) -> Checked:
    """Ask the provider whether it knows the account's credentials. No call is placed."""
    state = request.app.state
    with transaction(state.engine) as session:
        account_id = account_named(session, name).id
    found = operating.check_account(state.engine, account_id, state.vault)
    return Checked(accepted=found.accepted, sentence=found.sentence)


@router.post(
    "/{name}/caller-ids", status_code=201, responses=NOT_FOUND | CONFLICT, dependencies=ADMINISTER
)
def add_caller_id(
    name: Name, body: CallerIdIn, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> AccountView:
    """Give the account one more number to present."""
    account_id = account_named(session, name).id
    limits = CallerIdLimits(body.cps, body.max_per_day)
    operating.add_caller_id(session, account_id, body.number, viewer.actor, now, limits)
    return _shown(session, name)


@router.delete(
    "/{name}/caller-ids/{number}", responses=NOT_FOUND | CONFLICT, dependencies=ADMINISTER
)
def remove_caller_id(
    name: Name, number: str, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> AccountView:
    """Take a number from the account; one that was ever used stays."""
    account_id = account_named(session, name).id
    operating.remove_caller_id(session, account_id, number, viewer.actor, now)
    return _shown(session, name)


@router.patch("/{name}/caller-ids/{number}", responses=NOT_FOUND, dependencies=ADMINISTER)
def limit_caller_id(
    name: Name,
    number: str,
    body: CallerIdPatch,
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> AccountView:
    """Set how much a number may be used, from the next second on."""
    account_id = account_named(session, name).id
    limits = CallerIdLimits(body.cps, body.max_per_day)
    operating.limit_caller_id(session, account_id, number, limits, viewer.actor, now)
    return _shown(session, name)


@router.post("/{name}/caller-ids/{number}/pause", responses=NOT_FOUND, dependencies=ADMINISTER)
def pause_caller_id(
    name: Name,
    number: str,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    body: Why | None = None,
) -> AccountView:
    """Show a number in no further call. Campaigns that have others go on with them."""
    why, account_id = (body or Why()).why, account_named(session, name).id
    later.recall(operating.pause_caller_id(session, account_id, number, why, viewer.actor, now))
    return _shown(session, name)


@router.post("/{name}/caller-ids/{number}/resume", responses=NOT_FOUND, dependencies=ADMINISTER)
def resume_caller_id(
    name: Name, number: str, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> AccountView:
    """Let a number be shown again. Its calls so far are not held against it."""
    account_id = account_named(session, name).id
    operating.resume_caller_id(session, account_id, number, viewer.actor, now)
    return _shown(session, name)


@router.post("/{name}/pause", responses=NOT_FOUND, dependencies=ADMINISTER)
def pause_account(
    name: Name,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    body: Why | None = None,
) -> AccountView:
    """Place no more calls through the account. What rings or is answered goes on."""
    why = (body or Why()).why
    later.recall(operating.pause_account_named(session, name, why, now, actor=viewer.actor))
    return _shown(session, name)


@router.post("/{name}/off", responses=NOT_FOUND, dependencies=ADMINISTER)
def switch_off(
    name: Name,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    viewer: ViewerDep,
    body: Why | None = None,
) -> AccountView:
    """Take the account out of use. What rings or is answered goes on."""
    why = (body or Why()).why
    later.recall(operating.switch_account_off_named(session, name, why, viewer.actor, now))
    return _shown(session, name)


@router.post("/{name}/resume", responses=NOT_FOUND, dependencies=ADMINISTER)
def resume(name: Name, session: SessionDep, now: NowDep, viewer: ViewerDep) -> AccountView:
    """Let the account dial again, after what had paused it was put right."""
    operating.resume_account(session, name, viewer.actor, now)
    return _shown(session, name)


def _shown(session: SessionDep, name: str) -> AccountView:
    session.flush()
    account_id = account_named(session, name).id
    return next(one for one in reporting.list_accounts(session) if one.id == account_id)
