"""Accounts: with whom calls are placed, and how fast. Secrets go in and never come out."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from campaigns import operating, reporting
from campaigns.campaigning import account_named, resume_account
from campaigns.provisioning import NewAccount, add_account
from campaigns.reporting.values import AccountView
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute, Page
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=BoundedRoute)

Rate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000)]


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
    live: bool = Field(True, description="Places real calls. False only for the simulator.")
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


class Why(BaseModel):
    """Why something is paused or stopped, for the log."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    why: str = Field("by request", min_length=1, max_length=300, examples=["wrong text"])


@router.get("")
def list_accounts(session: SessionDep) -> Page[AccountView]:
    """Every account, by name."""
    return Page(items=list(reporting.list_accounts(session)))


@router.post("", status_code=201, responses=CONFLICT)
def create_account(request: Request, body: AccountIn, session: SessionDep) -> AccountView:
    """Add an account."""
    values = body.model_dump(exclude={"api_token", "signing_key", "caller_ids"})
    new = NewAccount(
        **values,
        api_token=body.api_token.get_secret_value(),
        signing_key=body.signing_key.get_secret_value(),
        caller_ids=tuple(body.caller_ids),
    )
    return _shown(session, add_account(session, new, request.app.state.vault).name)


@router.post("/{name}/pause", responses=NOT_FOUND)
def pause_account(
    name: str, session: SessionDep, now: NowDep, later: AfterCommitDep, body: Why | None = None
) -> AccountView:
    """Place no more calls through the account. What rings or is answered goes on."""
    why = (body or Why()).why
    later.recall(operating.pause_account_named(session, name, why, now))
    return _shown(session, name)


@router.post("/{name}/resume", responses=NOT_FOUND)
def resume(name: str, session: SessionDep, now: NowDep) -> AccountView:
    """Let the account dial again, after what had paused it was put right."""
    resume_account(session, name, now)
    return _shown(session, name)


def _shown(session: SessionDep, name: str) -> AccountView:
    session.flush()
    account_id = account_named(session, name).id
    return next(one for one in reporting.list_accounts(session) if one.id == account_id)
