"""One person of a campaign: added, changed, called again, taken out."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from sqlalchemy.orm import Session

from campaigns import auditing
from campaigns.access import Actor
from campaigns.compliance import PostalAddress, place_of
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.flows.model import CallFlow
from campaigns.importing import PushedRecipient, push_recipients
from campaigns.importing.handing_in import FINAL
from campaigns.importing.persons import MAX_NUMBERS, PersonRules, Refusal, dedupe_key
from campaigns.importing.pushing import FieldValue, Text
from campaigns.importing.records import MAX_CELL, MAX_COLUMNS
from campaigns.instants import GivenInstant
from campaigns.lifecycle import CampaignStatus, RecipientStatus
from campaigns.models import Recipient
from campaigns.reminders import ReminderRule, TooLate, due_times
from campaigns.retries import RetryPolicy
from campaigns.store import changes, dispatch, imports, recipients, recurrences
from campaigns.store.imports import ImportingCampaign

_CHANGEABLE = frozenset({RecipientStatus.PENDING, RecipientStatus.REVIEW, RecipientStatus.EXPIRED})
_REMOVABLE = _CHANGEABLE | {RecipientStatus.EXHAUSTED}
_SETTLED = {
    RecipientStatus.COMPLETED: "has been reached",
    RecipientStatus.EXHAUSTED: "has been called as often as is allowed",
    RecipientStatus.BLOCKED: "has opted out",
    RecipientStatus.REMOVED: "was taken out of the campaign",
}


class PersonChange(BaseModel):
    """What is to be different about one person; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"numbers": ["+12025550143"]}]}
    )

    numbers: list[Annotated[Text, StringConstraints(max_length=200)]] | None = Field(
        None,
        min_length=1,
        max_length=MAX_NUMBERS,
        description="In the order in which to call them, in place of those there are.",
    )
    name: Annotated[Text, StringConstraints(max_length=MAX_CELL)] | None = None
    fields: dict[str, FieldValue] | None = Field(
        None, max_length=MAX_COLUMNS, description="The columns to change; the others stay."
    )
    appointment_at: GivenInstant | None = Field(
        None, description="ISO 8601 with an offset; of reminders only."
    )
    zone: Annotated[Text, StringConstraints(max_length=100)] | None = Field(
        None, description="IANA time zone; empty: every zone the number may be in."
    )
    call_again: bool = Field(
        False, description="Somebody who waits for a decision, or came too late, is due again."
    )

    @field_validator("fields")
    @classmethod
    def _known_shape(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value is not None:
            PushedRecipient(numbers=["x"], fields=value)  # raises for what is no column's name
        return value


class _Held(NamedTuple):
    """A recipient that nobody else changes, with what their campaign asks of people."""

    row: Recipient
    campaign: ImportingCampaign
    rule: ReminderRule | None


def add_person(
    session: Session, campaign_id: int, person: PushedRecipient, actor: Actor, now: datetime
) -> int:
    """One more person to be called, by the rules for lists; returns the recipient's id.

    Raises `NotFound`, `NotAllowed` for a campaign that is over or somebody who is in it already,
    and `InvalidInput` that says what is wrong.
    """
    (answer,) = push_recipients(session, campaign_id, [person], now).rows
    if answer.outcome == "duplicate":
        raise NotAllowed("This person is in the campaign already. Nobody was added.")
    if answer.outcome == "rejected" or answer.recipient_id is None:
        raise InvalidInput(f"{(answer.detail or 'This cannot be used.')} Nobody was added.")
    after = {"campaign": campaign_id, "numbers": answer.numbers, "name": person.name}
    _record(session, actor, "recipient.add", answer.recipient_id, now, None, after)
    _log(session, campaign_id, f"{actor.subject} added a person.", now)
    return answer.recipient_id


def change_person(
    session: Session, recipient_id: int, change: PersonChange, actor: Actor, now: datetime
) -> Recipient:
    """Change a person who is not being called, and plan their next call anew.

    Raises `NotFound`, `NotAllowed` when it is too late for that, and `InvalidInput`; then nothing
    was changed.
    """
    held = _hold(session, recipient_id)
    row, given = held.row, change.model_fields_set
    if row.status not in _CHANGEABLE:
        raise NotAllowed(f"{_why_not(row)} Nothing was changed.")
    before = _shown(row)
    try:
        _set_numbers_and_zone(held, change, now)
    except Refusal as refusal:
        raise InvalidInput(f"{refusal.rejected.detail} Nothing was changed.") from None
    if given & {"fields", "name"}:
        row.fields = _fields(session, held, change)
    _set_appointment(held, change, now)
    row.dedupe_key = dedupe_key(row.numbers[0], row.appointment_at)
    with session.no_autoflush:
        if changes.another_is_the_same(session, row.campaign_id, row.dedupe_key, row.id):
            raise NotAllowed(
                "Somebody with this number and time is in the campaign already. Nothing was "
                "changed."
            )
        _plan(session, held, change, now)
    row.updated_at = now
    session.flush()
    if held.rule is not None:
        recurrences.note_these_are_reminded(session, row.campaign_id, [row.id])
    if _shown(row) != before:
        _record(session, actor, "recipient.change", row.id, now, before, _shown(row))
        _log(session, row.campaign_id, f"{actor.subject} changed the entry of a person.", now)
    return row


def hold_person(session: Session, recipient_id: int) -> None:
    """Let nobody else change a person before this transaction ends. Raises `NotFound`."""
    _hold(session, recipient_id, even_if_over=True)


def remove_person(
    session: Session, recipient_id: int, actor: Actor, now: datetime, why: str = ""
) -> bool:
    """Take a person out of their campaign: they are never called for it any more.

    Returns whether they are kept, as `removed`, so that no further list brings them back; out of a
    draft they are deleted. Raises `NotFound`, and `NotAllowed` for somebody who is being called or
    whose fate is settled.
    """
    held = _hold(session, recipient_id, even_if_over=True)
    row = held.row
    if row.status not in _REMOVABLE:
        raise NotAllowed(f"{_why_not(row)} Nothing was changed.")
    before = _shown(row)
    kept = held.campaign.status != CampaignStatus.DRAFT
    if kept:
        row.status = RecipientStatus.REMOVED.value
        row.reason = f"taken out by {actor.name}{f': {why.strip()}' if why.strip() else ''}"[:500]
        row.next_attempt_at, row.updated_at = None, now
        session.flush()
    else:
        session.expunge(row)
        changes.delete_recipient(session, recipient_id)
    after = {"status": "removed" if kept else "deleted", "why": why.strip() or None}
    _record(session, actor, "recipient.remove", recipient_id, now, before, after)
    _log(session, row.campaign_id, f"{actor.subject} took a person out.", now)
    return kept


def _hold(session: Session, recipient_id: int, *, even_if_over: bool = False) -> _Held:
    """The recipient under lock: whatever a tick has done with them is seen, and no tick comes
    between. The campaign's status is held as well, so that it does not end meanwhile."""
    known = session.get(Recipient, recipient_id)
    if known is None:
        raise NotFound(f"There is no recipient {recipient_id}.")
    status = imports.hold_status_of_campaign(session, known.campaign_id)
    if status in FINAL and not even_if_over:
        raise NotAllowed(f"The campaign is {status}. Nothing was changed.")
    row = changes.lock_recipient(session, recipient_id)
    campaign = imports.campaign_for_import(session, known.campaign_id)
    if row is None or campaign is None:
        raise NotFound(f"There is no recipient {recipient_id}.")
    rule = campaign.reminder
    return _Held(row, campaign, ReminderRule.parse(rule) if rule else None)


def _why_not(row: Recipient) -> str:
    if row.status == RecipientStatus.IN_FLIGHT:
        return "This person is being called at this moment. Try again when the call is over."
    return f"This person {_SETTLED[RecipientStatus(row.status)]}."


def _set_numbers_and_zone(held: _Held, change: PersonChange, now: datetime) -> None:
    row, campaign = held.row, held.campaign
    rules = PersonRules(
        live=campaign.live, reminder=held.rule, now=now, default_country=campaign.default_country
    )
    if change.numbers is not None:
        numbers = list(rules.numbers(change.numbers)[0])
        if numbers != row.numbers:
            row.numbers, row.number_index = numbers, 0
    if "zone" in change.model_fields_set:
        row.zone = rules.whereabouts(
            (change.zone or "").strip(), row.numbers[row.number_index]
        ).zone


def _fields(session: Session, held: _Held, change: PersonChange) -> dict[str, Any]:
    """The person's columns after the change; every column the texts name must be there."""
    merged = {**held.row.fields, **(change.fields or {})}
    if "name" in change.model_fields_set and change.name is not None:
        merged["name"] = change.name.strip()
    flow = CallFlow.from_json(imports.flow_of_campaign(session, held.campaign.id))
    computed = {"appointment", "appointment_zone"} if held.rule else set()
    missing = sorted(set(flow.columns()) - set(merged) - computed)
    if missing:
        listed = ", ".join(f"{{{name}}}" for name in missing[:10])
        raise InvalidInput(f"The campaign's texts need {listed}. Nothing was changed.")
    return merged


def _set_appointment(held: _Held, change: PersonChange, now: datetime) -> None:
    if "appointment_at" not in change.model_fields_set:
        return
    if held.rule is None:
        raise InvalidInput("Only a reminder has appointments. Nothing was changed.")
    if change.appointment_at is None:
        raise InvalidInput("A reminder needs the time of the appointment. Nothing was changed.")
    if held.row.appointment_at != change.appointment_at:
        held.row.appointment_at = change.appointment_at
        held.row.appointment_set_at = held.row.counted_from = now
        held.row.appointment_cancelled_at, held.row.attempts_spent = None, 0


def _plan(session: Session, held: _Held, change: PersonChange, now: datetime) -> None:
    """When the person is called next, or why not."""
    row = held.row
    place = place_of(
        row.numbers[row.number_index],
        zone=row.zone,
        address=PostalAddress.from_json(row.address),
    )
    row.zone_key = recipients.zone_key_for(session, place) if place.known else None
    if changes.is_opted_out(session, row.numbers, row.campaign_id, now):
        _settle(row, RecipientStatus.BLOCKED, "opted out", None)
        return
    waits = row.status == RecipientStatus.PENDING
    if not waits and not change.call_again:
        return
    if not waits:
        _check_attempts_left(session, row)
        row.cancels_in_row = 0
    due = row.next_attempt_at if waits and row.next_attempt_at is not None else now
    if held.rule is not None and row.appointment_at is not None:
        first = 0 if "appointment_at" in change.model_fields_set else row.stage
        planned = due_times(held.rule, row.appointment_at, now, first)
        row.deadline_at = planned.deadline_at
        if isinstance(planned, TooLate):
            _settle(row, RecipientStatus.EXPIRED, "deadline passed", None)
            return
        row.stage = planned.stage
        moved = not waits or "appointment_at" in change.model_fields_set
        due = planned.due_at if moved else due
    if not place.known:
        _settle(row, RecipientStatus.REVIEW, place.unknown_as, None)
    else:
        _settle(row, RecipientStatus.PENDING, row.reason if waits else "decided by a person", due)


def _check_attempts_left(session: Session, row: Recipient) -> None:
    policy = RetryPolicy.parse(changes.retry_policy_of(session, row.campaign_id))
    if row.attempts_spent >= policy.max_attempts:
        raise NotAllowed(
            f"All {policy.max_attempts} attempts that the campaign allows were made. Nothing was "
            "changed. A redial of the campaign can call this person again."
        )


def _settle(
    row: Recipient, status: RecipientStatus, reason: str | None, at: datetime | None
) -> None:
    row.status, row.reason, row.next_attempt_at = status.value, reason, at


def _shown(row: Recipient) -> dict[str, Any]:
    """What the audit log tells of a person."""
    return {
        "numbers": list(row.numbers),
        "fields": dict(row.fields),
        "zone": row.zone,
        "appointment_at": row.appointment_at.isoformat() if row.appointment_at else None,
        "status": row.status,
        "reason": row.reason,
    }


def _record(
    session: Session,
    actor: Actor,
    action: str,
    recipient_id: int,
    now: datetime,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    subject = f"recipient:{recipient_id}"
    auditing.record(session, actor, action, subject, now, before=before, after=after)


def _log(session: Session, campaign_id: int, sentence: str, now: datetime) -> None:
    dispatch.write_log(session, sentence, now, campaign_id=campaign_id)
