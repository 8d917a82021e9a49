"""The words in which calling rules are selected and told: purpose, voice, line, consent, caps."""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """Why people are called."""

    REMINDER = "reminder"
    INFORMATIONAL = "informational"
    MARKETING = "marketing"
    DEBT = "debt"
    SURVEY = "survey"
    EMERGENCY = "emergency"


class Voice(StrEnum):
    """Who speaks when the call is answered."""

    RECORDED = "recorded"
    AI = "ai"
    LIVE = "live"


class Line(StrEnum):
    """What kind of line a number belongs to. Unknown: the rules for either apply."""

    WIRELESS = "wireless"
    LANDLINE = "landline"
    UNKNOWN = "unknown"


class ConsentNeed(StrEnum):
    """What a person must have agreed to, each stronger than the one before."""

    NONE = "none"
    EXPRESS = "express"
    WRITTEN = "written"
    OPTIN_PROOF = "optin_proof"

    @property
    def strength(self) -> int:
        """How strong it is, beginning with 0 for none."""
        return list(ConsentNeed).index(self)


class CapScope(StrEnum):
    """Over what the calls of a cap are counted."""

    NUMBER = "number"
    NUMBER_AND_SUBJECT = "number_and_subject"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `n` calls in any `seconds`, counted over `scope`; `rule` is the code it is from."""

    n: int
    seconds: float
    scope: CapScope
    rule: str


@dataclass(frozen=True, slots=True)
class Cooloffs:
    """How long nobody calls after something, in seconds; 0: no rule that binds asks for it."""

    refusal: float = 0.0  # after the person has said stop
    abandoned: float = 0.0  # after a call that was answered and met silence


NO_COOLOFFS = Cooloffs()


@dataclass(frozen=True, slots=True)
class AbandonLimit:
    """At most `percent` of what people answered within `days` may meet silence; by one rule."""

    percent: float
    days: int
    rule: str


@dataclass(frozen=True, slots=True)
class Duties:
    """What the rules that bind ask for beside hours and caps, united."""

    consent: ConsentNeed = ConsentNeed.NONE
    consent_max_age: float | None = None  # seconds
    min_ring_seconds: int = 0
    must_identify: bool = False
    must_offer_opt_out: bool = False
    opt_out_within_days: int | None = None  # asked; here every opt-out holds at once
