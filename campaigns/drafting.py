"""A campaign as a person asks for it, over the API or the command line, turned into a new one."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from sqlalchemy.orm import Session

from campaigns.campaigning import NewCampaign, campaign_by_id
from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.flows.model import CallFlow, VoicemailPolicy
from campaigns.importing import ImportOptions
from campaigns.phone import parse_number
from campaigns.reminders import FORMATS, ReminderRule

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhd] *)+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")


def seconds_of(value: object) -> float:
    """A length of time in seconds, from a number of seconds or a text such as "1d 12h", "90m".

    Raises `ValueError` for anything else.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip().lower()[:40]
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    if not _LENGTH.fullmatch(text):
        raise ValueError('write a length of time as seconds, or like "24h", "90m" or "1d 12h"')
    return sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))


Length = Annotated[float, BeforeValidator(seconds_of), Field(ge=0, allow_inf_nan=False)]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CampaignDraft(BaseModel):
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

    name: str = Field(min_length=1, max_length=200, examples=["Tuesday reminders"])
    kind: Literal["reminder", "announcement"]
    account: str = Field(description="Name of the account that calls.", examples=["clinic"])
    caller_id: str | None = Field(
        None, description="Number to show, E.164. Unset: the account's first one."
    )
    organisation: str = Field(
        "", max_length=200, description="Who is calling, as it is spoken. A reminder needs it."
    )
    contact: str = Field(
        "", max_length=200, description="How to reach the organisation, as it is spoken."
    )
    message: str | None = Field(
        None,
        description="What is said, with `{columns}` of the list in it. Unset: for a reminder, the "
        "built-in text with `{name}` and `{appointment}`.",
    )
    voicemail: VoicemailPolicy = Field(
        VoicemailPolicy.HANG_UP, description="What to do when a machine answers."
    )
    voicemail_text: str | None = Field(
        None, description="What is left on a machine. Unset: the built-in text."
    )
    language: str = Field("en-US", description="Language of the voice.")
    voice: str | None = Field(None, description="The provider's name of a voice.")
    flow: dict[str, Any] | None = Field(
        None, description="A whole call flow, in place of the texts above."
    )
    offset: Length | None = Field(
        None,
        description="Reminders only: how long before the appointment the call is due. Seconds, "
        'or a text such as "24h", "90m", "2d". Unset: 24 hours.',
        examples=["24h"],
    )
    deadline: Length | None = Field(
        None,
        description="Reminders only: how long before the appointment a call is of no more use.",
        examples=["2h"],
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
    rule_set: str | None = Field(
        None, description='Calling rules. Unset: "house" on live accounts, else "practice".'
    )
    starts_at: AwareDatetime | None = Field(
        None, description="ISO 8601 with offset. A start before it is a schedule."
    )
    ends_at: AwareDatetime | None = Field(None, description="ISO 8601 with offset.")
    max_cps: PositiveNumber | None = Field(
        None, le=1000, description="Calls per second, at most. Unset: as the account."
    )
    weight: PositiveNumber = Field(
        1.0, le=1000, description="Share of the account beside other running campaigns."
    )
    ring_timeout: Annotated[int, Field(ge=1, le=600)] = Field(
        30, description="Seconds a call rings."
    )
    retry_policy: dict[str, Any] = Field(
        default_factory=dict,
        description="`max_attempts`, `max_per_day`, `waits` (seconds after the first, second, ... "
        "attempt by how it ended), `machine_counts_as_reached`, `redial_unknown`, `jitter`.",
        examples=[{"max_attempts": 3, "waits": {"busy": [300, 600], "no_answer": [1800]}}],
    )
    default_country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] = Field(
        "US", description="ISO 3166 country of numbers without a country code."
    )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "CampaignDraft":
        """A draft from plain values; raises `InvalidInput` that names every place and problem."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInput(explained(error)) from error

    def as_new_campaign(self) -> NewCampaign:
        """What `create_campaign` takes. Raises `InvalidInput` for what does not go together."""
        return NewCampaign(
            name=self.name,
            kind=self.kind,
            account=self.account,
            caller_id=self.caller_id,
            flow=self._flow(),
            rule_set=self.rule_set,
            windows=self.windows,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            max_cps=self.max_cps,
            weight=self.weight,
            ring_timeout=self.ring_timeout,
            retry_policy=self.retry_policy,
            reminder=self._reminder(),
            default_country=_known_country(self.default_country),
        )

    def _reminder(self) -> dict[str, Any] | None:
        if self.kind != "reminder":
            if self.offset is not None or self.deadline is not None or self.date_format:
                raise InvalidInput("Only a reminder has an offset, a deadline or a date format.")
            return None
        rule = ReminderRule(86400.0 if self.offset is None else self.offset, self.deadline or 0.0)
        if self.date_format is not None and self.date_format not in FORMATS:
            raise InvalidInput(
                f"{self.date_format[:40]!r} is not a date format. Known: {', '.join(FORMATS)}."
            )
        stored = {"offset": rule.offset, "deadline": rule.deadline}
        return stored | ({"date_format": self.date_format} if self.date_format else {})

    def _flow(self) -> CallFlow:
        if self.flow is not None:
            if self.message is not None or self.voicemail_text is not None:
                raise InvalidInput("Give either a whole call flow, or a message; not both.")
            return CallFlow.from_json(self.flow)
        leave = self.voicemail is VoicemailPolicy.LEAVE_MESSAGE
        if self.voicemail_text is not None and not leave:
            raise InvalidInput("A voicemail text is only said when voicemail is leave_message.")
        changes: dict[str, Any] = {}
        if self.voicemail_text is not None:
            changes["voicemail"] = {"policy": self.voicemail, "text": self.voicemail_text}
        if self.kind == "announcement":
            return _changed(self._announcement(leave=leave), changes)
        if self.message is not None:
            changes["message"] = self.message
        return _changed(self._builtin_reminder(leave=leave), changes)

    def _announcement(self, *, leave: bool) -> CallFlow:
        if not self.message:
            raise InvalidInput("An announcement needs a message.")
        return announcement_flow(
            self.message,
            organisation=self.organisation,
            contact=self.contact,
            leave_message=leave,
            language=self.language,
            voice=self.voice,
        )

    def _builtin_reminder(self, *, leave: bool) -> CallFlow:
        if not self.organisation:
            raise InvalidInput("A reminder needs the organisation's name: people ask who calls.")
        return reminder_flow(
            self.organisation,
            contact=self.contact,
            leave_message=leave,
            language=self.language,
            voice=self.voice,
        )


def _changed(flow: CallFlow, changes: Mapping[str, Any]) -> CallFlow:
    return CallFlow.from_json({**flow.to_json(), **changes}) if changes else flow


def _known_country(code: str) -> str:
    """The code in capitals; raises `InvalidInput` for a country that no numbering plan knows."""
    with suppress(NotAPhoneNumber):  # an empty text is no number in any country that exists
        parse_number("", code)
    return code.upper()


def options_for_campaign(
    session: Session, campaign_id: int, options: ImportOptions
) -> ImportOptions:
    """Import options, completed by what the campaign says about its lists. Raises `NotFound`."""
    reminder = campaign_by_id(session, campaign_id).reminder or {}
    if options.date_format is None and reminder.get("date_format"):
        return options.model_copy(update={"date_format": reminder["date_format"]})
    return options


def explained(error: ValidationError) -> str:
    """Every place and problem of data that does not fit a model, as one sentence."""
    problems = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"]) or "input"
        message = item["msg"].removeprefix("Value error, ").rstrip(".")
        problems.append(f"{place}: {message[:1].lower()}{message[1:]}")
    return f"This cannot be used: {'; '.join(problems)[:1000]}. Nothing was changed."
