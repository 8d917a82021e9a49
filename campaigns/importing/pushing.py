"""People without a file: pushed into a campaign by another program, one or many at a time.

They are judged by the very rules that rows of a file are, and each is answered on its own.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)
from sqlalchemy.orm import Session

from campaigns.compliance import PostalAddress
from campaigns.errors import InvalidInput, NotAllowed, NotAPhoneNumber
from campaigns.flows.model import CallFlow
from campaigns.importing.handing_in import FINAL, open_campaign
from campaigns.importing.loading import reminder_rule
from campaigns.importing.persons import MAX_NUMBERS, Accepted, PersonRules, Refusal, Rejected
from campaigns.importing.records import MAX_CELL, MAX_COLUMNS
from campaigns.instants import GivenInstant
from campaigns.phone import parse_number
from campaigns.store import imports, recipients, recipients_import, recurrences
from campaigns.store.recipients_import import StagedPerson

MOST_AT_ONCE = 1_000

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,59}")


def _as_text(value: object) -> object:
    """Numbers in fields are written as text, as they would stand in a file."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float) else value


def _storable(value: object) -> object:
    if isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
        raise ValueError("a NUL character, or half of a character, cannot be stored")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


Text = Annotated[str, BeforeValidator(_storable)]
FieldValue = Annotated[
    Text, BeforeValidator(_as_text), StringConstraints(strip_whitespace=True, max_length=MAX_CELL)
]


class PushedRecipient(BaseModel):
    """One person to be called, as another program describes them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "numbers": ["+12025550143", "+442079460018"],
                    "name": "Ana Lima",
                    "fields": {"doctor": "Dr Grey"},
                    "appointment_at": "2026-11-24T15:30:00-05:00",
                    "zone": "America/New_York",
                }
            ]
        },
    )

    numbers: list[Annotated[Text, StringConstraints(max_length=200)]] = Field(
        min_length=1, max_length=MAX_NUMBERS, description="In the order in which to call them."
    )
    name: Annotated[Text, StringConstraints(max_length=MAX_CELL)] | None = None
    fields: dict[str, FieldValue] = Field(
        default_factory=dict,
        max_length=MAX_COLUMNS,
        description="What texts may use as {placeholders}.",
    )
    appointment_at: GivenInstant | None = Field(
        None, description="ISO 8601 with an offset. A reminder needs it."
    )
    zone: Annotated[Text, StringConstraints(max_length=100)] | None = Field(
        None, description="IANA time zone. Unset: every zone the first number may be in."
    )

    postal_code: Annotated[Text, StringConstraints(max_length=100)] | None = Field(
        None, description="Without a zone, the time zone follows from it (US, Canada)."
    )
    state: Annotated[Text, StringConstraints(max_length=100)] | None = Field(
        None, description="State or province; its calling rules bind beside the area code's."
    )
    country: Annotated[Text, StringConstraints(max_length=100)] | None = Field(
        None, description="Of the address; unset: the number's. A different one needs a review."
    )

    @field_validator("fields")
    @classmethod
    def _named_for_placeholders(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _FIELD.fullmatch(name):
                raise ValueError(f"{name[:60]!r} is not a name of small letters, digits and _")
        return value


class Pushed(BaseModel):
    """What became of one person."""

    outcome: Literal["created", "duplicate", "rejected"]
    recipient_id: int | None = Field(description="Of a person who was created, or there already.")
    status: str | None = Field(None, description="Of a person who was created, such as pending.")
    numbers: list[str] = Field(default_factory=list, description="As they will be dialled, E.164.")
    reason: str | None = Field(None, description="Why not: a code.", examples=["emergency"])
    detail: str | None = Field(None, description="Why not: a sentence.")


class PushResult(BaseModel):
    """What became of everybody, in the order they were given in."""

    created: int
    duplicates: int
    rejected: int
    rows: list[Pushed]


def push_recipients(
    session: Session,
    campaign_id: int,
    rows: Sequence[PushedRecipient],
    now: datetime,
    default_country: str | None = None,
) -> PushResult:
    """Add people to a campaign that is not over; `default_country` is by default the campaign's.

    Raises `NotFound`, `NotAllowed` for a campaign that is over, and `InvalidInput` for more than
    `MOST_AT_ONCE` people or an unknown country. Whoever cannot be called is rejected alone.
    """
    if not 0 < len(rows) <= MOST_AT_ONCE:
        raise InvalidInput(
            f"Push between 1 and {MOST_AT_ONCE:,} people at once, not {len(rows):,}."
        )
    campaign = open_campaign(session, campaign_id)
    country = (default_country or campaign.default_country).strip().upper()
    _check_country(country)
    rules = PersonRules(
        live=campaign.live, reminder=reminder_rule(campaign), now=now, default_country=country
    )
    needed = _columns_of_texts(session, campaign_id)
    verdicts = [_judged(row, rules, needed) for row in rows]
    staged = _staged(session, verdicts)
    if staged:
        imports.wait_for_turn_at_campaign(session, campaign_id)
        # From here to the commit nobody may decide that the campaign is over. In this order: the
        # turn may take a while, and the tick needs the campaign all the time.
        if imports.hold_status_of_campaign(session, campaign_id) in FINAL:
            raise NotAllowed("The campaign has just ended. Nobody was added.")
    known = recipients_import.store_persons(session, campaign_id, staged, now)
    added = [person.id for person in known.values() if person.place is not None]
    if added and campaign.kind == "reminder":
        recurrences.note_these_are_reminded(session, campaign_id, added)
    answers = [
        _rejected(verdict) if isinstance(verdict, Rejected) else _stored(place, verdict, known)
        for place, verdict in enumerate(verdicts)
    ]
    return PushResult(
        created=sum(answer.outcome == "created" for answer in answers),
        duplicates=sum(answer.outcome == "duplicate" for answer in answers),
        rejected=sum(answer.outcome == "rejected" for answer in answers),
        rows=answers,
    )


def _check_country(code: str) -> None:
    try:
        parse_number("", code)
    except NotAPhoneNumber:
        return


def _columns_of_texts(session: Session, campaign_id: int) -> set[str]:
    """What the campaign's texts name; whoever lacks one of these could not be told anything."""
    definition = imports.flow_of_campaign(session, campaign_id)
    return set(CallFlow.from_json(definition).columns()) if definition else set()


def _judged(row: PushedRecipient, rules: PersonRules, needed: set[str]) -> Accepted | Rejected:
    try:
        numbers, repairs = rules.numbers(row.numbers)
        where = rules.whereabouts((row.zone or "").strip(), numbers[0], _address(row))
        if rules.reminder and row.appointment_at is None:
            raise Refusal("no_appointment", "A reminder needs the time of the appointment.")
        given = row.appointment_at if rules.reminder else None
        appointment = given.astimezone(UTC) if given is not None else None
        fields = dict(row.fields)
        if row.name is not None:
            fields["name"] = row.name.strip()
        _check_fields(fields, needed, reminder=rules.reminder is not None)
        return rules.accept(numbers, fields, where, appointment, repairs)
    except Refusal as refusal:
        return refusal.rejected


def _address(row: PushedRecipient) -> PostalAddress | None:
    given = PostalAddress(row.country, row.state, row.postal_code)
    return given if given.as_json() else None


def _check_fields(fields: dict[str, str], needed: set[str], *, reminder: bool) -> None:
    given = {*fields, *(("appointment", "appointment_zone") if reminder else ())}
    missing = sorted(needed - given)
    if missing:
        listed = ", ".join(f"{{{name}}}" for name in missing[:10])
        raise Refusal("missing_field", f"The campaign's texts need {listed}, which is not given.")


def _staged(session: Session, verdicts: Sequence[Accepted | Rejected]) -> list[StagedPerson]:
    """Whom to store: the first of everybody who is given more than once."""
    seen: set[str] = set()
    staged = []
    # In one order for everybody, so that two who make new keys do not wait for each other.
    accepted = [verdict for verdict in verdicts if isinstance(verdict, Accepted)]
    places = sorted({one.place for one in accepted if one.place.known}, key=repr)
    keys = {place: recipients.zone_key_for(session, place) for place in places}
    for place, verdict in enumerate(verdicts):
        if isinstance(verdict, Rejected) or verdict.dedupe_key in seen:
            continue
        seen.add(verdict.dedupe_key)
        staged.append(
            StagedPerson(
                place=place,
                dedupe_key=verdict.dedupe_key,
                numbers=list(verdict.numbers),
                fields=verdict.fields,
                zone=verdict.zone,
                address=verdict.address.as_json() if verdict.address else None,
                zone_key=keys.get(verdict.place),
                status=verdict.status,
                reason=verdict.reason,
                next_attempt_at=verdict.due_at,
                deadline_at=verdict.deadline_at,
                appointment_at=verdict.appointment_at,
                stage=verdict.stage,
                appointment_key=verdict.appointment_key,
            )
        )
    return staged


def _rejected(verdict: Rejected) -> Pushed:
    return Pushed(
        outcome="rejected", recipient_id=None, reason=verdict.reason, detail=verdict.detail
    )


def _stored(
    place: int, verdict: Accepted, known: dict[str, recipients_import.StoredPerson]
) -> Pushed:
    person = known[verdict.dedupe_key]
    numbers = list(verdict.numbers)
    if person.place == place:
        return Pushed(
            outcome="created", recipient_id=person.id, status=person.status, numbers=numbers
        )
    return Pushed(
        outcome="duplicate",
        recipient_id=person.id,
        numbers=numbers,
        reason="duplicate",
        detail="Already in this campaign.",
    )
