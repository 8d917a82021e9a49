"""Look some hours ahead, and say so when people cannot all be called before their deadlines."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.compliance import Hours
from campaigns.errors import InvalidInput
from campaigns.foresight import Late, Waiting, calls_per_second, late
from campaigns.store import dispatch, late_risks, recipients, rules
from campaigns.store.late_risks import Risk, RunningAccount

LOOKS_AHEAD = timedelta(hours=8)
# What differs by less than this part of the people concerned is not said again.
SAME = 0.2


def foresee(session: Session, now: datetime) -> int:
    """Compare the deadlines of the coming hours with the capacity that is left; returns of how
    many campaigns something new was said. Once a minute is enough."""
    running = late_risks.running(session)
    found = _late_by_campaign(session, running, now)
    known = late_risks.known_risks(session)
    said = 0
    for campaign_id, one in found.items():
        said += _say(session, campaign_id, one, known.get(campaign_id), now)
    over = [campaign_id for campaign_id in known if campaign_id not in found]
    for campaign_id in over:
        told = "Everybody whose deadline is near can be called in time again."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)
    late_risks.forget_risks(session, over)
    return said + len(over)


def _late_by_campaign(
    session: Session, running: Sequence[RunningAccount], now: datetime
) -> dict[int, Late]:
    until = now + LOOKS_AHEAD
    groups = [Waiting(*row) for row in late_risks.waiting_groups(session, now, until)]
    hours = _hours(session, running, groups)
    found: dict[int, Late] = {}
    for account_id in sorted({one.account_id for one in running}):
        mine = {one.id: one for one in running if one.account_id == account_id}
        waiting = [one for one in groups if one.campaign_id in mine]
        hurried = {one.campaign_id for one in waiting}
        if not hurried:
            continue
        some = next(iter(mine.values()))
        rate = calls_per_second(
            some.cps,
            some.max_concurrent,
            sum(mine[one].weight for one in hurried),
            sum(one.weight for one in mine.values()),
        )
        own = {one.id: one.max_cps for one in mine.values() if one.max_cps is not None}
        found |= late(
            waiting,
            rate,
            own,
            lambda one, at: hours[one.campaign_id, one.zone_key].allowed(at),
            now,
            until,
        )
    return found


def _hours(
    session: Session, running: Sequence[RunningAccount], groups: Sequence[Waiting]
) -> dict[tuple[int, int], Hours]:
    """When the people of each group may be called; nobody where the rules cannot be read."""
    book, places = rules.current_rulebook(session), recipients.places_by_key(session)
    campaigns = {one.id: one for one in running}
    found = {}
    for key in {(one.campaign_id, one.zone_key) for one in groups if one.campaign_id in campaigns}:
        campaign_id, zone_key = key
        try:
            found[key] = compliance.hours_for(book, campaigns[campaign_id], places[zone_key])
        except InvalidInput:
            found[key] = Hours((), ())
    return found


def _say(session: Session, campaign_id: int, one: Late, known: Risk | None, now: datetime) -> bool:
    sentence = _sentence(one)
    span = {
        "from": one.from_deadline.isoformat(),
        "to": one.to_deadline.isoformat(),
        "zone_keys": list(one.zone_keys),
    }
    same = known is not None and abs(known.people - one.people) <= SAME * known.people
    told = known.sentence if same and known is not None else sentence
    at = known.at if same and known is not None else now
    late_risks.keep_risk(session, Risk(campaign_id, at, one.people, told, [span]))
    if not same:
        dispatch.write_log(session, sentence, now, campaign_id=campaign_id)
    return not same


def _sentence(one: Late) -> str:
    people = "1 person" if one.people == 1 else f"{one.people:,} people"
    first = f"{one.from_deadline:%Y-%m-%d %H:%M} UTC"
    told = f"{people} cannot be called in time at this pace, the first of them by {first}"
    if one.shut:
        whose = "all of them" if one.shut == one.people else f"{one.shut:,} of them"
        told += f"; for {whose} the calling hours do not open before their deadline"
    return f"{told}. Let the campaign call faster, or call longer, or call these people yourself."
