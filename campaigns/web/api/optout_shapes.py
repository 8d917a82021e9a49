"""What opt-outs look like over the API."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from campaigns import opting_out
from campaigns.instants import GivenInstant
from campaigns.opting_out import Search
from campaigns.web.api.shapes import LARGEST_ID

State = Literal["live", "expired", "lifted", "any"]
Source = Literal["keypress", "api", "cli", "import", "page", "verbal"]
CampaignId = Annotated[
    int | None,
    Field(ge=1, le=LARGEST_ID, description="Only for this campaign; else everywhere."),
]


class OptOutIn(BaseModel):
    """One number or prefix, or up to 500 of them. All are recorded, or none."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: str | None = Field(
        None,
        max_length=100,
        description="A telephone number, or every number that begins so: `+1202555*`.",
        examples=["+12125550123"],
    )
    numbers: list[str] = Field(
        default_factory=list, max_length=opting_out.BATCH, examples=[["+12125550124"]]
    )
    evidence: str = Field(
        "asked for over the API",
        max_length=500,
        description="Why; how we know.",
        examples=["letter of 3 March 2026"],
    )
    source: Literal["api", "verbal"] = Field(
        "api", description="`verbal`: the person said so, to somebody who wrote it down."
    )
    expires_at: GivenInstant | None = Field(
        None, description="Until when; null for ever.", examples=[None]
    )
    campaign_id: CampaignId = Field(None, examples=[None])
    country: str | None = Field(
        None, description="ISO 3166 country of numbers without a country code."
    )


class OptOut(BaseModel):
    """A number, or every number that begins alike, that is not called."""

    id: int
    number: str = Field(description="In E.164; a prefix ends with an asterisk.")
    prefix: bool
    state: str = Field(description="live, expired, lifted, or replaced by a stronger one")
    source: str = Field(description="keypress, api, cli, import, page or verbal")
    who: str | None = Field(description="Who recorded it; null when the callee did.")
    evidence: str | None
    campaign_id: int | None = Field(description="Null: it holds everywhere.")
    attempt_id: int | None = Field(description="The call in which it was pressed.")
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: for ever.")
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_why: str | None


class OptOutDetail(OptOut):
    """One opt-out with its consequences and its history."""

    blocked_people: int = Field(
        description="People blocked with such a number, in campaigns that are not over."
    )
    history: list[OptOut] = Field(description="All there ever was of it, newest first.")


class OptedOut(BaseModel):
    """What was recorded."""

    numbers: list[str] = Field(description="In E.164; a prefix ends with an asterisk.")
    recorded: int = Field(description="How many of them were not opted out before.")
    recalled: int = Field(description="Calls under way to them that are being taken back.")


class LiftIn(BaseModel):
    """Why somebody who had said stop may be called again."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    why: str = Field(min_length=1, max_length=500, examples=["asked in writing to be called again"])
    put_back: StrictBool = Field(
        False,
        description="Let the people whom it had blocked, in campaigns that are not over, wait for "
        "their call again. Otherwise they stay blocked.",
    )


class LiftedOptOut(BaseModel):
    """What was undone."""

    opt_out: OptOut
    put_back: int = Field(description="People who wait for their call again.")


class Covered(BaseModel):
    """Whether a number is opted out, and everything there ever was about it."""

    number: str
    opted_out: bool = Field(description="In every campaign.")
    somewhere: bool = Field(description="In every campaign, or in some.")
    history: list[OptOut] = Field(description="Of the number and its prefixes, newest first.")


class BadLine(BaseModel):
    """A line of a file that was not recorded."""

    line: int
    text: str
    problem: str


class Imported(BaseModel):
    """What became of a file."""

    sentence: str
    read: int = Field(description="Lines with a number.")
    recorded: int
    already: int = Field(description="Opted out before, or twice in the file.")
    recalled: int
    unreadable_count: int
    unreadable: list[BadLine] = Field(description="The first 1,000 of them.")


class ImportIn(BaseModel):
    """What is true of each number in a file that does not say so in a column of its own."""

    evidence: str | None = Field(None, max_length=500, description="Why; else the file's name.")
    expires_at: GivenInstant | None = Field(None, description="Until when; else for ever.")
    campaign_id: CampaignId = None
    country: str | None = Field(None, description="ISO 3166, of numbers without a country code.")
    file_name: str | None = Field(None, max_length=200)


class Wanted(BaseModel):
    """Which opt-outs are asked for."""

    search: str = Field(
        "",
        max_length=100,
        description="A number, how it begins (`+1202555`), or its last digits (`0123`).",
    )
    state: State = "live"
    source: Source | None = None
    country: str | None = Field(None, description="ISO 3166, to read the number that is sought.")

    def as_search(self, default_country: str) -> Search:
        """The same for the store. Raises `InvalidInput` for what cannot be looked for."""
        found = opting_out.read_search(self.search, self.country or default_country)
        return replace(found, state=self.state, source=self.source)


WantedDep = Annotated[Wanted, Depends()]
