"""Why somebody is, or was, not called: the answer as the API, the command and the page share it."""

from datetime import datetime

from pydantic import BaseModel, Field


class VerdictView(BaseModel):
    """One gate about one person at one instant."""

    gate: str = Field(description="Which gate, such as `opt_out`, `cap` or `hours`.")
    passed: bool
    evidence: str = Field(description="What it rests on, in a sentence.")
    until: datetime | None = Field(description="When it passes by itself; null when not foreseen.")
    fate: str | None = Field(description="As what the person is parked for good.")
    as_of_today: bool = Field(
        description="About a past instant, resting on a value of which only today's is known."
    )


class WhyInCampaign(BaseModel):
    """Every gate about one person of one campaign."""

    campaign_id: int
    campaign_name: str
    recipient_id: int
    number: str = Field(description="The number that was judged.")
    note: str | None = Field(description="When it is another number's turn.")
    sentence: str = Field(description="The answer: which gate decides, and what follows.")
    decides: str | None = Field(description="The first gate that does not pass; null: none.")
    verdicts: list[VerdictView]
    next_eligible_at: datetime | None = Field(
        description="When every gate passes, as far as is known; null when somebody has to act "
        "first, when the person is parked for good, or about the past."
    )
    next_eligible_local: str | None = Field(description="The same on the clocks of the number.")
    rule_version: str | None
    rules: list[str] = Field(description="Codes of the rules that bind.")


class Why(BaseModel):
    """Why a number is, or was, not called."""

    number: str
    at: datetime = Field(description="The instant in question.")
    asked_at: datetime
    past: bool
    sentence: str
    campaigns: list[WhyInCampaign]
