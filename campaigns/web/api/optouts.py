"""Numbers that are never called, by anybody, in any campaign."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from campaigns import opting_out
from campaigns.errors import InvalidInput
from campaigns.store.opt_outs import list_opt_outs
from campaigns.web.api.shapes import BoundedRoute, Limit, Page
from campaigns.web.dependencies import AfterCommitDep, NowDep, SessionDep, SettingsDep, SnapshotDep

router = APIRouter(prefix="/opt-outs", tags=["opt-outs"], route_class=BoundedRoute)


class OptOutIn(BaseModel):
    """One number, or up to 500 of them. All are recorded, or none."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: str | None = Field(None, max_length=100, examples=["+12125550123"])
    numbers: list[str] = Field(
        default_factory=list, max_length=opting_out.BATCH, examples=[["+12125550124"]]
    )
    evidence: str = Field(
        "asked for over the API", max_length=500, examples=["letter of 3 March 2026"]
    )
    country: str | None = Field(
        None, description="ISO 3166 country of numbers without a country code."
    )


class OptOut(BaseModel):
    """A number that is never called."""

    number: str
    source: str = Field(description="keypress, api, cli or import")
    evidence: str | None
    created_at: datetime


class OptedOut(BaseModel):
    """What was recorded."""

    numbers: list[str] = Field(description="In E.164.")
    recalled: int = Field(description="Calls under way to them that are being taken back.")


@router.get("")
def list_all(
    session: SnapshotDep,
    after: Annotated[str, Query(max_length=100, description="`next` of the page before.")] = "",
    limit: Limit = 50,
) -> Page[OptOut]:
    """Opt-outs, by number."""
    rows = list_opt_outs(session, after, limit)
    items = [OptOut(number=n, source=s, evidence=e, created_at=at) for n, s, e, at in rows]
    return Page(items=items, next=items[-1].number if len(items) == limit else None)


@router.post("", status_code=201)
def opt_out(
    body: OptOutIn,
    session: SessionDep,
    now: NowDep,
    later: AfterCommitDep,
    config: SettingsDep,
    response: Response,
) -> OptedOut:
    """Never call these numbers again. When this is answered, nothing to them is dialled any more.

    Doing it twice keeps the first record.
    """
    texts = ([body.number] if body.number is not None else []) + body.numbers
    if not texts:
        raise InvalidInput("Give a number, or a list of numbers. Nothing was recorded.")
    read = opting_out.read_numbers(enumerate(texts, 1), body.country or config.default_country)
    if read.unreadable:
        told = " ".join(one.problem for one in read.unreadable[:5])
        raise InvalidInput(
            f"{len(read.unreadable)} of {len(texts)} cannot be read: {told} Nothing was recorded."
        )
    recalled = opting_out.opt_out(session, read.numbers, "api", body.evidence, now)
    later.recall(recalled)
    return OptedOut(numbers=read.numbers, recalled=len(recalled))
