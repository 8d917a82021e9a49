"""Sweepers: each repairs one kind of silence, and may run twice or not at all without harm.

They run in the leading scheduler. Look-ups ask the provider outside any transaction.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns import phrases
from campaigns.calls import CallEvent, LookupQuery, LookupResult, LookupState
from campaigns.crash_points import crash_point
from campaigns.db import database_now, transaction
from campaigns.lifecycle import LIVE, AttemptStatus
from campaigns.outcomes import release_cancelled
from campaigns.provisioning import Carrier
from campaigns.recording import apply_event, end_without_word
from campaigns.store import attempts, call_status, dispatch, events, recalls, recipients
from campaigns.store.call_status import LockedAttempt
from campaigns.store.recalls import SilentAttempt
from campaigns.store.recipients import Overdue

log = logging.getLogger(__name__)

# Seconds of silence after which the provider is asked, per status; scaled by the account's time
# scale. Ringing is counted from the ring time-out on.
SILENT_DIALING = 60.0
SILENT_RINGING = 60.0
SILENT_IN_PROGRESS = 420.0  # the longest call, 300 s, and two minutes
LOOK_AGAIN = 60.0
# A round of look-ups asks for no longer than this: a scheduler that is stopped waits for the
# round, and whoever was not asked about comes first in the next.
ROUND_SECONDS = 5.0
# An attempt in doubt is given up as never placed only by this many look-ups in a row that found
# nothing, after the quarantine, each at least LOOK_AGAIN after the one before.
EMPTY_LOOKUPS = 2
# No quarantine on a live account is shorter: a provider's queue and its listings lag.
LIVE_QUARANTINE = 900.0
# No worker waits longer than this for the answer to its POST (time-outs to connect, to write and
# to read, and the limit of a whole body), whatever the account's time scale: until then a call may
# yet be placed, and no look-up can say that it never was.
POST_SECONDS = 45.0
# Calls of other attempts on the number are known to a look-up from so long before the claim on: a
# provider may search further back than the claim when our clock is not to be trusted.
KNOWN_BEFORE = timedelta(days=3)
# After this long without any word the call counts as made and its end as unknown.
GIVE_UP = 86400.0
# Events are applied by the request that brought them; older ones were left behind by a crash.
LEFTOVER_SECONDS = 2.0
RECALL_AGAIN_SECONDS = 2.0
# A process that gave no sign of life for so long was killed: one that stops takes its sign back.
DEAD_SECONDS = 900.0

NOTHING_LEARNT = (LookupState.UNREACHABLE, LookupState.UNREADABLE)

CarrierOf = Callable[[int], Carrier]


@dataclass(frozen=True, slots=True)
class SweepRules:
    """The sweepers' settings. `quarantine` is seconds, before scaling.

    `steady_since` is when the database's clock began to run evenly, as far as known: what has to
    be waited for begins no earlier, or a clock put ahead would end it.
    """

    quarantine: float = LIVE_QUARANTINE
    steady_since: datetime | None = None

    def surely_before(self, one: datetime) -> bool:
        """Whether the clock ran evenly before `one` already: an instant that it shows twice
        belongs to nobody."""
        return self.steady_since is None or self.steady_since < one

    def since(self, one: datetime) -> datetime:
        """From when on a wait that began at `one` counts."""
        return one if self.steady_since is None else max(one, self.steady_since)


def apply_leftover_events(engine: Engine) -> list[int]:
    """Apply events that were stored but not applied; returns attempts to be recalled."""
    with transaction(engine) as session:
        before = database_now(session) - timedelta(seconds=LEFTOVER_SECONDS)
        leftover = events.leftover_events(session, before)
    wanted_back: list[int] = []
    for event_id in leftover:
        try:
            with transaction(engine) as session:
                follow = apply_event(session, event_id, database_now(session))
        except OperationalError:
            raise  # the database is away or busy: the others would fare no better
        except Exception:  # one event that cannot be applied must not keep the others waiting
            log.exception("event %d cannot be applied", event_id)
        else:
            crash_point("leftover_applied")
            wanted_back += follow.recall
    return wanted_back


def recalls_due(engine: Engine) -> list[int]:
    """Attempts whose recall has to be asked for again."""
    with transaction(engine) as session:
        now = database_now(session)
        return recalls.recalls_to_repeat(session, now - timedelta(seconds=RECALL_AGAIN_SECONDS))


def expire_deadlines(engine: Engine) -> int:
    """Expire whoever waits past their deadline, in open and in closed hours alike."""
    with transaction(engine) as session:
        now = database_now(session)
        found = recipients.expire_overdue_recipients(session, now)
        for one in found:
            told = _told_of(one)
            dispatch.write_log(session, told, now, campaign_id=one.campaign_id)
    return sum(one.people for one in found)


def _told_of(overdue: Overdue) -> str:
    people = phrases.people(overdue.people)
    was = "was" if overdue.people == 1 else "were"
    told = f"{people} {was} not reached before the deadline"
    if not overdue.again:
        return f"{told}."
    whose = "they have" if overdue.again == overdue.people else f"{overdue.again:,} of them have"
    return f"{told}; {whose} a further reminder ahead."


def forget_dead_processes(engine: Engine) -> None:
    """Drop the signs of life of processes that died long ago; nobody waits for them any more."""
    with transaction(engine) as session:
        before = database_now(session) - timedelta(seconds=DEAD_SECONDS)
        dispatch.forget_old_heartbeats(session, before)


def look_up_silent_attempts(engine: Engine, carrier_of: CarrierOf, rules: SweepRules) -> int:
    """Ask the providers about attempts that have been silent for too long; returns how many are.

    A provider that does not answer is not asked again in this round, and its other attempts go
    to the back of the queue, so that they do not keep other accounts' waiting.
    """
    with transaction(engine) as session:
        silent = recalls.silent_attempts(
            session,
            database_now(session),
            dialing=SILENT_DIALING,
            ringing=SILENT_RINGING,
            in_progress=SILENT_IN_PROGRESS,
            again=LOOK_AGAIN,
        )
    unreachable: set[int] = set()
    until = time.monotonic() + ROUND_SECONDS
    for one in silent:
        if one.account_id in unreachable:
            result = LookupResult(LookupState.UNREACHABLE, detail="not asked again")
        elif time.monotonic() > until:
            continue
        else:
            result = _ask(engine, carrier_of, one, rules)
            crash_point("look_up_answered")
        if result.state is LookupState.UNREACHABLE:
            unreachable.add(one.account_id)  # one that answers nonsense about a call is asked on
        log.info("look-up attempt=%d found=%s %s", one.id, result.state, result.detail)
        try:
            _learn(engine, one, result, rules)
        except OperationalError:
            raise  # the database is away or busy
        except Exception:  # to the back of the queue, or it would keep all others waiting for ever
            log.exception("what was found about attempt %d cannot be applied", one.id)
            with transaction(engine) as session:
                recalls.note_lookup_failed(session, one.id, database_now(session))
    return len(silent)


def _ask(
    engine: Engine, carrier_of: CarrierOf, one: SilentAttempt, rules: SweepRules
) -> LookupResult:
    with transaction(engine) as session:
        since = one.claimed_at - KNOWN_BEFORE
        known = recalls.known_call_ids(session, one.account_id, one.number, since)
        now = database_now(session)
    query = LookupQuery(
        provider_call_id=one.provider_call_id,
        to=one.number,
        caller_id=one.caller_id,
        posted_at=one.claimed_at,
        asked_at=now,
        steady=rules.surely_before(one.claimed_at) and one.claimed_at <= now,
        known_call_ids=known,
    )
    try:
        return carrier_of(one.account_id).provider.look_up(query)
    except Exception as error:  # one account that cannot be asked must not silence the others
        log.exception("attempt %d cannot be looked up", one.id)
        return LookupResult(LookupState.UNREACHABLE, detail=type(error).__name__)


def _learn(engine: Engine, one: SilentAttempt, result: LookupResult, rules: SweepRules) -> None:
    """Apply what was found; draw the consequence of having found nothing for long enough."""
    if result.event is not None:
        _apply_found(engine, one, result.event)
    with transaction(engine) as session:
        now = database_now(session)
        if result.state in NOTHING_LEARNT:
            recalls.note_lookup_failed(session, one.id, now)
            empties, over = 0, False
        else:
            over = now - rules.since(one.claimed_at) >= quarantine_of(one, rules)
            empty = over and result.state is LookupState.ABSENT
            again = LOOK_AGAIN * one.time_scale
            empties = recalls.note_lookup(session, one.id, now, empty=empty, again=again)
        _conclude_silence(session, one, result, empties, now, rules, over=over)


def _apply_found(engine: Engine, one: SilentAttempt, event: CallEvent) -> None:
    """The provider's own word goes the same road as a webhook's: stored, then applied."""
    with transaction(engine) as session:
        stored = events.store_event(session, one.id, event, "", "look-up")
    if stored is not None:
        crash_point("look_up_stored")
        with transaction(engine) as session:
            apply_event(session, *stored)


def quarantine_of(one: SilentAttempt, rules: SweepRules) -> timedelta:
    """How long an attempt in doubt holds its number before it may be declared not placed."""
    if one.live:
        return timedelta(seconds=max(rules.quarantine, LIVE_QUARANTINE))
    return timedelta(seconds=rules.quarantine * one.time_scale)


def _conclude_silence(
    session: Session,
    one: SilentAttempt,
    result: LookupResult,
    empties: int,
    now: datetime,
    rules: SweepRules,
    *,
    over: bool,
) -> None:
    """End what the look-ups can say no more about; `over` is the quarantine."""
    attempt = call_status.lock_attempt(session, one.id)
    if attempt is None or attempt.status not in LIVE:
        return
    # A clock put ahead by a day ends nothing: a quarantine of steady time is waited for as well.
    waited = now - rules.since(one.claimed_at) >= quarantine_of(one, rules)
    endless = waited and now - one.claimed_at >= timedelta(seconds=GIVE_UP * one.time_scale)
    ended_somehow = result.state is LookupState.ENDED and attempt.in_doubt_at is not None
    unclear = over and result.state is LookupState.AMBIGUOUS
    if empties >= EMPTY_LOOKUPS and _may_still_be_posted(attempt, rules, now):
        return
    if empties >= EMPTY_LOOKUPS and _never_placed(session, attempt, result):
        cancelled = attempts.cancel_claimed_attempts(session, [one.id], None, "not_placed", now)
        release_cancelled(session, cancelled, now)
    elif empties >= EMPTY_LOOKUPS or unclear or endless or ended_somehow:
        end_without_word(session, attempt, now)


def _may_still_be_posted(attempt: LockedAttempt, rules: SweepRules, now: datetime) -> bool:
    """Whether a worker may still be waiting for the answer to this attempt's POST."""
    unanswered = attempt.accepted_at is None and attempt.in_doubt_at is None
    assert attempt.claimed_at is not None, "only claimed attempts are looked up"
    waited = now - rules.since(attempt.claimed_at)
    return unanswered and waited < timedelta(seconds=POST_SECONDS)


def _never_placed(session: Session, attempt: LockedAttempt, result: LookupResult) -> bool:
    """Whether nothing at all speaks for a call: no id, no listing that might be ours, no event,
    not even one that tells nothing, and nobody who fetched what it is to say."""
    return (
        result.state is LookupState.ABSENT
        and attempt.status is AttemptStatus.DIALING
        and attempt.provider_call_id is None
        and attempt.accepted_at is None
        and not call_status.is_heard_of(session, attempt.id)
    )
