"""One account's part of a tick: how many slots it may be given, and who gets which."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import pacing
from campaigns.dispatcher.campaign import CampaignDesk, Ready
from campaigns.dispatcher.hours import OpenHours
from campaigns.errors import InvalidInput
from campaigns.store import attempts, dispatch
from campaigns.store.attempts import PlannedAttempt
from campaigns.store.dispatch import AccountLoad, RunningCampaign

log = logging.getLogger(__name__)

# The soonest a slot may be: its hint has to travel first.
LEAD_SECONDS = 0.12
# A hint carries at most this many seconds of slots: long enough to be cheap, short enough that
# losing one costs little and several workers share the work evenly.
BATCH = timedelta(seconds=0.25)
PROBE_EVERY = timedelta(seconds=1)


@dataclass(slots=True)
class Pace:
    """One rate limit with its state, moved on by every slot given under it."""

    scope: pacing.Scope

    @classmethod
    def at(cls, next_free: datetime | None, cps: float, now: datetime, lookahead: float) -> "Pace":
        """A limit of `cps`, its state clamped against a clock that stepped back."""
        state = pacing.clamp(pacing.SlotState(next_free), now, cps, lookahead)
        return cls(pacing.Scope(state, cps))


class SlotBook:
    """Gives slots that satisfy every limit on their way: account, group, caller id, campaign.

    One book serves a whole tick, since several accounts may share one group's limit.
    """

    def __init__(self, now: datetime, horizon: datetime) -> None:
        self.now, self._horizon = now, horizon
        self._lookahead = (horizon - now).total_seconds()
        self._soonest = now + timedelta(seconds=LEAD_SECONDS)
        self._groups: dict[str, Pace] = {}

    def group(self, load: AccountLoad) -> Pace | None:
        """The limit of the account's pacing group, as the accounts before it left it."""
        if load.pacing_group is None or load.group_cps is None:
            return None
        if load.pacing_group not in self._groups:
            self._groups[load.pacing_group] = Pace.at(
                load.group_next_free, load.group_cps, self.now, self._lookahead
            )
        return self._groups[load.pacing_group]

    def pace(self, next_free: datetime | None, cps: float | None) -> Pace | None:
        """A limit, or None where there is none."""
        return Pace.at(next_free, cps, self.now, self._lookahead) if cps else None

    def available(self, paces: Sequence[Pace | None], most: int) -> int:
        """How many slots fit under all of these limits before the horizon."""
        scopes = [pace.scope for pace in paces if pace is not None]
        if not scopes:
            return max(most, 0)
        slots, _ = pacing.take_slots_in(scopes, self.now, self._horizon, max(most, 0), LEAD_SECONDS)
        return len(slots)

    def earliest(self, paces: Sequence[Pace | None]) -> datetime:
        """When the next slot that satisfies them all falls, be it before the horizon or not."""
        states = [pace.scope.state.next_free for pace in paces if pace is not None]
        return max([self._soonest, *(state for state in states if state is not None)])

    def take(self, paces: Sequence[Pace | None]) -> datetime | None:
        """The next slot that satisfies them all; None when there is none before the horizon."""
        real = [pace for pace in paces if pace is not None]
        slots, states = pacing.take_slots_in(
            [pace.scope for pace in real], self.now, self._horizon, 1, LEAD_SECONDS
        )
        for pace, state in zip(real, states, strict=True):
            pace.scope = replace(pace.scope, state=state)
        return slots[0] if slots else None


def dispatch_account(
    session: Session,
    load: AccountLoad,
    campaigns: Sequence[RunningCampaign],
    hours: OpenHours,
    book: SlotBook,
    *,
    near: Mapping[int, datetime],
    grace: timedelta,
    publish_failing: bool,
) -> list[list[int]]:
    """Queue attempts for one account's campaigns; returns their ids in batches to hint.

    `near` are the deadlines that are near, by campaign.
    """
    rate = pacing.slowed_cps(load.cps, load.slowed, book.now)
    account = book.pace(load.next_free, rate)
    group = book.group(load)
    allowance = book.available(
        [account, group], _free_slots(load, book.now, publish_failing=publish_failing)
    )
    desks = _desks(session, load, campaigns, hours, book.now)
    callers = {c.caller_id_id: book.pace(c.caller_next_free, c.caller_cps) for c in campaigns}
    own = {
        c.id: book.pace(c.next_free, own_limit(c, rate, book.now, live=load.live))
        for c in campaigns
    }
    limits = {
        c.id: book.available([callers[c.caller_id_id], own[c.id]], allowance) for c in campaigns
    }
    left = _share_out(desks, allowance, limits, near, load.turns)
    planned = _give_slots(session, desks, book, (account, group), callers, own, grace)
    if planned:
        attempts.insert_planned_attempts(session, planned)
    for desk in desks:
        desk.settle()
    _save(session, load, load.turns + allowance - left, account, group, callers, desks, own)
    return list(_batches(planned))


def _desks(
    session: Session,
    load: AccountLoad,
    campaigns: Sequence[RunningCampaign],
    hours: OpenHours,
    now: datetime,
) -> list[CampaignDesk]:
    """The campaigns' desks. One whose rules cannot be read calls nobody and stops nobody else."""
    desks = []
    for campaign in campaigns:
        try:
            desks.append(CampaignDesk(session, campaign, load, hours, now))
        except InvalidInput as error:
            log.error("campaign %d cannot be dialled: %s", campaign.id, error)
    return desks


def _free_slots(load: AccountLoad, now: datetime, *, publish_failing: bool) -> int:
    """What concurrency and the provider's own queue leave; one a second while probing.

    A call that waits in the provider's queue rings whenever the provider likes, after a pause or
    after hours, so as few as possible may be waiting there.
    """
    free = min(
        load.max_concurrent - load.open_calls,
        load.max_waiting - load.waiting_calls,
    )
    if pacing.probe_mode(load.slots_last_second, load.slots_missed, publish_failing):
        # Workers are dead or hints do not arrive. A single slot a second finds out when that is
        # over, and the rows written meanwhile stay bounded.
        last = load.last_slot_at
        free = min(free, 1 if last is None or last <= now - PROBE_EVERY else 0)
    return max(free, 0)


def own_limit(campaign: RunningCampaign, rate: float, now: datetime, *, live: bool) -> float | None:
    """A campaign's own calls per second, lower while it grows; None: as its account."""
    ramp = pacing.ramp_of(campaign.ramp, live=live)
    return pacing.ramped_cps(campaign.max_cps, rate, ramp, campaign.ramp_since, now)


def _share_out(
    desks: Sequence[CampaignDesk],
    allowance: int,
    limits: Mapping[int, int],
    near: Mapping[int, datetime],
    turn: int,
) -> int:
    """Let the campaigns take due recipients by deadline and weight; returns what nobody could use.

    What one campaign cannot use goes to the others.
    """
    hungry = {desk.id: desk for desk in desks if limits[desk.id] > 0}
    left = allowance
    while left > 0 and hungry:
        shares = [_wish(desk, limits[desk.id], near.get(desk.id)) for desk in hungry.values()]
        division = pacing.share_with_deadlines(left, shares, turn + allowance - left)
        for campaign_id, quota in division.given.items():
            desk = hungry[campaign_id]
            found = desk.take(quota, free=division.hurried[campaign_id]) if quota else 0
            left -= found
            if found < quota or len(desk.ready) >= limits[campaign_id]:
                del hungry[campaign_id]
        if not any(division.given.values()):
            break
    _level(desks, allowance, limits)
    return left


def _wish(desk: CampaignDesk, limit: int, deadline: datetime | None) -> pacing.Share[int]:
    hurry = (deadline - desk.now).total_seconds() if deadline is not None else None
    return pacing.Share(desk.id, desk.weight, desk.vtime, limit - len(desk.ready), hurry)


def _level(desks: Sequence[CampaignDesk], allowance: int, limits: Mapping[int, int]) -> None:
    """Nobody saves up a share: neither who has nobody due nor who is held back by limits of its
    own. So there is no burst when somebody is due, when a limit is raised or a ramp has ended."""
    behind = {desk.id for desk in desks if desk.sated or limits[desk.id] < allowance}
    wanting = [desk.vtime for desk in desks if desk.id not in behind]
    floor = min(wanting) if wanting else max((desk.vtime for desk in desks), default=0.0)
    for desk in desks:
        if desk.id in behind:
            desk.vtime = max(desk.vtime, floor)


def _give_slots(
    session: Session,
    desks: Sequence[CampaignDesk],
    book: SlotBook,
    shared: tuple[Pace | None, Pace | None],
    callers: dict[int, Pace | None],
    own: dict[int, Pace | None],
    grace: timedelta,
) -> list[PlannedAttempt]:
    """Slots for everybody who is ready, each time to the campaign that can use the next one.

    Campaigns that can use it equally soon take turns by weight. A campaign whose own limit lets
    it go later only comes later: a slot held for it would be a gap for all the others.
    """
    paces = {
        desk.id: [*shared, callers[desk.campaign.caller_id_id], own[desk.id]] for desk in desks
    }
    planned: list[PlannedAttempt] = []
    turn = dict.fromkeys(paces, 0)
    waiting = [desk for desk in desks if desk.ready]
    while waiting:
        desk = min(
            waiting,
            key=lambda desk: (book.earliest(paces[desk.id]), (turn[desk.id] + 1) / desk.weight),
        )
        one = desk.ready[turn[desk.id]]
        slot = book.take(paces[desk.id])
        if slot is None:
            desk.put_back(one)
        else:
            planned.append(_plan(desk.campaign, one, slot, grace))
        turn[desk.id] += 1
        waiting = [desk for desk in waiting if turn[desk.id] < len(desk.ready)]
    return planned


def _plan(
    campaign: RunningCampaign, one: Ready, slot: datetime, grace: timedelta
) -> PlannedAttempt:
    return PlannedAttempt(
        id=one.attempt_id,
        recipient_id=one.recipient.id,
        campaign_id=campaign.id,
        account_id=campaign.account_id,
        caller_id_id=campaign.caller_id_id,
        number=one.recipient.number,
        slot_at=slot,
        not_after=min(slot + grace, one.open_until),
        open_until=one.open_until,
        rule_version=one.rule_version,
    )


def _save(
    session: Session,
    load: AccountLoad,
    turns: int,
    account: Pace | None,
    group: Pace | None,
    callers: dict[int, Pace | None],
    desks: Sequence[CampaignDesk],
    own: dict[int, Pace | None],
) -> None:
    if account is not None:
        dispatch.save_account_pacing(session, load.id, account.scope.state.next_free, turns)
    if group is not None and load.pacing_group is not None:
        dispatch.save_group_pacing(session, load.pacing_group, group.scope.state.next_free)
    for caller_id, pace in callers.items():
        if pace is not None:
            dispatch.save_caller_pacing(session, caller_id, pace.scope.state.next_free)
    for desk in desks:
        pace = own[desk.id]
        next_free = pace.scope.state.next_free if pace is not None else None
        dispatch.save_campaign_pacing(session, desk.id, next_free, desk.vtime)


def _batches(planned: Sequence[PlannedAttempt]) -> Iterator[list[int]]:
    """Attempt ids in slot order, cut so that each batch spans at most a quarter second."""
    batch: list[int] = []
    start: datetime | None = None
    for one in sorted(planned, key=lambda planned: planned.slot_at):
        if start is not None and one.slot_at - start >= BATCH:
            yield batch
            batch, start = [], None
        start = start or one.slot_at
        batch.append(one.id)
    if batch:
        yield batch
