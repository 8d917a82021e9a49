"""What providers tell us and fetch from us, as use cases: events, documents, keypresses."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns import compliance, reminders
from campaigns.calls import CallEvent, EventKind
from campaigns.errors import NotFound
from campaigns.flows import swml
from campaigns.flows.model import CallFlow, Meaning, Voicemail
from campaigns.lifecycle import AttemptStatus
from campaigns.links import AudioLinks, Links
from campaigns.recording import note_keypress
from campaigns.retries import RetryPolicy
from campaigns.stopping import opt_out_number
from campaigns.store import callflows, gate, responses
from campaigns.store.callflows import Conversation
from campaigns.store.drafts import PersonRow

VOID = frozenset({AttemptStatus.CANCELLED, AttemptStatus.ENDED})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A keypress that is stored; `recall` are calls to be taken back after the commit."""

    meaning: Meaning
    recall: tuple[int, ...]


def conversation(session: Session, attempt_id: int) -> Conversation:
    """What is said in an attempt's call; raises `NotFound`."""
    found = callflows.conversation_of(session, attempt_id)
    if found is None:
        raise NotFound("There is nothing at this address.")
    return found


def is_void(talk: Conversation) -> bool:
    """Whether nothing must be said in the call any more."""
    return talk.status in VOID or talk.recall_requested or talk.opted_out


def opening_document(talk: Conversation, links: Links, audio: AudioLinks) -> dict[str, Any]:
    """The document a call starts with; a void attempt's only hangs up.

    Void is whatever must not be talked to any more: cancelled, ended, recalled, opted out. A
    campaign that was paused meanwhile does not make a ringing call void.
    """
    if is_void(talk):
        return swml.render_no_longer_valid()
    return swml.render_opening(_flow_of(talk), fields_of(talk), _flow_links(talk, links, audio))


def _flow_of(talk: Conversation) -> CallFlow:
    """What is said in this very call: who has a message on their machine gets no second one, when
    the campaign leaves one and then goes on to call for a person."""
    flow = CallFlow.from_json(talk.definition)
    once = talk.message_left and RetryPolicy.parse(talk.retry_policy).message_then_person
    return flow.model_copy(update={"voicemail": Voicemail()}) if once else flow


def _flow_links(talk: Conversation, links: Links, audio: AudioLinks) -> swml.FlowLinks:
    return swml.FlowLinks(
        key_url=links.key,
        said_url=links.said,
        hook_url=links.hook,
        audio_url=_audio_url(talk, audio),
    )


def _audio_url(talk: Conversation, audio: AudioLinks) -> swml.AudioUrl:
    def url(sha256: str) -> str | None:
        found = talk.audio.get(sha256)
        return None if found is None else audio.url(*found)

    return url


def fields_of(talk: Conversation | PersonRow) -> dict[str, str]:
    """The recipient's own data as the call says it; the appointment as a person would say it."""
    fields = {str(name): str(value) for name, value in talk.fields.items() if value is not None}
    if talk.appointment_at is not None:
        address = compliance.PostalAddress.from_json(talk.address)
        zones = compliance.place_of(talk.number, zone=talk.zone, address=address).zones
        zone = fields.get("appointment_zone") or (zones[0] if zones else "UTC")
        fields["appointment"] = reminders.spoken_time(talk.appointment_at, zone)
    return fields


def record_key(
    session: Session, attempt_id: int, talk: Conversation, digit: str, now: datetime
) -> Recorded:
    """Store a keypress, in whatever status the attempt is. 9 opts the number out everywhere.

    The callee hears the reply only from a document that is fetched after this has committed.
    Raises `NotFound` for a key that means nothing in this call.
    """
    answer = CallFlow.from_json(talk.definition).answers.get(digit)
    if answer is None:
        raise NotFound("This key means nothing in this call.")
    if answer.meaning is Meaning.OPT_OUT:
        gate.close_gate(session)  # before the attempt's row, as everything that stops calls
    responses.insert_response(session, attempt_id, digit, answer.meaning.value, now)
    callflows.note_served(session, attempt_id)  # who presses a key has heard what to press
    note_keypress(session, attempt_id, now)
    recall: list[int] = []
    if answer.meaning is Meaning.OPT_OUT:
        recall = opt_out_number(
            session,
            talk.number,
            "keypress",
            now,
            evidence=f"key {digit} during attempt {attempt_id}",
            attempt_id=attempt_id,
        )
    return Recorded(answer.meaning, tuple(a for a in recall if a != attempt_id))


def reply_document(talk: Conversation, digit: str, audio: AudioLinks) -> dict[str, Any]:
    """What is said once a keypress is stored."""
    return swml.render_confirmation(
        CallFlow.from_json(talk.definition), digit, fields_of(talk), _audio_url(talk, audio)
    )


def fetch_event(call_id: str) -> CallEvent:
    """That the provider fetched a document for this call proves that the call exists."""
    return CallEvent(EventKind.CREATED, f"fetch:{call_id}", provider_call_id=call_id)


def account_of(session: Session, attempt_id: int) -> int:
    """The account an attempt was placed through; raises `NotFound`."""
    found = callflows.account_of_attempt(session, attempt_id)
    if found is None:
        raise NotFound("There is nothing at this address.")
    return found
