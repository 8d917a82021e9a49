"""What is reported: plain values with descriptions, the same for the API, the CLI and the pages."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """A value that is only read; made from rows by their attributes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class CampaignView(Value):
    """A campaign: who calls, when, how hard it tries."""

    id: int = Field(examples=[7])
    name: str = Field(examples=["Tuesday reminders"])
    kind: str = Field(description="reminder, announcement or test", examples=["reminder"])
    status: str = Field(examples=["running"])
    status_reason: str | None
    account: str = Field(examples=["clinic"])
    live: bool
    caller_id: str = Field(examples=["+12125550100"])
    caller_ids: list[str] = Field(description="Every number it may show, that one first.")
    local_presence: bool = Field(description="Shows a number of the callee's own area if it can.")
    rule_set: str = Field(examples=["house"])
    purpose: str = Field(description="Why people are called.", examples=["reminder"])
    voice_type: str = Field(description="recorded, ai or live", examples=["recorded"])
    subject: str | None = Field(description="What it is about; null: the campaign itself.")
    windows: str = Field(
        description="When people may be called, in their own local time.",
        examples=["mon-fri 09:00-17:30"],
    )
    starts_at: datetime | None
    ends_at: datetime | None
    max_cps: float | None = Field(description="Calls per second, at most; null: as the account.")
    weight: float = Field(description="Share of the account beside other running campaigns.")
    ramp: dict[str, float] = Field(
        description="How it grows to its pace after a start: from the part `start`, in `seconds`."
    )
    ring_timeout: int = Field(description="Seconds a call rings.")
    retry_policy: dict[str, Any]
    reminder: dict[str, Any] | None = Field(
        description="Seconds before the appointment: `offset` and `deadline`, or several of both."
    )
    household: str
    caps: list[dict[str, Any]] = Field(
        description="Its own caps, beside those of the rules: calls within hours, by scope.",
        examples=[[{"calls": 3, "hours": 24, "scope": "number"}]],
    )
    default_country: str
    flow: dict[str, Any] = Field(description="What is said and which keys mean what.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RecipientCounts(Value):
    """Recipients by status; the statuses add up to `total`."""

    total: int = 0
    pending: int = Field(0, description="Waiting to be called, for the first time or again.")
    in_flight: int = Field(0, description="Being called now.")
    completed: int = Field(0, description="Reached.")
    exhausted: int = Field(0, description="Not reached in all allowed attempts.")
    expired: int = Field(0, description="Not reached before the deadline.")
    blocked: int = Field(0, description="Opted out.")
    review: int = Field(0, description="A person must decide; the reason says why.")
    removed: int = Field(0, description="Taken out of the campaign after an attempt.")

    @property
    def done(self) -> int:
        """How many need no further call."""
        return self.total - self.pending - self.in_flight


class Waiting(Value):
    """What the pending recipients wait for; the four add up to all who are pending."""

    due: int = Field(0, description="May be called now and wait for a slot.")
    hours: int = Field(0, description="Wait for their calling hours.")
    retry: int = Field(0, description="Were called before and will be called again.")
    later: int = Field(0, description="Are not due yet.")
    exact: bool = Field(
        True,
        description="False: within ten minutes very many are due, and how many of them before and "
        "after now is an estimate; the sum is exact.",
    )
    next_due_at: datetime | None = Field(None, description="When the next of them can be called.")
    opens_at: datetime | None = Field(None, description="When the next calling window opens.")
    sentence: str = Field("", description="The same in words.")


class AttemptCounts(Value):
    """Attempts of a campaign. `by_status` adds up to `total`."""

    total: int
    by_status: dict[str, int]
    cancelled_by_reason: dict[str, int] = Field(description="No call was made, and why.")
    spent: int = Field(description="Attempts that count against their recipients.")
    live: int = Field(description="Calls that may have somebody on the phone now.")
    in_doubt: int = Field(description="A call may or may not exist; nobody can say yet.")
    ever_in_doubt: int = Field(description="The same, including those that were resolved.")
    refused: int = Field(description="The provider said no before there was a call.")
    rang: int = Field(0, description="The callee's telephone rang, or was answered at once.")
    answered: int = Field(0, description="Somebody or something answered.")


class HourCount(Value):
    """One UTC hour of slots."""

    hour: datetime
    attempts: int
    calls: int = Field(description="Attempts that were not cancelled.")
    answered: int
    cancelled: int
    dispositions: dict[str, int] = Field(
        default_factory=dict, description="How the hour's calls ended, those endings that occurred."
    )


class MinuteCount(Value):
    """One UTC minute: how many calls began in it."""

    minute: datetime
    calls: int


class HeatCell(Value):
    """One hour of the week: how many calls there were, and how many of them were answered."""

    weekday: int = Field(description="0 is Monday.")
    hour: int = Field(description="0 to 23, on the clock of the zone that was asked for.")
    calls: int
    answered: int

    @property
    def rate(self) -> float | None:
        """The share of calls that were answered, 0 to 1; None without calls."""
        return self.answered / self.calls if self.calls else None


class FunnelStep(Value):
    """How many people got this far."""

    key: str = Field(examples=["called"])
    label: str = Field(examples=["Called"])
    people: int
    share: float = Field(description="Of all people, 0 to 1.")


class KeyCount(Value):
    """One key: how often it was pressed, and for how many people it was the last word."""

    digit: str = Field(examples=["1"])
    meaning: str = Field(examples=["confirm"])
    presses: int
    latest: int


class Answers(Value):
    """What people answered with the keys of their telephones."""

    all: dict[str, int] = Field(description="Presses by meaning.")
    latest: dict[str, int] = Field(description="People by the meaning of their last press.")
    keys: list[KeyCount]


class CampaignCounts(Value):
    """A campaign with what is going on in it now."""

    campaign: CampaignView
    sentence: str = Field(description="The status in words, with the reason.")
    recipients: RecipientCounts
    waiting: Waiting
    retrying: int = Field(description="Pending recipients who were called before.")
    live_calls: dict[str, int] = Field(description="Calls alive now, by status.")
    calls_last_minute: int
    calls_per_minute_cap: float = Field(
        0.0, description="Calls a minute, at most, under every limit that holds now."
    )
    slower: str = Field("", description="Why that is less than usual at the moment, in words.")
    share: float | None = Field(
        None, description="Its share of the account beside the campaigns that run, 0 to 1."
    )
    calls: int = Field(0, description="Calls made so far.")
    answer_rate: float | None = Field(
        None, description="Share of the calls made that were answered, 0 to 1; null without calls."
    )
    window: str = Field("", description="Whether those who wait may be called now, or when.")
    problems: list[str] = Field(default_factory=list, description="What needs a person, in words.")
    answers: Answers

    @property
    def on_the_phone(self) -> int:
        """Calls that may have somebody on the phone now."""
        return sum(self.live_calls.values())


class CampaignReport(CampaignCounts):
    """Everything about one campaign, as of one instant."""

    as_of: datetime
    reasons: dict[str, dict[str, int]] = Field(
        description="Per recipient status, why people stand there."
    )
    attempts: AttemptCounts
    dispositions: dict[str, int] = Field(description="How the calls ended.")
    hours: list[HourCount]
    minutes: list[MinuteCount] = Field(
        default_factory=list, description="The last 60 minutes, oldest first, zeros included."
    )
    funnel: list[FunnelStep] = Field(
        default_factory=list,
        description="People, called, reached, pressed a key, confirmed: as far as the flow goes.",
    )


class EventView(Value):
    """One notification about a call."""

    kind: str
    source: str
    received_at: datetime
    verdict: str | None = Field(description="What came of it; null: not applied yet.")


class ResponseView(Value):
    """One keypress."""

    digit: str
    meaning: str
    at: datetime


class AttemptView(Value):
    """One try to call one recipient."""

    id: int
    recipient_id: int
    campaign_id: int
    n: int = Field(description="The recipient's first, second, ... attempt.")
    number: str
    stage: int = Field(description="Which reminder of the appointment, from 0.")
    caller_id: str
    status: str
    disposition: str | None
    answered_by: str | None
    end_reason: str | None = Field(description="The provider's own word.")
    cancel_reason: str | None = Field(description="Why no call was made.")
    spent: bool
    slot_at: datetime
    claimed_at: datetime | None
    accepted_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    local_time: str | None = Field(
        None, description="When it was, or is to be, on the recipient's clock."
    )
    provider_call_id: str | None
    in_doubt_at: datetime | None
    doubt_reason: str | None
    recall_reason: str | None
    incident: str | None
    rule_version: str = Field(description="The calling rules it was checked against.")
    events: list[EventView] = Field(default_factory=list)
    responses: list[ResponseView] = Field(default_factory=list)


class RecipientView(Value):
    """One person in one campaign."""

    id: int
    campaign_id: int
    status: str
    reason: str | None = Field(description="Why they wait, or how it ended.")
    numbers: list[str] = Field(description="In the order in which they are tried.")
    fields: dict[str, Any] = Field(description="Their columns of the list.")
    zone: str | None = Field(description="Time zone as given; null: it follows from the number.")
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    stage: int = Field(description="Which reminder of the appointment, from 0.")
    attempts_spent: int
    updated_at: datetime


class RecipientHistory(RecipientView):
    """One person in one campaign with all that happened."""

    campaign_name: str
    zones: list[str] = Field(description="Every time zone the next number may be in.")
    sentence: str = Field(description="What happens next, or how it ended, in words.")
    next_attempt_local: str | None = Field(description="On the recipient's own clock.")
    attempts: list[AttemptView]


class LogEntry(Value):
    """One sentence about what happened and why."""

    id: int
    at: datetime
    campaign_id: int | None
    account_id: int | None
    sentence: str


class Found(Value):
    """A recipient that a search found."""

    recipient: RecipientView
    campaign_name: str
    name: str | None = Field(description="Their column `name`, if their list has one.")


class InDoubt(Value):
    """An attempt of which nobody can say whether there is a call, or how it ended."""

    attempt: AttemptView
    campaign_name: str
    name: str | None
    recipient_status: str
    next_attempt_at: datetime | None
    sentence: str = Field(description="What is not known, and what happens next.")


class Pulse(Value):
    """What changes of a campaign while somebody watches."""

    id: int
    name: str
    status: str
    sentence: str
    window: str
    problems: list[str]
    recipients: RecipientCounts
    done: int
    waiting: Waiting
    retrying: int
    live_calls: dict[str, int]
    on_the_phone: int
    calls: int
    calls_last_minute: int
    calls_per_minute_cap: float
    answer_rate: float | None
    answers: Answers


class HealthLine(Value):
    """One part of the system, in words."""

    part: str = Field(examples=["Scheduler"])
    ok: bool
    sentence: str


class SystemHealth(Value):
    """Whether calls can be placed, and what keeps them from being placed."""

    ok: bool
    blocked: str | None = Field(description="Why nobody is called at all.")
    lines: list[HealthLine]


class Overview(Value):
    """Everything on one page."""

    as_of: datetime
    health: SystemHealth
    campaigns: list[CampaignCounts]
    more: bool = Field(description="There are more campaigns than are shown.")
    after: str | None = Field(
        None, description="Where the rest of the list begins; null when there is no more."
    )


class CampaignLive(Pulse):
    """One campaign as its page shows it while it is watched."""

    as_of: datetime
    dispositions: dict[str, int]
    attempts: AttemptCounts
    funnel: list[FunnelStep]
    minutes: list[MinuteCount]
    log: list[LogEntry]


class OverviewLive(Value):
    """The overview while it is watched."""

    as_of: datetime
    health: SystemHealth
    campaigns: list[Pulse]
