"""A campaign as a person asks for it, over the API, the command line or the pages."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from campaigns.campaigning import NewCampaign
from campaigns.compliance import Purpose, Voice, WeeklyWindows
from campaigns.drafting.lengths import seconds_of
from campaigns.drafting.retrying import preset_named
from campaigns.drafting.wording import Wording
from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.flows.model import CallFlow
from campaigns.instants import GivenInstant
from campaigns.misfits import misfit
from campaigns.phone import parse_number
from campaigns.reminders import FORMATS, ReminderRule

RULE = ("offset", "offsets", "deadline", "deadlines", "again_when_confirmed")
Length = Annotated[float, BeforeValidator(seconds_of), Field(ge=0, allow_inf_nan=False)]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Tuesday reminders"])]


class _Asked(Wording):
    """What may be said of a campaign at any time before it starts."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    caller_id: str | None = Field(
        None, description="Number to show, E.164. Unset: the account's first one."
    )
    more_caller_ids: Annotated[list[str], Field(max_length=100)] = Field(
        default_factory=list,
        description="Further numbers to show: each call shows the one this person was shown "
        "before, else the one that was used least recently.",
        examples=[["+12125550101"]],
    )
    local_presence: bool = Field(
        False, description="Show a number of the callee's own area code where there is one."
    )
    offset: Length | None = Field(
        None,
        description="Reminders only: how long before the appointment the call is due. Seconds, "
        'or a text such as "24h", "90m", "2d". Unset: 24 hours.',
        examples=["24h"],
    )
    offsets: list[Length] | None = Field(
        None,
        min_length=1,
        max_length=10,
        description="Reminders only, in place of `offset`: several reminders of each appointment, "
        "each so long before it. One ends at latest when the next is due.",
        examples=[["3d", "24h", "2h"]],
    )
    deadline: Length | None = Field(
        None,
        description="Reminders only: how long before the appointment a call is of no more use.",
        examples=["2h"],
    )
    deadlines: list[Length] | None = Field(
        None,
        max_length=10,
        description="Reminders only, in place of `deadline`: one for each of `offsets`.",
    )
    again_when_confirmed: bool | None = Field(
        None,
        description="Reminders only: whether who has confirmed hears the further reminders too.",
    )
    date_format: str | None = Field(
        None,
        description="Reminders only: how appointments are written in the lists, as one of the "
        "format codes. Unset: recognised from each list, which is refused when it is ambiguous.",
        examples=["DD/MM/YYYY HH:MM"],
    )
    windows: str | dict[str, Any] = Field(
        "always",
        description="Calling hours in the recipients' own local time: \"mon-fri 09:00-17:30, "
        'sat 10:00-14:00", "daily 08:00-20:00", "always", or a table of days. They can only '
        "narrow what the rule set allows.",
        examples=["mon-fri 09:00-17:30"],
    )
    holidays: str | dict[str, Any] | None = Field(
        None,
        description="Days without calls, in the recipients' own local date: the public holidays "
        'of a country or a part of it ("US", "US-CA", "US-CA 2026-12-24"), or a table with '
        "`country`, `subdivision`, `dates` (closed as well) and `except` (open all the same).",
        examples=["US-CA"],
    )
    rule_set: str | None = Field(
        None,
        description='Calling rules: "house" (the law and our own), "law", or "practice" for the '
        'simulator. Unset: "house" on live accounts, else "practice".',
    )
    purpose: Purpose | None = Field(
        None,
        description="Why people are called: which rules bind depends on it. Unset: reminder for "
        "reminders, else informational.",
    )
    voice_type: Voice = Field(
        Voice.RECORDED,
        description="Who speaks: a recording or a synthetic voice, an AI, or a living person. It "
        "decides which consents the rules ask for.",
    )
    subject: Annotated[str, Field(max_length=100)] | None = Field(
        None,
        description="What the calls are about. Some rules cap calls on one subject, over all "
        "campaigns that name it. Unset: this campaign and its copies.",
        examples=["invoice 2026-17"],
    )
    starts_at: GivenInstant | None = Field(
        None, description="ISO 8601 with offset. A start before it is a schedule."
    )
    ends_at: GivenInstant | None = Field(None, description="ISO 8601 with offset.")
    max_cps: PositiveNumber | None = Field(
        None, le=1000, description="Calls per second, at most. Unset: as the account."
    )
    weight: PositiveNumber = Field(
        1.0, le=1000, description="Share of the account beside other running campaigns."
    )
    ramp: dict[str, float] | None = Field(
        None,
        description="After each start and resume it grows to its pace: `start`, the part it begins "
        "with, and `seconds`. Unset: a fifth and ten minutes with real people, none on simulators.",
        examples=[{"start": 0.2, "seconds": 600}],
    )
    ring_timeout: Annotated[int, Field(ge=1, le=600)] = Field(
        30, description="Seconds a call rings."
    )
    retry_policy: dict[str, Any] | str = Field(
        default_factory=dict,
        description='A name ("normal", "gentle", "persistent", "once"), or a table: '
        "`max_attempts`, `max_per_day`, `waits` (seconds after the first, second, ... attempt by "
        "how it ended), `limits` (how many attempts may end so), `per_number` (calls to the first, "
        "second, ... number, at most), `machine_counts_as_reached`, `message_then_person` (a "
        "message is left once, then a person is called for), `other_hour` (a call on a later day "
        "goes out at an hour not tried before), `redial_unknown`, `jitter`.",
        examples=[{"max_attempts": 3, "waits": {"busy": [300, 600], "no_answer": [1800]}}],
    )
    caps: Annotated[list[dict[str, Any] | str], Field(max_length=10)] = Field(
        default_factory=list,
        description="Calls at most within rolling hours, beside what the rules allow: "
        '{"calls": 3, "hours": 24, "scope": "number"}, or "3 in 24h to a number"; by `number`, '
        "`subject` or `person`.",
        examples=[[{"calls": 3, "hours": 24, "scope": "number"}]],
    )
    household: Literal["wait", "merge"] = Field(
        "wait",
        description="People of the campaign who share a number: each is called, one after the "
        'other ("wait"), or one call that reaches somebody is for all of them ("merge").',
    )
    default_country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] = Field(
        "US", description="ISO 3166 country of numbers without a country code."
    )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The same from plain values; raises `InvalidInput` that names every place and problem."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInput(explained(error)) from error


class CampaignDraft(_Asked):
    """What to say, to whom it may be said when, and how hard to try."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "Tuesday reminders",
                    "kind": "reminder",
                    "account": "clinic",
                    "organisation": "Lakeside Clinic",
                    "offset": "24h",
                    "deadline": "2h",
                    "windows": "mon-fri 09:00-17:30",
                },
                {
                    "name": "Water is off",
                    "kind": "announcement",
                    "account": "city",
                    "message": "Dear {name}, the water will be off on Monday from nine to noon.",
                },
            ]
        },
    )

    name: Name
    kind: Literal["reminder", "announcement"]
    account: str = Field(description="Name of the account that calls.", examples=["clinic"])

    def as_new_campaign(self, *, written: bool = True, flow: CallFlow | None = None) -> NewCampaign:
        """What `create_campaign` takes. Raises `InvalidInput` for what does not go together.

        `flow` stands in for texts that are not `written` yet.
        """
        return NewCampaign(
            name=self.name,
            kind=self.kind,
            account=self.account,
            caller_id=self.caller_id,
            more_caller_ids=self.more_caller_ids,
            local_presence=self.local_presence,
            flow=flow or self.flow_for(self.kind),
            rule_set=self.rule_set,
            purpose=self.purpose,
            voice=self.voice_type,
            subject=self.subject,
            windows=self._windows(),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            max_cps=self.max_cps,
            weight=self.weight,
            ramp=self.ramp,
            ring_timeout=self.ring_timeout,
            retry_policy=self._retries(),
            caps=self.caps,
            reminder=self._rule(),
            household=self.household,
            default_country=known_country(self.default_country),
            draft={"wording": self.kept(), "written": written, "seen": []},
        )

    def _windows(self) -> object:
        if self.holidays is None:
            return self.windows
        return WeeklyWindows.parse(self.windows).with_holidays(self.holidays).serialise()

    def _retries(self) -> dict[str, Any]:
        if isinstance(self.retry_policy, str):
            return preset_named(self.retry_policy).serialise()
        return self.retry_policy

    def _rule(self) -> dict[str, Any] | None:
        if self.kind != "reminder":
            if self.date_format or any(getattr(self, name) is not None for name in RULE):
                raise InvalidInput("Only a reminder has an offset, a deadline or a date format.")
            return None
        rule = self._stages()
        if self.date_format is not None and self.date_format not in FORMATS:
            raise InvalidInput(
                f"{self.date_format[:40]!r} is not a date format. Known: {', '.join(FORMATS)}."
            )
        return rule.serialise() | ({"date_format": self.date_format} if self.date_format else {})

    def _stages(self) -> ReminderRule:
        if self.offset is not None and self.offsets is not None:
            raise InvalidInput("Give one `offset`, or several `offsets`, not both.")
        if self.deadline is not None and self.deadlines is not None:
            raise InvalidInput("Give one `deadline` for all, or `deadlines`, not both.")
        offsets = self.offsets or [86400.0 if self.offset is None else self.offset]
        ends = self.deadlines if self.deadlines is not None else [self.deadline or 0.0]
        return rule_asked(offsets, ends, again=bool(self.again_when_confirmed))


def rule_asked(
    offsets: Sequence[float], ends: Sequence[float] | None, *, again: bool
) -> ReminderRule:
    """A rule from lengths: one deadline is for all reminders, several are one for each."""
    known = list(ends or [0.0])
    return ReminderRule.of(
        offsets, known[0] if len(known) == 1 else known, again_when_confirmed=again
    )


def without_old_rule(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign's settings without what a change puts something else in the place of: one
    reminder, or several."""
    gone = set()
    for one, other in (("offset", "offsets"), ("deadline", "deadlines")):
        gone |= {other} if changes.get(one) is not None else set()
        gone |= {one} if changes.get(other) is not None else set()
    if changes.get("offsets") is not None and "deadlines" not in changes:
        gone.add("deadlines")  # they belonged to the reminders there were
    if changes.get("offset") is not None:
        gone |= {"deadlines"}
    return {key: None if key in gone else value for key, value in before.items()}


class CampaignEdit(_Asked):
    """What is to be changed in a draft; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"windows": "mon-fri 09:00-17:30", "max_cps": 0.5}]},
    )

    name: Name | None = None
    account: str | None = Field(None, description="Name of the account that calls.")

    def changes(self) -> dict[str, Any]:
        """What was given, by name."""
        given = self.model_dump(exclude_unset=True)
        return {
            key: value
            for key, value in given.items()
            if value is not None or key not in ("name", "account")
        }


def known_country(code: str) -> str:
    """The code in capitals; raises `InvalidInput` for a country that no numbering plan knows."""
    with suppress(NotAPhoneNumber):  # an empty text is no number in any country that exists
        parse_number("", code)
    return code.upper()


def explained(error: ValidationError) -> str:
    """Every place and problem of data that does not fit a model, as one sentence."""
    problems = [f"{place}: {problem}" for place, problem in problems_of(error).items()]
    return f"This cannot be used: {'; '.join(problems)[:1000]}. Nothing was changed."


def problems_of(error: ValidationError) -> dict[str, str]:
    """Each place of data that does not fit a model, and its problem without a full stop."""
    problems = {}
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"]) or "input"
        problems[place] = misfit(item)
    return problems
