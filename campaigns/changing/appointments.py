"""One person's appointment, moved or cancelled by a person or by another program."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns import appointments, auditing
from campaigns.access import Actor
from campaigns.errors import NotAllowed, NotFound
from campaigns.importing.persons import dedupe_key
from campaigns.instants import GivenInstant
from campaigns.models import Campaign, Recipient
from campaigns.store import dispatch, imports, recurrences
from campaigns.store.appointments import Move


class AppointmentMove(BaseModel):
    """When the appointment is now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"appointment_at": "2026-11-25T10:00:00-05:00"}]},
    )

    appointment_at: GivenInstant = Field(description="ISO 8601 with an offset.")


def move_appointment(
    session: Session, recipient_id: int, at: datetime, actor: Actor, now: datetime
) -> list[int]:
    """Let a person's appointment be at another time; returns the calls to be recalled.

    Whoever was reminded of the old time is reminded of the new one; also who is being called at
    this moment. Raises `NotFound`, and `NotAllowed` when there is no appointment or nobody to be
    called about it; then nothing was changed.
    """
    row = _of_reminder(session, recipient_id)
    before = row.appointment_at
    key = dedupe_key(row.dedupe_key.split("|")[0], at)
    done = appointments.move_appointments(session, [Move(row.id, at, key)], now)
    if not done.recipients:
        if before == at:
            return []
        raise NotAllowed(
            "The appointment was not moved: this person has opted out, was taken out of the "
            "campaign, waits for a decision, or has another entry with that very time. Nothing "
            "was changed."
        )
    recurrences.note_these_are_reminded(session, row.campaign_id, done.recipients)
    after = {"appointment_at": at.isoformat()}
    told = {"appointment_at": before.isoformat() if before else None}
    subject = f"recipient:{row.id}"
    auditing.record(session, actor, "recipient.move", subject, now, before=told, after=after)
    sentence = f"{actor.subject} moved the appointment of a person."
    dispatch.write_log(session, sentence, now, campaign_id=row.campaign_id)
    return done.recalled


def cancel_appointment(
    session: Session, recipient_id: int, actor: Actor, now: datetime, why: str = ""
) -> list[int]:
    """Call a person no more about their appointment; returns the calls to be recalled.

    Doing it twice changes nothing. Raises `NotFound`, and `NotAllowed` without an appointment.
    """
    row = _of_reminder(session, recipient_id)
    done = appointments.cancel_appointments(session, [row.id], now)
    if not done.recipients:
        return []
    after = {"appointment": "cancelled", "why": why.strip() or None}
    subject = f"recipient:{row.id}"
    auditing.record(session, actor, "recipient.cancel", subject, now, after=after)
    sentence = f"{actor.subject} cancelled the appointment of a person."
    dispatch.write_log(session, sentence, now, campaign_id=row.campaign_id)
    return done.recalled


def _of_reminder(session: Session, recipient_id: int) -> Recipient:
    """The recipient; their campaign is held, so that it does not end meanwhile."""
    row = session.get(Recipient, recipient_id)
    if row is None:
        raise NotFound(f"There is no recipient {recipient_id}.")
    if row.appointment_at is None:
        raise NotAllowed("This person has no appointment. Nothing was changed.")
    status = imports.hold_status_of_campaign(session, row.campaign_id)
    if status in ("completed", "stopped"):
        name = session.get_one(Campaign, row.campaign_id).name
        raise NotAllowed(f"“{name}” is {status}: it calls nobody any more. Nothing was changed.")
    return row
