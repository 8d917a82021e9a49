"""One tick, in one transaction.

Only the leader ticks, and the lease is renewed inside the same transaction, so a scheduler that
froze and woke up finds its term gone and changes nothing. The caller commits and only then sends
the hints; a hint that is lost costs one slot, never a call.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import gates
from campaigns.compliance import UnreadableRules
from campaigns.dispatcher.account import dispatch_account
from campaigns.dispatcher.hours import OpenHours
from campaigns.dispatcher.slots import SlotBook
from campaigns.gates import Installation
from campaigns.outcomes import release_cancelled
from campaigns.pacing import DEADLINE_NEAR_SECONDS
from campaigns.phrases import clause
from campaigns.store import attempts, dispatch, recipients
from campaigns.store import rules as store_rules

# A call that was accepted this long ago and has not rung is in doubt, not in the provider's queue.
WAITING_SECONDS = 60.0
# The public URL is probed every two seconds; older news than this is no news.
PROBE_SECONDS = 10.0
# A queued slot this far beyond the look-ahead was given by a clock that has since gone back.
IMPOSSIBLE_SECONDS = 5.0
NEAR = timedelta(seconds=DEADLINE_NEAR_SECONDS)


@dataclass(frozen=True, slots=True)
class Leadership:
    """Which scheduler ticks: its name and the term under which it took the lease."""

    holder: str
    term: int


@dataclass(frozen=True, slots=True)
class TickRules:
    """The tick's settings, in seconds."""

    lookahead: float = 0.7
    slot_grace: float = 0.25
    heartbeat_limit: float = 3.0
    lease: float = 3.0
    live_allowed: bool = False


@dataclass(slots=True)
class TickReport:
    """What a tick did. `batches` are attempt ids to hint, each at most a quarter second long."""

    leader: bool = True
    blocked: str | None = None
    released: int = 0
    batches: list[list[int]] = field(default_factory=list)

    @property
    def given(self) -> int:
        """How many slots were given."""
        return sum(map(len, self.batches))


def tick(
    session: Session,
    leadership: Leadership,
    rules: TickRules,
    now: datetime,
    hours: OpenHours,
    *,
    publish_failing: bool = False,
) -> TickReport:
    """One tick at `now`, the database's clock. The caller commits, then sends the hints."""
    if not dispatch.renew_lease(session, leadership.holder, leadership.term, rules.lease):
        return TickReport(leader=False)
    horizon = now + timedelta(seconds=rules.lookahead)
    overdue = attempts.cancel_overdue_queued_attempts(
        session, now, horizon + timedelta(seconds=IMPOSSIBLE_SECONDS)
    )
    release_cancelled(session, overdue, now)
    report = TickReport(released=len(overdue), blocked=why_blocked(session, rules, now))
    if report.blocked is not None:
        return report
    try:
        rulebook = store_rules.current_rulebook(session)
    except UnreadableRules as error:
        report.blocked = str(error)
        return report
    running = dispatch.lock_running_campaigns(session, now, rules.live_allowed)
    loads = dispatch.account_loads(
        session,
        sorted({campaign.account_id for campaign in running}),
        now,
        now - timedelta(seconds=WAITING_SECONDS),
        rules.slot_grace,
    )
    hours.refresh(recipients.places_by_key(session), rulebook, now)
    near = dispatch.nearest_deadlines(session, now, now + NEAR) if running else {}
    book = SlotBook(now, horizon)
    for load in loads:
        report.batches += dispatch_account(
            session,
            load,
            [campaign for campaign in running if campaign.account_id == load.id],
            hours,
            book,
            near=near,
            grace=timedelta(seconds=rules.slot_grace),
            publish_failing=publish_failing,
        )
    return report


def why_blocked(session: Session, rules: TickRules, now: datetime) -> str | None:
    """Why no slot may be given at all; None when slots may be given.

    Nobody may pick up a silent phone: without a web process that answers under the public URL,
    whoever is called would hear nothing.
    """
    since = now - timedelta(seconds=rules.heartbeat_limit)
    probed = now - timedelta(seconds=PROBE_SECONDS)
    return blocked_by(
        Installation(
            dialling=dispatch.dialing_enabled(session),
            web_alive=dispatch.fresh_heartbeats(session, "web", since) > 0,
            url_answers=dispatch.fresh_heartbeats(session, "public_url", probed) > 0,
            live_allowed=rules.live_allowed,
            heartbeat_limit=rules.heartbeat_limit,
        )
    )


def blocked_by(here: Installation) -> str | None:
    """The same from facts that are known; reports ask it with theirs."""
    refusal = gates.installation_refusal(here)
    return None if refusal is None else clause(refusal.evidence)
