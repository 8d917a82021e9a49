"""What the providers know of the time that a restored database has forgotten.

For every call in a provider's log that stands in no book: who has that number in a campaign of the
account, gets the call booked, with its end. Nobody answered: what follows is decided as ever.
Somebody did: which key they pressed, nobody knows, so a person must decide (review). Nobody here
has the number: their list was forgotten too, so the number is kept from being called for a while.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns import stopping
from campaigns.calls import LoggedCall
from campaigns.db import database_now
from campaigns.errors import NotAllowed
from campaigns.lifecycle import AttemptStatus, Disposition
from campaigns.models import Account
from campaigns.outcomes import conclude
from campaigns.recording import apply_event, end_without_word
from campaigns.store import call_status, dispatch, events, gate, installation
from campaigns.store.installation import Candidate, Restoration
from campaigns.store.opt_outs import NewOptOut

# Calls may stand in the log a little before the database was marked last.
BEFORE = timedelta(minutes=2)
# And long before, if the database's clock was ahead: by an hour or two where somebody had mistaken
# the zone. Of these, whatever may be a call that is known without its id is left alone.
AHEAD = timedelta(hours=3)
# A live provider's log may be late by minutes; what was called just before is in it by then.
LOG_LAG = timedelta(minutes=15)
# A live attempt's own call is in the log at most this long after its claim.
ITS_OWN = timedelta(minutes=3)
UNANSWERED = frozenset(
    {
        *(Disposition.BUSY, Disposition.NO_ANSWER, Disposition.FAILED, Disposition.REJECTED),
        *(Disposition.CARRIER_CONGESTION, Disposition.CANCELED, Disposition.INVALID_NUMBER),
    }
)
OVER = frozenset({AttemptStatus.ENDED, AttemptStatus.CANCELLED})
REVIEW = "called while the database was lost; which key was pressed is not known"
DOUBLE = "called while the database was lost, for this or another campaign"

ListCalls = Callable[[Account, datetime], Iterable[LoggedCall]]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it: calls by what became of them, and numbers of lists that were forgotten."""

    lost_since: datetime
    calls: int
    known: int
    booked: int
    to_review: int
    held: tuple[str, ...]
    still_in_doubt: int

    def as_json(self) -> dict[str, Any]:
        """For the row, and for programs."""
        return {
            "lost_since": self.lost_since.isoformat(),
            "calls": self.calls,
            "known": self.known,
            "booked": self.booked,
            "to_review": self.to_review,
            "numbers_held": len(self.held),
            "still_in_doubt": self.still_in_doubt,
        }


def allow_long_work(session: Session) -> None:
    """Providers' logs take their time, and the gate is closed meanwhile: nobody dials anyway."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def reconcile(
    session: Session,
    list_calls: ListCalls,
    *,
    since: datetime | None = None,
    hold: timedelta = timedelta(days=30),
) -> Reconciled:
    """Ask every account's provider for the lost time, book what it tells, and let dialling go on.

    All or nothing: whatever cannot be asked leaves everything as it is. `since` is for a backup
    whose own mark is not to be trusted. Raises `NotAllowed` when nothing waits to be reconciled, or
    it is too early, and what `list_calls` raises.
    """
    gate.close_gate(session)
    waiting = installation.open_restoration(session)
    if waiting is None:
        raise NotAllowed(
            "Nothing is to be reconciled: this database was not restored, as far as is known."
        )
    now = database_now(session)
    accounts = list(session.scalars(select(Account).order_by(Account.id)))
    _not_too_early(waiting, accounts, now)
    begin = min(since or waiting.lost_since, waiting.lost_since) - BEFORE
    work = _Work(session, now, begin)
    for account in accounts:
        calls = list_calls(account, begin - AHEAD)
        work.account(account, sorted(calls, key=lambda one: one.created_at))
    held = work.hold_numbers(hold)
    result = Reconciled(
        lost_since=begin,
        calls=work.counts["calls"],
        known=work.counts["known"],
        booked=work.counts["booked"],
        to_review=installation.put_to_review(session, sorted(work.review), REVIEW)
        + installation.put_to_review(session, sorted(work.doubles), DOUBLE),
        held=held,
        still_in_doubt=installation.doubtful_recipients(session),
    )
    _close(session, waiting, result, now)
    return result


def _not_too_early(waiting: Restoration, accounts: list[Account], now: datetime) -> None:
    if any(account.live for account in accounts) and now < waiting.noted_at + LOG_LAG:
        raise NotAllowed(
            f"A provider's log may be late by minutes. Nothing was changed. Reconcile after "
            f"{waiting.noted_at + LOG_LAG:%H:%M} UTC."
        )


def _close(session: Session, waiting: Restoration, result: Reconciled, now: datetime) -> None:
    installation.close_restoration(session, waiting.id, result.as_json())
    if waiting.was_enabled:
        dispatch.set_dialing_switch(session, enabled=True, reason=None)
    dispatch.write_log(
        session,
        f"Reconciled with the providers: of {result.calls} calls since "
        f"{result.lost_since:%Y-%m-%d %H:%M} UTC {result.known} stood in the books, "
        f"{result.booked} were booked, and {result.to_review} people are in review.",
        now,
    )


class _Work:
    """The calls of the lost time, one after the other."""

    def __init__(self, session: Session, now: datetime, begin: datetime) -> None:
        self._session, self._now, self._begin = session, now, begin
        self.counts: Counter[str] = Counter()
        self.review: set[int] = set()
        self.doubles: set[int] = set()
        self._nobody: dict[str, datetime] = {}

    def account(self, account: Account, calls: list[LoggedCall]) -> None:
        """The calls of one account, oldest first."""
        callers = installation.caller_ids_of(self._session, account.id)
        ours = [call for call in calls if call.caller_id in callers]
        known = installation.known_calls(self._session, account.id, [call.id for call in ours])
        early = [call.to for call in ours if call.created_at < self._begin and call.id not in known]
        since = self._begin - AHEAD - ITS_OWN
        nameless = installation.called_without_an_id(self._session, account.id, early, since)
        known |= {call.id for call in ours if call.created_at < self._begin and call.to in nameless}
        self.counts["calls"] += len(ours)
        self.counts["known"] += len(known)
        forgotten = [call for call in ours if call.id not in known]
        people = installation.candidates(
            self._session, account.id, sorted({call.to for call in forgotten})
        )
        for call in forgotten:
            self._forgotten(account, call, callers[call.caller_id], people.get(call.to, []))

    def _forgotten(
        self, account: Account, call: LoggedCall, caller: int, people: list[Candidate]
    ) -> None:
        likely = [one for one in people if caller in one.callers] or people
        if not likely:  # nobody, or only people who are through with their campaign
            self._nobody[call.to] = call.created_at
            return
        self.counts["booked"] += 1
        one = next((one for one in likely if one.attempt_id is not None), likely[0])
        if not self._is_its_own(one, call):
            self._book(account, call, caller, one)
        if call.event.disposition not in UNANSWERED:
            self.review.add(one.recipient_id)
        self.doubles |= {other.recipient_id for other in likely if other is not one}

    def _is_its_own(self, one: Candidate, call: LoggedCall) -> bool:
        """Whether the call is that of an attempt that was under way when the backup was made."""
        if one.attempt_id is None:
            return False
        attempt = call_status.lock_attempt(self._session, one.attempt_id)
        if attempt is None or attempt.claimed_at is None or attempt.provider_call_id is not None:
            return False
        if attempt.status in OVER:
            return False
        if not -BEFORE <= call.created_at - attempt.claimed_at <= ITS_OWN:
            return False
        stored = events.store_event(self._session, attempt.id, call.event, "", "look-up")
        if stored is not None:
            apply_event(self._session, *stored)
        return True

    def _book(self, account: Account, call: LoggedCall, caller: int, one: Candidate) -> None:
        """As it ended; what follows from a call that nobody answered is decided as ever."""
        disposition = call.event.disposition or Disposition.UNKNOWN
        if self._give_up_what_is_under_way(one):
            self.doubles.add(one.recipient_id)  # two calls, and nobody knows how one of them ended
        attempt_id = installation.insert_forgotten_call(
            self._session,
            {
                "recipient": one.recipient_id,
                "account": account.id,
                "caller": caller,
                "number": call.to,
                "at": call.created_at,
                "call_id": call.id,
                "answered": disposition not in UNANSWERED and disposition != Disposition.UNKNOWN,
                "now": self._now,
                "disposition": disposition.value,
                "answered_by": call.event.answered_by.value if call.event.answered_by else None,
                "end_reason": call.event.end_reason,
            },
        )
        booked = call_status.lock_attempt(self._session, attempt_id)
        if disposition in UNANSWERED and booked is not None:
            conclude(self._session, booked, disposition, self._now)

    def _give_up_what_is_under_way(self, one: Candidate) -> bool:
        """A later call proves that it is over; whether an attempt was still under way."""
        attempt = (
            None
            if one.attempt_id is None
            else call_status.lock_attempt(self._session, one.attempt_id)
        )
        if attempt is None or attempt.status in OVER:
            return False
        end_without_word(self._session, attempt, self._now)
        return True

    def hold_numbers(self, hold: timedelta) -> tuple[str, ...]:
        """Keep numbers whose lists were forgotten from being called again, for a while."""
        new = [
            NewOptOut(
                number,
                expires_at=self._now + hold,
                evidence=f"called at {at:%Y-%m-%d %H:%M} UTC, by a list that a restored database "
                "has forgotten",
            )
            for number, at in self._nobody.items()
        ]
        if new and hold:
            stopping.opt_out(self._session, new, "cli", self._now)
        return tuple(self._nobody)
