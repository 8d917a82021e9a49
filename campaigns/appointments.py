"""Appointments that are moved or cancelled: what is not dialled yet moves with them, or ends.

Both close the gate first, as everything that must stop calls. The ids returned are calls to be
recalled at the provider once the transaction has committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.outcomes import CANCELLED, MOVED, release_cancelled
from campaigns.store import appointments, attempts, gate, recalls, recipients
from campaigns.store.appointments import Move
from campaigns.store.recipients import Fate


@dataclass(frozen=True, slots=True)
class Changed:
    """Whose appointments were changed, and the calls to be taken back after the commit."""

    recipients: list[int]
    recalled: list[int]


def move_appointments(session: Session, moves: Sequence[Move], now: datetime) -> Changed:
    """Let appointments be at other times, and remind of them anew as far as that is of use.

    What is queued is put back. A call that is on says the new time if it is answered from now on;
    if it said the old one, the reminders of the new time follow all the same.
    """
    if not moves:
        return Changed([], [])
    ids = [one.recipient_id for one in moves]
    gate.close_gate(session)
    appointments.lock_recipients(session, ids)
    idle = appointments.move(session, moves, now)
    moved = appointments.moved_among(session, ids, now)
    queued = attempts.cancel_queued_attempts_of_recipients(session, moved, MOVED, now)
    release_cancelled(session, queued, now)
    anew = [Fate(one, "expired", "deadline passed", first_stage=0) for one in idle]
    recipients.settle_recipients(session, anew, now)
    return Changed(sorted(moved), [])


def cancel_appointments(session: Session, ids: Sequence[int], now: datetime) -> Changed:
    """Call nobody about these appointments any more; calls that nobody answered are taken back."""
    if not ids:
        return Changed([], [])
    gate.close_gate(session)
    appointments.lock_recipients(session, ids)
    gone = appointments.cancel(session, ids, CANCELLED, now)
    queued = attempts.cancel_queued_attempts_of_recipients(session, gone, CANCELLED, now)
    recalled = recalls.request_recall_of_recipients(session, gone, CANCELLED, now)
    release_cancelled(session, queued, now)
    return Changed(gone, recalled)
