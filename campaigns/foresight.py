"""Whether everybody can be called before their deadline, with the capacity that is left.

A rehearsal of the coming hours in steps: in each the account makes as many calls as its rate
allows, nearest deadline first, to those who are due and whose calling hours are open. One call for
each person: what retries cost comes on top, so what is found is a lower bound.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STEP = timedelta(minutes=5)
# How long a call keeps a line, in seconds: of ringing and talking together, roughly.
LINE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """People of one campaign and place who are due from one instant, until another."""

    campaign_id: int
    zone_key: int
    due_at: datetime
    deadline_at: datetime
    people: int


@dataclass(frozen=True, slots=True)
class Late:
    """People of one campaign who cannot all be called in time.

    `from_deadline` and `to_deadline` are the first and the last of the deadlines concerned;
    `shut` are those of them whose calling hours do not open before their deadline at all.
    """

    people: int
    shut: int
    from_deadline: datetime
    to_deadline: datetime
    zone_keys: tuple[int, ...] = field(default=())


def calls_per_second(
    cps: float, max_concurrent: int, own_weight: float, all_weights: float
) -> float:
    """What is left of an account for the campaigns with deadlines: by rate, lines and weight."""
    share = own_weight / all_weights if all_weights > 0 else 1.0
    return min(cps, max_concurrent / LINE_SECONDS) * min(share, 1.0)


def late(
    waiting: Sequence[Waiting],
    rate: float,
    own_rates: Mapping[int, float],
    is_open: Callable[[Waiting, datetime], bool],
    now: datetime,
    until: datetime,
) -> dict[int, Late]:
    """Who cannot be called in time, by campaign. `rate` is calls per second for all of them, and
    `own_rates` what a campaign's own limit leaves it."""
    left = {one: float(one.people) for one in waiting}
    opened: set[Waiting] = set()
    order = sorted(left, key=lambda one: (one.deadline_at, one.due_at, one.campaign_id))
    at = now
    while at < until:
        budget = rate * STEP.total_seconds()
        own = {campaign: most * STEP.total_seconds() for campaign, most in own_rates.items()}
        for one in order:
            if left[one] <= 0 or one.due_at > at or one.deadline_at <= at or not is_open(one, at):
                continue
            opened.add(one)
            calls = min(left[one], budget, own.get(one.campaign_id, budget))
            left[one] -= calls
            budget -= calls
            if one.campaign_id in own:
                own[one.campaign_id] -= calls
        at += STEP
    return _by_campaign(left, opened, until)


def _by_campaign(
    left: Mapping[Waiting, float], opened: set[Waiting], until: datetime
) -> dict[int, Late]:
    found: dict[int, list[Waiting]] = {}
    for one, people in left.items():
        if people >= 0.5 and one.deadline_at <= until:
            found.setdefault(one.campaign_id, []).append(one)
    return {
        campaign: Late(
            people=sum(round(left[one]) for one in ones),
            shut=sum(round(left[one]) for one in ones if one not in opened),
            from_deadline=min(one.deadline_at for one in ones),
            to_deadline=max(one.deadline_at for one in ones),
            zone_keys=tuple(sorted({one.zone_key for one in ones})),
        )
        for campaign, ones in found.items()
    }
