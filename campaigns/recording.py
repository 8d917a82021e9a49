"""What we learn about a call, written under one guard: the answer to the POST, and every event.

Status only moves forward. The first end wins; later words may add facts. An `unknown` that only
silence had decided is provisional, and one word from the carrier replaces it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import pacing
from campaigns.calls import Answer, AnsweredBy, CallEvent, DialAnswer, EventKind
from campaigns.lifecycle import ANSWERED, AttemptStatus, Disposition, moves_forward
from campaigns.outcomes import conclude, release_cancelled
from campaigns.slowing import slow_down
from campaigns.stopping import pause_account
from campaigns.store import accounts, attempts, call_status, events, gate, responses
from campaigns.store.call_status import LockedAttempt

STATUS_OF = {
    EventKind.RINGING: AttemptStatus.RINGING,
    EventKind.ANSWERED: AttemptStatus.IN_PROGRESS,
}
DISPOSITION_OF = {
    AnsweredBy.HUMAN: Disposition.ANSWERED_HUMAN,
    AnsweredBy.MACHINE: Disposition.ANSWERED_MACHINE,
    AnsweredBy.FAX: Disposition.ANSWERED_MACHINE,
    AnsweredBy.UNKNOWN: Disposition.ANSWERED,
}


# Answers that place no call and say something about the account.
REFUSED = frozenset({Answer.FAULT, Answer.CONGESTED, Answer.NOT_SENT})


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the edge does after its commit: take these attempts' calls back at the provider."""

    recall: tuple[int, ...] = ()


NOTHING = FollowUp()


def record_answer(
    session: Session, attempt_id: int, worker: str, answer: DialAnswer, now: datetime
) -> FollowUp:
    """Write down what the provider answered to the one POST.

    Gate, account, attempt: whoever stops calls locks in this order, so whoever records does too.
    """
    known = call_status.account_and_status(session, attempt_id)
    if known is None:
        return NOTHING
    account_id, status = known
    if answer.answer is Answer.FAULT or status is AttemptStatus.CANCELLED:
        gate.close_gate(session)
    if answer.answer is Answer.ACCEPTED:
        accounts.forgive_account(session, account_id)
    elif answer.answer in REFUSED:
        accounts.lock_account(session, account_id)
    attempt = call_status.lock_attempt(session, attempt_id)
    assert attempt is not None, "attempts are never deleted"
    if answer.answer is Answer.ACCEPTED and attempt.status is AttemptStatus.CANCELLED:
        gate.close_gate(session)
        placed = CallEvent(EventKind.CREATED, "answer", provider_call_id=answer.provider_call_id)
        return _incident(session, attempt, placed, now)
    if answer.answer is Answer.ACCEPTED:
        return _accepted(session, attempt, answer, now)
    if attempt.status is not AttemptStatus.DIALING or attempt.provider_call_id is not None:
        return NOTHING  # an event came first: the call exists, whatever the answer was
    if answer.answer is Answer.BAD_NUMBER:
        _end(session, attempt, Disposition.INVALID_NUMBER, answer.reason, now)
        return NOTHING
    if answer.answer is Answer.IN_DOUBT:
        call_status.note_in_doubt(session, attempt.id, answer.reason, now)
        return NOTHING
    return _not_placed(session, attempt, worker, answer, now)


def _accepted(
    session: Session, attempt: LockedAttempt, answer: DialAnswer, now: datetime
) -> FollowUp:
    call_id = answer.provider_call_id
    if call_id and _is_taken(session, attempt, call_id):
        call_status.note_in_doubt(
            session, attempt.id, "the provider gave an id that another call already has", now
        )
        return NOTHING
    call_status.note_accepted(session, attempt.id, call_id, now)
    return FollowUp((attempt.id,)) if attempt.recall_requested_at is not None else NOTHING


def _not_placed(
    session: Session, attempt: LockedAttempt, worker: str, answer: DialAnswer, now: datetime
) -> FollowUp:
    """Nothing was placed: a fault stops the account; congestion and lost connections back off."""
    recall: list[int] = []
    if answer.answer is Answer.FAULT:
        reason = "account_fault"
        sentence = (
            f"A call was refused with “{answer.reason}”. That concerns the account, not the person "
            "called, so the account is paused and the attempt was not counted. Put the account "
            "right, then resume it."
        )
    else:
        reason = "congested" if answer.answer is Answer.CONGESTED else "not_sent"
        refused = answer.answer is Answer.CONGESTED
        _back_off(session, attempt.account_id, answer.retry_after, now, slower=refused)
    cancelled = attempts.cancel_claimed_attempts(session, [attempt.id], worker, reason, now)
    release_cancelled(session, cancelled, now)
    if answer.answer is Answer.FAULT:
        recall = pause_account(session, attempt.account_id, sentence, now)
    return FollowUp(tuple(recall))


def _back_off(
    session: Session, account_id: int, retry_after: float | None, now: datetime, *, slower: bool
) -> None:
    """Let the account rest, longer each time it has to in a row, and go on `slower` if refused.

    Calls that were out when the rest began meet the same trouble, not a greater one.
    """
    known = accounts.lock_account(session, account_id)
    resting = known.rest_until is not None and known.rest_until > now
    level = known.level - 1 if resting else known.level
    until = pacing.back_off(level, now, retry_after)
    accounts.back_off_account(session, account_id, until, level + 1)
    if slower and not resting:
        slow_down(session, account_id, known, "The provider refused a call for now", now, until)


def apply_event(session: Session, event_id: int, now: datetime) -> FollowUp:
    """Apply a stored event to its attempt, once."""
    found = events.lock_unapplied_event(session, event_id)
    if found is None and events.is_of_cancelled_attempt(session, event_id):
        gate.close_gate(session)  # before the rows: an incident stops the account
        found = events.lock_unapplied_event(session, event_id, gate_closed=True)
    if found is None:
        return NOTHING
    event, attempt = found
    verdict, follow = _apply(session, attempt, event, now)
    events.mark_applied(session, event_id, verdict, now)
    return follow


def _apply(
    session: Session, attempt: LockedAttempt, event: CallEvent, now: datetime
) -> tuple[str, FollowUp]:
    if attempt.status is AttemptStatus.CANCELLED:
        if event.provider_call_id and _is_taken(session, attempt, event.provider_call_id):
            return "another call", NOTHING  # of an attempt we know: sent to the wrong address
        return "incident", _incident(session, attempt, event, now)
    if not _adopt_call_id(session, attempt, event, now):
        return "another call", NOTHING
    if event.kind is EventKind.DETECTED:
        return _detected(session, attempt, event)
    if event.kind is EventKind.ENDED:
        return _ended(session, attempt, event, now)
    return _progressed(session, attempt, event, now)


def _is_taken(session: Session, attempt: LockedAttempt, call_id: str) -> bool:
    """Whether another attempt of the account goes by this call id already."""
    return call_status.call_id_is_taken(session, attempt.account_id, call_id, attempt.id)


def _adopt_call_id(
    session: Session, attempt: LockedAttempt, event: CallEvent, now: datetime
) -> bool:
    """Take over the call's id from an event that beat the POST's answer.

    False for another call: a second one, which is an incident, or that of another attempt, whose
    event came to the wrong address and must not cut this one's conversation off.
    """
    if event.provider_call_id is None or event.provider_call_id == attempt.provider_call_id:
        return True
    if _is_taken(session, attempt, event.provider_call_id):
        return False
    if attempt.provider_call_id is not None:
        call_status.note_incident(
            session, attempt.id, f"a second call, {event.provider_call_id}, reports here", now
        )
        return False
    call_status.note_accepted(session, attempt.id, event.provider_call_id, now)
    return True


def _incident(
    session: Session, attempt: LockedAttempt, event: CallEvent, now: datetime
) -> FollowUp:
    """A call exists although we had proof that none did: take it back and stop the account."""
    given_up_as = (attempt.cancel_reason or "").replace("_", " ")
    sentence = (
        f"The provider reports a call ({event.kind}) for an attempt that was given up as "
        f"“{given_up_as}”, so what we believe about this account is wrong. The call is "
        "being cancelled and the account is paused. Check the provider's call log, then resume."
    )
    call_id = event.provider_call_id
    if call_id and not call_status.call_id_is_taken(
        session, attempt.account_id, call_id, attempt.id
    ):
        call_status.note_accepted(session, attempt.id, call_id, now)
    recalled: list[int] = []
    if attempt.incident is None:  # its further events must not pause an account resumed since
        call_status.note_incident(session, attempt.id, sentence, now)
        recalled = pause_account(session, attempt.account_id, sentence, now)
    gone = event.kind is EventKind.ENDED
    return FollowUp(tuple(recalled) if gone else (attempt.id, *recalled))


def _progressed(
    session: Session, attempt: LockedAttempt, event: CallEvent, now: datetime
) -> tuple[str, FollowUp]:
    wanted_back = FollowUp((attempt.id,)) if attempt.recall_requested_at is not None else NOTHING
    status = STATUS_OF.get(event.kind)
    if status is None:
        return "noted", wanted_back
    if not moves_forward(attempt.status, status):
        if status is AttemptStatus.IN_PROGRESS and attempt.answered_at is None:
            return _answered_after_end(session, attempt, now), NOTHING
        if status is AttemptStatus.RINGING and attempt.ringing_at is None:
            return _rang_after_all(session, attempt, now), NOTHING
        return "late", NOTHING
    call_status.move_forward(session, attempt.id, status, now)
    return "applied", wanted_back if status is AttemptStatus.RINGING else NOTHING


def _answered_after_end(session: Session, attempt: LockedAttempt, now: datetime) -> str:
    """`answered` came after the end: a fact, and the end of a merely provisional `unknown`."""
    call_status.add_facts(session, attempt.id, answered_at=now)
    if attempt.status is AttemptStatus.ENDED and attempt.provisional:
        _end(session, attempt, _answered_disposition(attempt, None), None, now)
        return "replaced unknown"
    return "fact added"


def _rang_after_all(session: Session, attempt: LockedAttempt, now: datetime) -> str:
    """`ringing` came late: a call that was taken back had rung before, and so it counts.

    When they are called next was decided by its end, and stays so.
    """
    call_status.add_facts(session, attempt.id, ringing_at=now)
    if attempt.disposition is Disposition.CANCELED and attempt.recall_requested_at is not None:
        call_status.count_after_all(session, attempt.id, attempt.recipient_id)
        return "counted"
    return "fact added"


def _detected(session: Session, attempt: LockedAttempt, event: CallEvent) -> tuple[str, FollowUp]:
    if event.answered_by is None or event.answered_by is AnsweredBy.UNKNOWN:
        return "noted", NOTHING
    refined = None
    if attempt.status is AttemptStatus.ENDED and attempt.disposition is Disposition.ANSWERED:
        refined = DISPOSITION_OF[event.answered_by]
    call_status.add_facts(
        session, attempt.id, answered_by=event.answered_by.value, disposition=refined
    )
    return "fact added", NOTHING


def _ended(
    session: Session, attempt: LockedAttempt, event: CallEvent, now: datetime
) -> tuple[str, FollowUp]:
    if attempt.status is AttemptStatus.ENDED and not attempt.provisional:
        return "late", NOTHING
    disposition = _disposition(session, attempt, event)
    if disposition is Disposition.UNKNOWN:
        if attempt.status is not AttemptStatus.ENDED:
            # Over, but nothing says whether anybody answered: the provider's log will.
            call_status.note_in_doubt(session, attempt.id, "ended without saying how", now)
        return "to be looked up", NOTHING
    _end(session, attempt, disposition, event.end_reason, now)
    return "applied", NOTHING


def _disposition(session: Session, attempt: LockedAttempt, event: CallEvent) -> Disposition:
    """How the call ended, from the event and from what was known before it."""
    pressed = _pressed(session, attempt.id)
    if pressed is not None:
        return pressed
    known = event.disposition or Disposition.UNKNOWN
    if attempt.answered_at is not None or attempt.status is AttemptStatus.IN_PROGRESS:
        return _answered_disposition(attempt, event.answered_by)
    if known in ANSWERED:
        return _answered_disposition(attempt, event.answered_by)
    return known


def _pressed(session: Session, attempt_id: int) -> Disposition | None:
    """What the keys say about the call: a person was there, and perhaps wants no other call."""
    meanings = responses.meanings_of(session, attempt_id)
    if not meanings:
        return None
    return Disposition.OPTED_OUT if "opt_out" in meanings else Disposition.ANSWERED_HUMAN


def note_keypress(session: Session, attempt_id: int, now: datetime) -> None:
    """A key was pressed: a person is on the phone, whatever the events have said so far.

    The attempt is in progress at once, so that an opt-out does not cut off the very call in which
    it was said; one that has ended already ends as the keys say. The response is stored before.
    """
    attempt = call_status.lock_attempt(session, attempt_id)
    if attempt is None:
        return
    if attempt.status in (AttemptStatus.DIALING, AttemptStatus.RINGING):
        call_status.move_forward(session, attempt.id, AttemptStatus.IN_PROGRESS, now)
    elif attempt.status is AttemptStatus.ENDED:
        pressed = _pressed(session, attempt.id)
        if pressed is not None and pressed is not attempt.disposition:
            _end(session, attempt, pressed, None, now)


def _answered_disposition(attempt: LockedAttempt, by: AnsweredBy | None) -> Disposition:
    who = AnsweredBy(attempt.answered_by) if attempt.answered_by else by
    return DISPOSITION_OF[who or AnsweredBy.UNKNOWN]


def _end(
    session: Session,
    attempt: LockedAttempt,
    disposition: Disposition,
    end_reason: str | None,
    now: datetime,
) -> None:
    """End an attempt. One in which nobody's telephone rang is not counted, if we took it back or
    its number does not exist: the person has other numbers, and other days.

    That a call which we took back did not ring, only its own notifications can say. A provider's
    log does not tell; where that is all there is, the call may have rung, and counts.
    """
    never_rang = attempt.ringing_at is None and attempt.answered_at is None
    recalled = (
        disposition is Disposition.CANCELED
        and attempt.recall_requested_at is not None
        and events.end_was_notified(session, attempt.id)
    )
    nobody = recalled or disposition is Disposition.INVALID_NUMBER
    call_status.end_attempt(
        session,
        attempt.id,
        disposition,
        now,
        end_reason=end_reason,
        spent=not (nobody and never_rang),
    )
    conclude(session, attempt, disposition, now)


def end_without_word(session: Session, attempt: LockedAttempt, now: datetime) -> None:
    """Nobody can say how the call ended. It counts as made either way.

    Somebody answered: that much is known, and it is the disposition. Otherwise it is `unknown`,
    provisional until the carrier says a word, and left for a person to review.
    """
    if attempt.answered_at is not None:
        _end(session, attempt, _answered_disposition(attempt, None), "no word of its end", now)
        return
    call_status.end_attempt(
        session,
        attempt.id,
        Disposition.UNKNOWN,
        now,
        end_reason="no word of its end",
        spent=True,
        provisional=True,
    )
    conclude(session, attempt, Disposition.UNKNOWN, now)
