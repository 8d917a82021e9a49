"""The safety stop: what calls badly is paused before it does more harm, and says why in figures.

Whatever it pauses is paused as by a person: the gate is closed, what is queued is put back, and
calls that do not ring yet are taken back. Nobody is lost, and a person decides how to go on.
"""

import logging
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import compliance, safety
from campaigns.campaigning import pause_campaign
from campaigns.compliance import AbandonLimit
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput, OutdialError
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Campaign
from campaigns.phrases import some
from campaigns.safety import Measure, SafetyPolicy, Scope, Stop
from campaigns.slowing import slow_down
from campaigns.stopping import pause_account, pause_caller_id
from campaigns.store import abandoned_calls, accounts, gate, rules
from campaigns.store import safety as latest
from campaigns.store.abandoned_calls import DiallingCampaign
from campaigns.store.safety import WatchedAccount

log = logging.getLogger(__name__)

# Of a campaign's abandoned calls so many tell to which places they go.
_MOST_LOOKED_AT = 100


def watch(engine: Engine) -> list[int]:
    """Judge every account that dials; returns the calls to be recalled, all of it committed.

    Read first, without the gate; where something is to be stopped it is read again behind it.
    """
    with transaction(engine) as session:
        watched = latest.watched_accounts(session)
    recalled: list[int] = []
    for account in watched:
        try:
            recalled += _watch_one(engine, account)
        except OutdialError as error:  # one account's trouble is no other's
            log.error("account %d cannot be judged: %s", account.id, error)
    return recalled + _watch_silence(engine)


def _watch_silence(engine: Engine) -> list[int]:
    """Pause the campaigns of which more calls met silence than their rules allow."""
    recalled: list[int] = []
    with transaction(engine) as session:
        dialling = abandoned_calls.campaigns_that_dial(session)
    for campaign in dialling:
        try:
            with transaction(engine) as session:
                over = _over_limit(session, campaign, database_now(session))
            if over:
                with transaction(engine) as session:
                    recalled += _hold_silent(session, campaign.id)
        except OutdialError as error:  # one campaign's trouble is no other's
            log.error("campaign %d cannot be judged: %s", campaign.id, error)
    return recalled


def _hold_silent(session: Session, campaign_id: int) -> list[int]:
    """The same behind the gate: read again, and paused if it is so."""
    gate.close_gate(session)
    now = database_now(session)
    for campaign in abandoned_calls.campaigns_that_dial(session):
        if campaign.id == campaign_id and (why := _over_limit(session, campaign, now)):
            return pause_campaign(session, campaign_id, now, why, by_itself=True)
    return []


def _over_limit(session: Session, campaign: DiallingCampaign, now: datetime) -> str | None:
    """Why a campaign must not go on, by the first limit it exceeds; None: it may.

    The limits that bind are those of the places to which abandoned calls went.
    """
    latest = abandoned_calls.latest_abandoned_calls(session, campaign.id, _MOST_LOOKED_AT)
    fresh = [
        one for one in latest if not campaign.judged_from or one.ended_at > campaign.judged_from
    ]
    if len(fresh) < safety.LEAST_ABANDONED:
        return None
    book = rules.current_rulebook(session)
    places = {one.place: None for one in latest}
    bound = [compliance.applied_to(book, campaign, place, now).abandon for place in places]
    for limit in dict.fromkeys(chain.from_iterable(bound)):
        since = now - timedelta(days=limit.days)
        silent, answered = abandoned_calls.abandoned_and_answered(session, campaign.id, since)
        if safety.exceeds(limit, silent, answered, len(fresh)):
            return _why_silent(limit, silent, answered)
    return None


def _why_silent(limit: AbandonLimit, silent: int, answered: int) -> str:
    return (
        f"{silent:,} of the {some(answered, 'call')} that people answered in {limit.days} days met "
        f"silence, {100 * silent / answered:.1f} %, and the rule {limit.rule} allows "
        f"{limit.percent:g} %. Nobody was lost: find out why nothing was said to them (was the web "
        "process away, or the public URL?), then resume"
    )


def _watch_one(engine: Engine, account: WatchedAccount) -> list[int]:
    policy = policy_of(account)
    with transaction(engine) as session:
        seen = latest.latest_calls(session, account, policy)
        stops = safety.judge(policy, account.id, seen.account, seen.callers, seen.campaigns)
        if not stops and safety.is_congested(policy, seen.congested, seen.since):
            _slow_down(session, account.id, seen.congested, seen.since)
    if not stops:
        return []
    with transaction(engine) as session:
        return hold(session, account)


def policy_of(account: WatchedAccount) -> SafetyPolicy:
    """The account's limits; the defaults where its row cannot be read."""
    try:
        return SafetyPolicy.parse(account.safety)
    except InvalidInput as error:
        log.error("account %d has no readable safety policy: %s", account.id, error)
        return SafetyPolicy()


def hold(session: Session, account: WatchedAccount) -> list[int]:
    """Stop what is out of line on one account; returns the calls to recall after the commit.

    Gate, account, attempts: whoever stops calls locks in this order.
    """
    gate.close_gate(session)
    accounts.lock_account(session, account.id)
    now, policy = database_now(session), policy_of(account)
    seen = latest.latest_calls(session, account, policy)
    recalled: list[int] = []
    for stop in safety.judge(policy, account.id, seen.account, seen.callers, seen.campaigns):
        if stop.scope is Scope.CAMPAIGN:
            if session.get_one(Campaign, stop.id).status == CampaignStatus.RUNNING:
                why = _why(stop)
                recalled += pause_campaign(session, stop.id, now, why, by_itself=True)
        elif stop.scope is Scope.CALLER_ID:
            number = latest.number_of(session, stop.id)
            recalled += pause_caller_id(session, stop.id, _caller_sentence(stop, number), now)
        else:
            sentence = _account_sentence(stop, account.name)
            recalled += pause_account(session, account.id, sentence, now)
    return recalled


def _slow_down(session: Session, account_id: int, congested: int, calls: int) -> None:
    known = accounts.lock_account(session, account_id)
    now = database_now(session)
    why = f"{congested} of the latest {calls} calls met a full network"
    slow_down(session, account_id, known, why, now, now)


def _figures(stop: Stop) -> str:
    """ "12 of the last 20 calls", and within how long."""
    bad, of = stop.tally.bad(stop.measure)
    what = {
        Measure.FAILED: f"{bad} of the last {of} calls%s failed",
        Measure.SHORT: f"{bad} of the last {of} answered calls%s were over within seconds",
        Measure.INVALID: f"{bad} of the last {of} numbers do not exist",
    }[stop.measure]
    first, last = stop.tally.first_at, stop.tally.last_at
    within = f" within {_length(last - first)}" if first is not None and last is not None else ""
    return what if stop.measure is Measure.INVALID else what + within


def _why(stop: Stop) -> str:
    return (
        f"{_figures(stop)}. The list may be old, or its columns mixed up. Nobody was lost: check "
        "the list, then resume"
    )


def _caller_sentence(stop: Stop, number: str) -> str:
    bad, of = stop.others.bad(stop.measure)
    return (
        f"{_figures(stop) % f' from {number}'}, and {bad} of {of} from the account's other "
        f"numbers, so {number} is paused. Ask the provider whether it is blocked or taken for "
        "spam, then resume it."
    )


def _account_sentence(stop: Stop, name: str) -> str:
    return (
        f"{_figures(stop) % f' through the account {name}'}, so the account is paused. Look at "
        "how these calls ended, put right what is wrong, then resume the account."
    )


def _length(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"
