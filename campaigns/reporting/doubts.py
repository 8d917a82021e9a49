"""Attempts whose outcome nobody knows, and what happens to them."""

from datetime import timedelta

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.compliance import PostalAddress
from campaigns.lifecycle import AttemptStatus, RecipientStatus
from campaigns.reporting import words
from campaigns.reporting.values import AttemptView, InDoubt
from campaigns.store import searches
from campaigns.store.searches import DoubtRow
from campaigns.sweeping import LIVE_QUARANTINE


def in_doubt(session: Session, before: int | None, limit: int) -> list[InDoubt]:
    """Attempts in doubt and attempts that ended as unknown, newest first, older than `before`."""
    return [_view(row) for row in searches.attempts_in_doubt(session, before, limit)]


def _view(row: DoubtRow) -> InDoubt:
    one = row.attempt
    zones = compliance.place_of(
        one.number,
        zone=row.recipient_zone,
        address=PostalAddress.from_json(row.recipient_address),
    ).zones
    local = words.local_time(one.claimed_at or one.slot_at, zones)
    return InDoubt(
        attempt=AttemptView.model_validate(one).model_copy(update={"local_time": local}),
        campaign_name=row.campaign_name,
        name=row.name,
        recipient_status=row.recipient_status,
        next_attempt_at=row.next_attempt_at,
        sentence=_alive(row) if one.status != AttemptStatus.ENDED else _over(row),
    )


def _alive(row: DoubtRow) -> str:
    """What is done about an attempt that may have a call."""
    one = row.attempt
    why = words.sentence(one.doubt_reason or "The provider gave no answer")
    asked = (
        f"The provider was last asked {words.instant(row.looked_up_at)} and is asked again"
        if row.looked_up_at is not None
        else "The provider is asked"
    )
    until = (one.claimed_at or one.slot_at) + timedelta(
        seconds=LIVE_QUARANTINE * (1.0 if row.live else row.time_scale)
    )
    return (
        f"{why} There may be a call. {asked} about every minute; until it knows, and at least "
        f"until {words.instant(until)}, nobody calls this person."
    )


def _over(row: DoubtRow) -> str:
    """What became of the person of an attempt that ended without a word."""
    known = "A call may have been made; how it ended is not known."
    if row.recipient_status == RecipientStatus.REVIEW:
        why = f" ({row.recipient_reason})" if row.recipient_reason else ""
        return f"{known} The person is not called again until somebody decides{why}."
    if row.recipient_status == RecipientStatus.PENDING and row.next_attempt_at is not None:
        return f"{known} The person is called again {words.instant(row.next_attempt_at)}."
    if row.recipient_status == RecipientStatus.IN_FLIGHT:
        return f"{known} The person is being called again now."
    return f"{known} Nothing more happens: the person is {row.recipient_status}."
