"""One account's part of a tick: how many slots it may be given, and who gets which."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import pacing
from campaigns.dispatcher.callers import Caller, Callers
from campaigns.dispatcher.campaign import CampaignDesk, Ready
from campaigns.dispatcher.hours import OpenHours
from campaigns.dispatcher.slots import Pace, SlotBook
from campaigns.errors import InvalidInput
from campaigns.store import attempts, dispatch
from campaigns.store.attempts import PlannedAttempt
from campaigns.store.dispatch import AccountLoad, RunningCampaign

log = logging.getLogger(__name__)

# A hint carries at most this many seconds of slots: long enough to be cheap, short enough that
# losing one costs little and several workers share the work evenly.
BATCH = timedelta(seconds=0.25)
PROBE_EVERY = timedelta(seconds=1)


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
    callers = Callers(session, load, campaigns, book)
    own = {
        c.id: book.pace(c.next_free, own_limit(c, rate, book.now, live=load.live))
        for c in campaigns
    }
    limits = {
        c.id: callers.available(c.id, book.available([own[c.id]], allowance)) for c in campaigns
    }
    left = _share_out(desks, allowance, limits, near, load.turns)
    callers.remember_shown([one.recipient.id for desk in desks for one in desk.ready])
    planned = _give_slots(desks, book, (account, group), callers, own, grace)
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
    desks: Sequence[CampaignDesk],
    book: SlotBook,
    shared: tuple[Pace | None, Pace | None],
    callers: Callers,
    own: Mapping[int, Pace | None],
    grace: timedelta,
) -> list[PlannedAttempt]:
    """Slots for everybody who is ready, each time to the campaign that can use the next one.

    Campaigns that can use it equally soon take turns by weight. A campaign whose own limit lets
    it go later only comes later: a slot held for it would be a gap for all the others.
    """
    planned: list[PlannedAttempt] = []
    turn = {desk.id: 0 for desk in desks}
    waiting = [desk for desk in desks if desk.ready]
    while waiting:
        heads = [
            _head(desk, turn[desk.id], book, shared, callers, own[desk.id]) for desk in waiting
        ]
        head = min(
            heads, key=lambda head: (head.earliest, (turn[head.desk.id] + 1) / head.desk.weight)
        )
        slot = book.take(head.paces) if head.caller is not None else None
        if slot is None or head.caller is None:
            head.desk.put_back(head.one)
        else:
            head.caller.used(slot)
            planned.append(_plan(head.desk.campaign, head.one, head.caller.id, slot, grace))
        turn[head.desk.id] += 1
        waiting = [desk for desk in waiting if turn[desk.id] < len(desk.ready)]
    return planned


@dataclass(frozen=True, slots=True)
class _Head:
    """Who is first in a campaign's line, the number they are shown, and when that can be."""

    desk: CampaignDesk
    one: Ready
    caller: Caller | None
    paces: list[Pace | None]
    earliest: datetime


def _head(
    desk: CampaignDesk,
    turn: int,
    book: SlotBook,
    shared: tuple[Pace | None, Pace | None],
    callers: Callers,
    own: Pace | None,
) -> _Head:
    one = desk.ready[turn]
    caller = callers.choose(desk.campaign, one.recipient)
    paces = [*shared, own, caller.pace if caller is not None else None]
    return _Head(desk, one, caller, paces, book.earliest(paces))


def _plan(
    campaign: RunningCampaign, one: Ready, caller_id_id: int, slot: datetime, grace: timedelta
) -> PlannedAttempt:
    return PlannedAttempt(
        id=one.attempt_id,
        recipient_id=one.recipient.id,
        campaign_id=campaign.id,
        account_id=campaign.account_id,
        caller_id_id=caller_id_id,
        number=one.recipient.number,
        slot_at=slot,
        not_after=min(slot + grace, one.open_until),
        open_until=one.open_until,
        rule_version=one.rule_version,
        consent_id=one.consent_id,
        gate_inputs=one.gate_inputs,
    )


def _save(
    session: Session,
    load: AccountLoad,
    turns: int,
    account: Pace | None,
    group: Pace | None,
    callers: Callers,
    desks: Sequence[CampaignDesk],
    own: dict[int, Pace | None],
) -> None:
    if account is not None:
        dispatch.save_account_pacing(session, load.id, account.scope.state.next_free, turns)
    if group is not None and load.pacing_group is not None:
        dispatch.save_group_pacing(session, load.pacing_group, group.scope.state.next_free)
    callers.save()
    for desk in desks:
        pace = own[desk.id]
        next_free = pace.scope.state.next_free if pace is not None else None
        dispatch.save_campaign_pacing(session, desk.id, next_free, desk.vtime, desk.served)


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
