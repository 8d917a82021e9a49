"""One calling rule as the reviewed file has it: whom it binds, what it asks for, who says so."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from campaigns.compliance.holidays import Holidays
from campaigns.compliance.terms import Cap, CapScope, ConsentNeed, Line, Purpose, Voice
from campaigns.compliance.windows import WeeklyWindows
from campaigns.errors import InvalidInput

ANYWHERE = "*"
OF_THE_PLACE = "place"  # the holidays of wherever the call goes to
HOUR, DAY = 3600.0, 86400.0

ALL_PURPOSES = tuple(Purpose)
ORDINARY = tuple(one for one in Purpose if one is not Purpose.EMERGENCY)


class RuleStatus(StrEnum):
    """How sure we are of a rule."""

    LAW_CONFIRMED = "law_confirmed"
    SECONDARY = "secondary"
    HOUSE = "house"


class Aspect(StrEnum):
    """What a rule can speak about. Where the law is silent, the house rules fill in."""

    HOURS = "hours"
    CAPS = "caps"
    GAP = "gap"
    CONSENT = "consent"
    RING = "ring"
    IDENTIFY = "identify"
    OPT_OUT = "opt_out"
    CLOSING = "closing"
    REVOCATION = "revocation"
    REFUSAL = "refusal"
    ABANDONED = "abandoned"
    OTHER = "other"


class RuleCap(BaseModel):
    """At most `n` calls in so many hours or days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: Annotated[int, Field(ge=1)]
    hours: Annotated[float, Field(gt=0)] | None = None
    days: Annotated[float, Field(gt=0)] | None = None
    scope: CapScope

    @model_validator(mode="after")
    def _one_span(self) -> Self:
        if (self.hours is None) == (self.days is None):
            raise ValueError("a cap needs hours or days, and not both")
        return self

    @property
    def seconds(self) -> float:
        """How long the span is in which calls are counted."""
        return (self.hours or 0.0) * HOUR + (self.days or 0.0) * DAY


class Abandon(BaseModel):
    """At most this share of the calls that people answered may meet silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: Annotated[float, Field(gt=0, le=100)]
    days: Annotated[int, Field(ge=1)]


def _windows(value: object) -> WeeklyWindows | None:
    try:
        return None if value is None else WeeklyWindows.parse(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _holidays(value: object) -> str | None:
    if value is None or value == OF_THE_PLACE:
        return None if value is None else OF_THE_PLACE
    try:
        return str(Holidays.parse(value))
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _purposes(value: object) -> object:
    return (
        {"all": ALL_PURPOSES, "ordinary": ORDINARY}.get(value) if isinstance(value, str) else value
    )


def _voices(value: object) -> object:
    return tuple(Voice) if value == "all" else value


class Rule(BaseModel):
    """A row of the rulebook. What is left out is not spoken about."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    code: Annotated[str, Field(pattern=r"^[a-z0-9]+(\.[a-z0-9_]+)*$")]
    title: Annotated[str, Field(min_length=10)]
    jurisdiction: Annotated[str, Field(pattern=r"^(\*|[A-Z]{2})$")]
    subdivision: Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")] | None = None
    purposes: Annotated[tuple[Purpose, ...], BeforeValidator(_purposes), Field(min_length=1)]
    voices: Annotated[tuple[Voice, ...], BeforeValidator(_voices), Field(min_length=1)]
    line: Literal["any", "wireless", "landline"] = "any"
    windows: Annotated[
        WeeklyWindows | None,
        BeforeValidator(_windows),
        PlainSerializer(lambda value: None if value is None else str(value)),
    ] = None
    holidays: Annotated[str | None, BeforeValidator(_holidays)] = None
    zone_policy: Literal["all_possible_zones", "callee_address"] = "all_possible_zones"
    caps: tuple[RuleCap, ...] = ()
    min_gap_hours: Annotated[float, Field(ge=0)] | None = None
    close_early_minutes: Annotated[float, Field(ge=0)] | None = None
    consent: ConsentNeed | None = None
    consent_max_age_days: Annotated[int, Field(ge=1)] | None = None
    only_without_consent: bool = False
    min_ring_seconds: Annotated[int, Field(ge=0, le=120)] | None = None
    must_identify: bool = False
    must_offer_opt_out: bool = False
    opt_out_within_days: Annotated[int, Field(ge=0)] | None = None
    abandon: Abandon | None = None
    cooloff_after_refusal_days: Annotated[int, Field(ge=1)] | None = None
    cooloff_after_abandoned_hours: Annotated[int, Field(ge=1)] | None = None
    source: Annotated[str, Field(min_length=3)]
    seen: date
    status: RuleStatus
    effective_from: date | None = None
    effective_to: date | None = None  # the last day on which it holds
    note: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError("it would end before it begins to hold")
        if self.holidays is not None and self.windows is None:
            raise ValueError("holidays need windows to be closed in")
        if self.subdivision is not None and self.jurisdiction == ANYWHERE:
            raise ValueError("a subdivision needs a country")
        return self

    @property
    def house(self) -> bool:
        """Whether it is a rule of ours and no law we could confirm."""
        return self.status is RuleStatus.HOUSE

    @property
    def aspects(self) -> frozenset[Aspect]:
        """What it speaks about."""
        found = {
            Aspect.HOURS: self.windows is not None,
            Aspect.CAPS: bool(self.caps),
            Aspect.GAP: self.min_gap_hours is not None,
            Aspect.CONSENT: self.consent is not None,
            Aspect.RING: self.min_ring_seconds is not None,
            Aspect.IDENTIFY: self.must_identify,
            Aspect.OPT_OUT: self.must_offer_opt_out,
            Aspect.CLOSING: self.close_early_minutes is not None,
            Aspect.REVOCATION: self.opt_out_within_days is not None,
            Aspect.REFUSAL: self.cooloff_after_refusal_days is not None,
            Aspect.ABANDONED: bool(self.abandon or self.cooloff_after_abandoned_hours),
        }
        spoken = frozenset(aspect for aspect, yes in found.items() if yes)
        return spoken or frozenset({Aspect.OTHER})

    def speaks_of(self, purpose: Purpose, voice: Voice, line: Line) -> bool:
        """Whether it is about such calls; where the line is not known, about either kind of it."""
        return (
            purpose in self.purposes
            and voice in self.voices
            and (self.line == "any" or line is Line.UNKNOWN or line.value == self.line)
        )

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on this local day."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )

    def limits(self) -> tuple[Cap, ...]:
        """Its caps as gates read them."""
        return tuple(Cap(one.n, one.seconds, one.scope, self.code) for one in self.caps)

    def told(self) -> dict[str, Any]:
        """Everything it says, in JSON, without what it does not speak about."""
        return self.model_dump(mode="json", exclude_defaults=True)
