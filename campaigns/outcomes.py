"""What follows for the recipient from a cancelled attempt or from an ended call.

Every recipient leaves here with a next time or with a reason, inside the caller's transaction.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import compliance, retries
from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition, RecipientStatus
from campaigns.store import call_status, recipients
from campaigns.store.attempts import Cancelled
from campaigns.store.call_status import LockedAttempt
from campaigns.store.recipients import Fate, RecipientOutcomeRow

DAY = timedelta(days=1)

# Cancels that say nothing about the recipient and so are not held against them.
UNCOUNTED = frozenset({"paused", "stopped", "account_fault", "window_closed"})
# What a late word about a call may turn into a further call: `review` is for want of such a word.
OPEN = frozenset({RecipientStatus.IN_FLIGHT, RecipientStatus.PENDING, RecipientStatus.REVIEW})
# Cancels after which the whole account waits, not just the recipient.
ACCOUNT_WAITS = frozenset({"congested", "not_sent", "account_backoff"})


def release_cancelled(session: Session, cancelled: Sequence[Cancelled], now: datetime) -> None:
    """Give the recipient of each cancelled attempt a next time, by the cancel's reason."""
    if not cancelled:
        return
    reasons = {c.recipient_id: c.reason for c in cancelled}
    rows = recipients.recipients_for_outcome(session, list(reasons), now)
    fates = [
        _readable_fate_of_cancel(row, reasons[row.id], now)
        for row in rows
        if row.status == RecipientStatus.IN_FLIGHT
    ]
    recipients.settle_recipients(session, fates, now)


def _readable_fate_of_cancel(row: RecipientOutcomeRow, reason: str, now: datetime) -> Fate:
    """Review for whoever has a zone or a campaign that cannot be read: a tick that fails over one
    recipient would call nobody any more."""
    try:
        return _fate_of_cancel(row, reason, now)
    except InvalidInput as error:
        return Fate(row.id, RecipientStatus.REVIEW, f"no legal calling hour can be told: {error}")


def _fate_of_cancel(row: RecipientOutcomeRow, reason: str, now: datetime) -> Fate:
    if row.opted_out or reason == "opted_out":
        return Fate(row.id, RecipientStatus.BLOCKED, "opted out")
    if row.deadline_at is not None and row.deadline_at <= now:
        return Fate(row.id, RecipientStatus.EXPIRED, "deadline passed")
    if reason in UNCOUNTED:
        return _pending_when_open(row, row.numbers[row.number_index], now, reason)[0]
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
    row: RecipientOutcomeRow, number: str, at: datetime, reason: str
) -> tuple[Fate, tuple[str, ...]]:
    """Pending at the first legal instant from `at` for `number`; review when there is none."""
    zones = compliance.zones_of(row.zone, number)
    if not zones:
        return Fate(row.id, RecipientStatus.REVIEW, "time zone unknown"), zones
    legal = compliance.next_allowed(compliance.windows_for(row.rule_set, row.windows), zones, at)
    if legal is None:
        return Fate(row.id, RecipientStatus.REVIEW, "no legal calling hour"), zones
    if row.deadline_at is not None and legal >= row.deadline_at:
        return Fate(row.id, RecipientStatus.EXPIRED, "deadline before the next legal hour"), zones
    return Fate(row.id, RecipientStatus.PENDING, reason, legal), zones


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
    spent, last_day = call_status.attempts_spent_by(session, row.id, now - DAY * row.time_scale)
    fate, index, zones = _fate_of_call(row, attempt, disposition, remaining, spent, last_day, now)
    if fate.status == RecipientStatus.PENDING and row.status not in OPEN:
        return  # settled meanwhile by something other than a call: no late word undoes that
    recipients.settle_outcome(
        session,
        fate,
        now,
        number_index=index,
        numbers=remaining or row.numbers,
        zone_key=recipients.zone_key_for(session, zones) if zones else None,
        attempts_spent=spent,
    )


def _numbers_left(row: RecipientOutcomeRow, number: str, disposition: Disposition) -> list[str]:
    if disposition is not Disposition.INVALID_NUMBER:
        return row.numbers
    return [n for n in row.numbers if n != number]


def _fate_of_call(
    row: RecipientOutcomeRow,
    attempt: LockedAttempt,
    disposition: Disposition,
    remaining: list[str],
    spent: int,
    last_day: int,
    now: datetime,
) -> tuple[Fate, int, tuple[str, ...]]:
    index = min(row.number_index, max(len(remaining) - 1, 0))
    if row.opted_out or attempt.recall_reason == "opted_out":
        return Fate(row.id, RecipientStatus.BLOCKED, "opted out"), index, ()
    decision = retries.decide(
        retries.RetryPolicy.parse(row.retry_policy),
        disposition,
        attempts_spent=spent,
        attempts_last_day=last_day,
        now=now,
        numbers_left=len(remaining),
        fraction=random.random(),
        time_scale=row.time_scale,
    )
    if isinstance(decision, retries.Stop):
        return Fate(row.id, decision.status, decision.reason), index, ()
    if decision.next_number and disposition is not Disposition.INVALID_NUMBER:
        index = (row.number_index + 1) % len(remaining)
    fate, zones = _pending_when_open(row, remaining[index], decision.at, f"after {disposition}")
    return fate, index, zones
