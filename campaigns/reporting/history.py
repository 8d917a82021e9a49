"""One recipient or one attempt with all that is known, on the clocks of those concerned."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.campaigning import campaign_by_id
from campaigns.compliance import PostalAddress
from campaigns.errors import InvalidInput, NotFound
from campaigns.lifecycle import RecipientStatus
from campaigns.reporting import words
from campaigns.reporting.values import (
    AttemptView,
    EventView,
    LogEntry,
    RecipientHistory,
    RecipientView,
    ResponseView,
)
from campaigns.store import histories, late_risks
from campaigns.store.histories import AttemptRow, RecipientRow
from campaigns.store.late_risks import Risk


def recipient_history(session: Session, recipient_id: int, now: datetime) -> RecipientHistory:
    """A recipient with every attempt, event and answer; raises `NotFound`."""
    row = histories.find_recipient(session, recipient_id)
    if row is None:
        raise NotFound(f"There is no recipient {recipient_id}.")
    zones = _zones_of(row, row.numbers[row.number_index])
    values = {name: getattr(row, name) for name in RecipientView.model_fields}
    return RecipientHistory(
        **values,
        campaign_name=campaign_by_id(session, row.campaign_id).name,
        zones=list(zones),
        sentence=_sentence(row, zones, now),
        next_attempt_local=words.local_time(row.next_attempt_at, zones),
        attempts=_views(session, histories.attempts_of(session, recipient_id), row),
    )


def attempt_history(session: Session, attempt_id: int) -> AttemptView:
    """An attempt with its events and answers; raises `NotFound`."""
    row = histories.find_attempt(session, attempt_id)
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    recipient = histories.find_recipient(session, row.recipient_id)
    return _views(session, [row], recipient)[0]


def list_recipients(
    session: Session, campaign_id: int, status: str | None, after: int, limit: int
) -> list[RecipientView]:
    """A page of a campaign's recipients. Raises `NotFound` and `InvalidInput`."""
    campaign_by_id(session, campaign_id)
    if status is not None and status not in set(RecipientStatus):
        raise InvalidInput(
            f"{status[:40]!r} is no status of a recipient: {', '.join(RecipientStatus)}."
        )
    rows = histories.list_recipients(session, campaign_id, status, after, limit)
    return [RecipientView.model_validate(row) for row in rows]


def at_risk(
    session: Session, campaign_id: int, after: int, limit: int
) -> tuple[Risk | None, list[RecipientView]]:
    """What is said of the deadlines of a campaign that cannot all be met, and a page of those
    who wait with one of them. Raises `NotFound`."""
    campaign_by_id(session, campaign_id)
    risk = late_risks.known_risks(session, campaign_id).get(campaign_id)
    if risk is None:
        return None, []
    ids = late_risks.people_at_risk(session, risk, after, limit)
    rows = histories.recipients_by_id(session, ids)
    return risk, [RecipientView.model_validate(row) for row in rows]


def read_log(
    session: Session, before: int | None, limit: int, *, campaign_id: int | None = None
) -> list[LogEntry]:
    """What happened and why, newest first, of one campaign or of all. Raises `NotFound`."""
    if campaign_id is not None:
        campaign_by_id(session, campaign_id)
    rows = histories.read_log(session, before, limit, campaign_id=campaign_id)
    return [LogEntry.model_validate(row) for row in rows]


def _views(
    session: Session, rows: Sequence[AttemptRow], person: RecipientRow | None
) -> list[AttemptView]:
    ids = [row.id for row in rows]
    events = histories.events_of(session, ids)
    responses = histories.responses_of(session, ids)
    return [
        AttemptView.model_validate(row).model_copy(
            update={
                "local_time": words.local_time(
                    row.claimed_at or row.slot_at, _zones_of(person, row.number)
                ),
                "events": [EventView.model_validate(e) for e in events if e.attempt_id == row.id],
                "responses": [
                    ResponseView.model_validate(r) for r in responses if r.attempt_id == row.id
                ],
            }
        )
        for row in rows
    ]


def _zones_of(person: RecipientRow | None, number: str) -> tuple[str, ...]:
    """The zones in which somebody may hear one of their numbers ring."""
    if person is None:
        return compliance.place_of(number).zones
    address = PostalAddress.from_json(person.address)
    return compliance.place_of(number, zone=person.zone, address=address).zones


def _sentence(row: RecipientRow, zones: Sequence[str], now: datetime) -> str:
    why = f" ({row.reason})" if row.reason else ""
    if row.status == RecipientStatus.IN_FLIGHT:
        return "Is being called now."
    if row.status == RecipientStatus.PENDING and row.next_attempt_at is not None:
        if row.next_attempt_at <= now:
            return f"Is due since {words.instant(row.next_attempt_at)} and waits for a slot{why}."
        local = words.local_time(row.next_attempt_at, zones)
        return f"Is due {words.until(row.next_attempt_at, now)}, {local}{why}."
    return words.sentence(f"{row.status}{why}")
