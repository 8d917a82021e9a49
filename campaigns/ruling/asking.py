"""May this number be called at this instant? Asked with texts, answered in full. No database."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from campaigns import compliance
from campaigns.compliance import Answer, PostalAddress, Question, Rulebook
from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.instants import YEARS
from campaigns.phone import Reason, e164_of, parse_number

# Numbers that exist and belong to nobody in particular: an answer is owed, and it is no.
_NOBODYS = frozenset({Reason.TOLL_FREE, Reason.PREMIUM, Reason.OTHER_TYPE})


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as it was written. What is left out is not known."""

    number: str
    at: str | None = None
    zone: str | None = None
    purpose: str | None = None
    voice: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    rule_set: str = compliance.LAW


class AnswerView(BaseModel):
    """What the rules say about one number at one instant."""

    model_config = ConfigDict(frozen=True)

    number: str = Field(examples=["+13055550123"])
    at: datetime
    allowed: bool = Field(description="By hours and zones; `needs` may ask for more.")
    country: str | None
    subdivisions: list[str] = Field(description="States or provinces whose rules bind.")
    zones: list[str] = Field(description="Every time zone the number may be in; empty: review.")
    line: str = Field(description="wireless, landline or unknown")
    purpose: str | None = Field(description="null: not known, so the rules for every one bind.")
    voice: str | None
    rule_set: str
    version: str = Field(description="What attempts record.", examples=["law@1"])
    rules: list[str] = Field(description="Codes of the rules that bind.")
    reasons: list[str] = Field(description="Why not, or until when it is open; sentences.")
    next_allowed: datetime | None = Field(description="The first allowed instant from `at` on.")
    open_until: datetime | None
    needs: list[str] = Field(
        description="What else is asked for: consent:express, consent:written, "
        "consent:optin_proof, consent_age:DAYSd, identify, opt_out, ring:SECONDS, "
        "revocation:DAYSd, gap:HOURSh, cap:CALLS/HOURSh:SCOPE, cooloff_refusal:DAYSd, "
        "cooloff_abandoned:HOURSh, abandoned:PERCENT%/DAYSd.",
        examples=[["consent:express", "identify", "opt_out", "ring:15"]],
    )


def ask(book: Rulebook, asked: Asked, now: datetime, default_country: str = "US") -> AnswerView:
    """The answer by one rule set.

    Raises `NotAPhoneNumber` for what is no number, and `InvalidInput` for a time without an
    offset, and for a zone, purpose, voice or rule set that does not exist.
    """
    compliance.check_rule_set(asked.rule_set)
    country = asked.country or default_country
    number, problem = _number(asked.number, country)
    question = Question(
        number=number,
        at=instant_of(asked.at, now),
        zone=asked.zone or None,
        address=_address(asked),
        purpose=compliance.purpose_named(asked.purpose) if asked.purpose else None,
        voice=compliance.voice_named(asked.voice) if asked.voice else None,
    )
    found = compliance.answer(book, asked.rule_set, question)
    if problem is not None:
        found = _refused(found, problem)
    if not book.version:  # those of the release itself, which no database has numbered
        found = replace(found, version=f"{asked.rule_set}@shipped")
    return AnswerView.model_validate(asdict(found))


def instant_of(text: str | None, now: datetime) -> datetime:
    """An instant from ISO 8601 with an offset or Z; `now` for none. Raises `InvalidInput`."""
    if text is None or not text.strip():
        return now
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"“{text[:60]}” is not a time. Write for example 2026-12-01T20:30:00-05:00."
        ) from None
    if at.utcoffset() is None:
        raise InvalidInput(
            f"“{text[:60]}” does not say in which zone it is. Add an offset, as in "
            "2026-12-01T20:30:00-05:00, or Z for UTC."
        )
    if at.year not in YEARS:
        raise InvalidInput(f"“{text[:60]}” has a year that cannot be meant.")
    return at.astimezone(UTC)


def _number(text: str, country: str) -> tuple[str, str | None]:
    """The number in E.164, and why it is nobody's in particular, if so."""
    try:
        return parse_number(text, country), None
    except NotAPhoneNumber as problem:
        number = e164_of(text, country) if problem.reason in _NOBODYS else None
        if number is None:
            raise
        return number, str(problem)


def _address(asked: Asked) -> PostalAddress | None:
    if not (asked.state or asked.postal_code):
        return None
    return PostalAddress(state=asked.state, postal_code=asked.postal_code)


def _refused(found: Answer, problem: str) -> Answer:
    why = f"{problem} It is for review, never for calling."
    return replace(found, allowed=False, reasons=(why,), next_allowed=None, open_until=None)
