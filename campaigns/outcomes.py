"""What follows for the recipient from a cancelled attempt or from an ended call.

Every recipient leaves here with a next time or with a reason, inside the caller's transaction.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import compliance, retries
from campaigns.compliance import NOWHERE, Place, PostalAddress, Rulebook
from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition, RecipientStatus
from campaigns.store import call_status, recipients, rules
from campaigns.store.attempts import Cancelled
from campaigns.store.call_status import LockedAttempt, PastCall
from campaigns.store.recipients import Fate, RecipientOutcomeRow

DAY = timedelta(days=1)

# Cancels that say nothing about the recipient and so are not held against them.
UNCOUNTED = frozenset(
    {
        *("paused", "stopped", "account_fault", "caller_paused", "window_closed"),
        *("worker_left", "rules_changed", "reminders_changed", "caps_changed", "consent"),
    }
)
# What a late word about a call may turn into a further call: `review` is for want of such a word.
OPEN = frozenset({RecipientStatus.IN_FLIGHT, RecipientStatus.PENDING, RecipientStatus.REVIEW})
# What becomes of an appointment: the reasons of cancelled attempts, of recalls, and of removals.
MOVED, CANCELLED = "appointment_moved", "appointment_cancelled"
# Cancels after which the whole account waits, not just the recipient.
ACCOUNT_WAITS = frozenset({"congested", "not_sent", "account_backoff"})


def release_cancelled(session: Session, cancelled: Sequence[Cancelled], now: datetime) -> None:
    """Give the recipient of each cancelled attempt a next time, by the cancel's reason."""
    if not cancelled:
        return
    book = rules.current_rulebook(session)
    reasons = {c.recipient_id: c.reason for c in cancelled}
    rows = recipients.recipients_for_outcome(session, list(reasons), now)
    fates = [
        _readable_fate_of_cancel(book, row, reasons[row.id], now)
        for row in rows
        if row.status == RecipientStatus.IN_FLIGHT
    ]
    recipients.settle_recipients(session, fates, now)


def _readable_fate_of_cancel(
    book: Rulebook, row: RecipientOutcomeRow, reason: str, now: datetime
) -> Fate:
    """Review for whoever has a zone or a campaign that cannot be read: a tick that fails over one
    recipient would call nobody any more."""
    try:
        return _fate_of_cancel(book, row, reason, now)
    except InvalidInput as error:
        return Fate(row.id, RecipientStatus.REVIEW, f"no legal calling hour can be told: {error}")


def _fate_of_cancel(book: Rulebook, row: RecipientOutcomeRow, reason: str, now: datetime) -> Fate:
    if row.opted_out or reason == "opted_out":
        return Fate(row.id, RecipientStatus.BLOCKED, "opted out")
    if row.appointment_cancelled:
        return Fate(row.id, RecipientStatus.REMOVED, CANCELLED)
    if reason == MOVED:
        return _planned_anew(row)
    if row.deadline_at is not None and row.deadline_at <= now:
        return Fate(row.id, RecipientStatus.EXPIRED, "deadline passed")
    if reason in UNCOUNTED:
        return _pending_when_open(book, row, row.numbers[row.number_index], now, reason)[0]
    decision = retries.cancel_backoff(
        reason, cancels_in_row=row.cancels_in_row + 1, now=now, fraction=random.random()
    )
    if isinstance(decision, retries.Stop):
        return Fate(row.id, decision.status, decision.reason, count_cancel=True)
    at = decision.at
    if reason in ACCOUNT_WAITS and row.backoff_until is not None:
        at = max(at, row.backoff_until)
    return Fate(row.id, RecipientStatus.PENDING, reason, at, count_cancel=True)


def _pending_when_open(
    book: Rulebook,
    row: RecipientOutcomeRow,
    number: str,
    at: datetime,
    reason: str,
    tried: Sequence[datetime] = (),
) -> tuple[Fate, Place]:
    """Pending at the first legal instant from `at` for `number`; review when there is none.

    Legal by the rules for whoever has consented: whom they bind more narrowly, the tick tells.
    On a later day than those of the calls that were `tried`, at another hour than theirs.
    """
    address = PostalAddress.from_json(row.address)
    place = compliance.place_of(number, zone=row.zone, address=address)
    if not place.known:
        return Fate(row.id, RecipientStatus.REVIEW, place.unknown_as), place
    hours = compliance.hours_for(book, row, place, consented=True)
    legal = hours.next_allowed(at)
    if legal is None:
        return Fate(row.id, RecipientStatus.REVIEW, "no legal calling hour"), place
    if row.deadline_at is not None and legal >= row.deadline_at:
        return Fate(row.id, RecipientStatus.EXPIRED, "deadline before the next legal hour"), place
    legal = retries.another_hour(
        legal,
        tried,
        compliance.zone_named(place.zones[0]),
        hours.next_allowed,
        row.last_moment,
        random.random(),
    )
    return Fate(row.id, RecipientStatus.PENDING, reason, legal), place


@dataclass(frozen=True, slots=True)
class _Tried:
    """What was tried with a recipient before, the attempt that just ended among it."""

    calls: Sequence[PastCall]

    @property
    def spent(self) -> int:
        """How many attempts count against what they are called for now."""
        return sum(call.about_this for call in self.calls)

    def since(self, instant: datetime) -> int:
        """How many attempts, whatever they were about, were made since then."""
        return sum(call.claimed_at >= instant for call in self.calls)

    def ended_as(self, disposition: Disposition) -> int:
        """How many attempts about this ended so."""
        return sum(call.about_this and call.disposition is disposition for call in self.calls)

    @property
    def of_number(self) -> Counter[str]:
        """How many attempts about this each number has had."""
        return Counter(call.number for call in self.calls if call.about_this)

    @property
    def instants(self) -> list[datetime]:
        """When calls were made."""
        return [call.claimed_at for call in self.calls]


def _planned_anew(row: RecipientOutcomeRow) -> Fate:
    """The appointment is at another time now: its reminders begin anew, as far as they are of
    use."""
    return Fate(row.id, RecipientStatus.EXPIRED, "deadline passed", first_stage=0)


def turn_to_number(
    session: Session, recipient_id: int, place: int, at: datetime, now: datetime
) -> Fate:
    """Give the turn to another of the recipient's numbers, with its own calling hours, from `at`
    on; returns what becomes of the recipient, to be settled by the caller."""
    rows = recipients.recipients_for_outcome(session, [recipient_id], now)
    (fate,) = turn_to_numbers(session, rows, {recipient_id: place}, at, "household")
    return fate


def turn_to_numbers(
    session: Session,
    rows: Sequence[RecipientOutcomeRow],
    places: Mapping[int, int],
    at: datetime,
    reason: str,
) -> list[Fate]:
    """The same for many: by id, the place of the number that has the turn now."""
    book = rules.current_rulebook(session)
    fates: list[tuple[Fate, int | None]] = []
    keys: dict[Place, int | None] = {}
    for row in rows:
        fate, where = _pending_when_open(book, row, row.numbers[places[row.id]], at, reason)
        if where not in keys:
            keys[where] = recipients.zone_key_for(session, where) if where.known else None
        fates.append((fate, keys[where]))
    recipients.turn_to_numbers(
        session, [(fate.recipient_id, places[fate.recipient_id], key) for fate, key in fates]
    )
    return [fate for fate, _ in fates]


def conclude(
    session: Session, attempt: LockedAttempt, disposition: Disposition, now: datetime
) -> None:
    """Decide what follows from an attempt that has just ended as `disposition`.

    Nothing is decided when somebody was dialled for the recipient since: a late word about an
    old call must not plan a second one beside the first.
    """
    row = recipients.recipients_for_outcome(session, [attempt.recipient_id], now)[0]
    # Asked under the recipient's lock: a tick may have been giving them their next slot.
    if not call_status.is_latest_attempt(session, attempt.id, attempt.recipient_id):
        return
    remaining = _numbers_left(row, attempt.number, disposition)
    tried = _Tried(call_status.past_calls_of(session, row.id))
    book = rules.current_rulebook(session)
    fate, index, place = _fate_of_call(book, row, attempt, disposition, remaining, tried, now)
    if _is_about_the_past(row, attempt):
        past = _fate_after_past_call(row, fate)
        if past is None:
            return
        fate = past
    if fate.status == RecipientStatus.PENDING and row.status not in OPEN:
        return  # settled meanwhile by something other than a call: no late word undoes that
    recipients.settle_outcome(
        session,
        fate,
        now,
        number_index=index,
        numbers=remaining or row.numbers,
        zone_key=recipients.zone_key_for(session, place) if place.known else None,
        attempts_spent=tried.spent,
    )


def _is_about_the_past(row: RecipientOutcomeRow, attempt: LockedAttempt) -> bool:
    """Whether the call was about an earlier reminder, or another time of the appointment."""
    since = row.counted_from
    return since is not None and attempt.claimed_at is not None and attempt.claimed_at <= since


def _fate_after_past_call(row: RecipientOutcomeRow, fate: Fate) -> Fate | None:
    """What a call about an earlier reminder, or another time, still means; None when nothing.

    An opt-out always counts, and so does an answer about this appointment. While the call was on,
    its appointment was moved: then the reminders of the new time come next.
    """
    if fate.status in (RecipientStatus.BLOCKED, RecipientStatus.REMOVED):
        return fate
    if row.answered:
        return Fate(row.id, RecipientStatus.COMPLETED, "answered by a person", last=True)
    return _planned_anew(row) if row.status == RecipientStatus.IN_FLIGHT else None


def _numbers_left(row: RecipientOutcomeRow, number: str, disposition: Disposition) -> list[str]:
    if disposition is not Disposition.INVALID_NUMBER:
        return row.numbers
    return [n for n in row.numbers if n != number]


def _fate_of_call(
    book: Rulebook,
    row: RecipientOutcomeRow,
    attempt: LockedAttempt,
    disposition: Disposition,
    remaining: list[str],
    tried: _Tried,
    now: datetime,
) -> tuple[Fate, int, Place]:
    index = min(row.number_index, max(len(remaining) - 1, 0))
    if row.opted_out or attempt.recall_reason == "opted_out":
        return Fate(row.id, RecipientStatus.BLOCKED, "opted out"), index, NOWHERE
    if row.appointment_cancelled:
        return Fate(row.id, RecipientStatus.REMOVED, CANCELLED), index, NOWHERE
    policy = retries.RetryPolicy.parse(row.retry_policy)
    message_left = tried.ended_as(Disposition.ANSWERED_MACHINE) > 0
    decision = retries.decide(
        policy,
        disposition,
        attempts_spent=tried.spent,
        attempts_last_day=tried.since(now - DAY * row.time_scale),
        now=now,
        numbers_left=len(remaining),
        fraction=random.random(),
        time_scale=row.time_scale,
        ended_alike=tried.ended_as(disposition),
        message_left=message_left,
    )
    if isinstance(decision, retries.RetryAt):
        # The number after one that was struck out has moved up to its place.
        move_on = decision.next_number and disposition is not Disposition.INVALID_NUMBER
        turn = retries.choose_number(policy, remaining, index, tried.of_number, move_on=move_on)
        if turn is None:
            decision = retries.used_up(policy, message_left=message_left)
    if isinstance(decision, retries.Stop):
        # Without a number there is nobody to remind, however many reminders are left.
        fate = Fate(row.id, decision.status, decision.reason, last=not remaining)
        return fate, index, NOWHERE
    assert turn is not None, "used up otherwise"
    instants = tried.instants if policy.other_hour else ()
    fate, place = _pending_when_open(
        book, row, remaining[turn], decision.at, f"after {disposition}", instants
    )
    return fate, turn, place
