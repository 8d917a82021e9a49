"""How many calls may start, and at which instants. Pure values; the tick stores them.

A scope is anything with a limit on calls started per second: an account, a pacing group, a caller
id, a campaign. Its whole memory is one instant, the earliest next slot (GCRA without a burst).
Slots of one scope are at least `spacing(cps)` apart, so any half-open second holds at most
ceil(cps / 1.02) of them.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from heapq import heapify, heapreplace
from typing import Generic, TypeVar

from campaigns.errors import InvalidInput

SPACING_JITTER = 0.02  # what a worker may be early or late by, as a part of the spacing
BACK_OFF_LIMIT = 60.0  # seconds
RETRY_AFTER_LIMIT = 300.0  # seconds; a provider that asks for more is asked again then

Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class SlotState:
    """The earliest instant of a scope's next slot; None before its first."""

    next_free: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """One limit that a slot must satisfy: where it stands, and its calls started per second."""

    state: SlotState
    cps: float


@dataclass(frozen=True, slots=True)
class Share(Generic[Id]):
    """One running campaign in the division of an allowance: virtual time and slots wanted."""

    id: Id
    weight: float
    vtime: float
    wanted: int


def spacing(cps: float) -> timedelta:
    """The least time between two slots at `cps` calls a second, rounded up to a microsecond."""
    if not math.isfinite(cps) or cps <= 0:
        raise InvalidInput(f"Calls per second must be above 0, not {cps}.")
    return timedelta(microseconds=math.ceil((1 + SPACING_JITTER) * 1_000_000 / cps))


def take_slots(
    state: SlotState, now: datetime, horizon: datetime, cps: float, count: int, lead: float
) -> tuple[list[datetime], SlotState]:
    """Up to `count` slots of one scope, and its state after them. See `take_slots_in`."""
    slots, states = take_slots_in([Scope(state, cps)], now, horizon, count, lead)
    return slots, states[0]


def take_slots_in(
    scopes: Sequence[Scope], now: datetime, horizon: datetime, count: int, lead: float
) -> tuple[list[datetime], list[SlotState]]:
    """Up to `count` slots that satisfy every scope, and the scopes' states in the same order.

    No slot is earlier than `lead` seconds after `now` nor at or after the instant `horizon`. Only
    slots that are returned move a state. Raises `InvalidInput` without scopes: what has no limit
    gets no slot.
    """
    if not scopes:
        raise InvalidInput("A slot needs at least one limit.")
    gaps = [spacing(scope.cps) for scope in scopes]
    earliest = now + timedelta(seconds=lead)
    free = [scope.state.next_free or earliest for scope in scopes]
    slots: list[datetime] = []
    while len(slots) < count and (slot := max(earliest, *free)) < horizon:
        slots.append(slot)
        free = [slot + gap for gap in gaps]
    if not slots:
        return [], [scope.state for scope in scopes]
    return slots, [SlotState(instant) for instant in free]


def clamp(state: SlotState, now: datetime, cps: float, lookahead: float) -> SlotState:
    """The state after a possible backward step of the clock.

    A next slot further ahead than `lookahead` seconds and one spacing was given by a clock that
    has since gone back; left alone it would silence the scope for as long as the step.
    """
    gap = spacing(cps)
    limit = now + timedelta(seconds=lookahead) + gap
    if state.next_free is not None and state.next_free > limit:
        return SlotState(now + gap)
    return state


def share(allowance: int, campaigns: Sequence[Share[Id]]) -> tuple[dict[Id, int], dict[Id, float]]:
    """Divide `allowance` slots between campaigns by weight; also their new virtual times.

    Stride scheduling: each slot goes to the smallest virtual time that still wants one, the first
    listed among equals, and moves it by 1 / weight. A campaign that got all it wanted does not
    save up the rest: it is brought level with the least of those left wanting, or with the
    greatest of all when nobody is, so that no campaign ever catches up in a burst.
    """
    for one in campaigns:
        if not math.isfinite(one.weight) or one.weight <= 0:
            raise InvalidInput(f"A campaign's weight must be above 0, not {one.weight}.")
    given = {one.id: 0 for one in campaigns}
    vtimes = {one.id: one.vtime for one in campaigns}
    queue = [(one.vtime, place) for place, one in enumerate(campaigns) if one.wanted > 0]
    heapify(queue)
    for _ in range(min(allowance, sum(one.wanted for one in campaigns if one.wanted > 0))):
        vtime, place = queue[0]
        one = campaigns[place]
        given[one.id] += 1
        vtimes[one.id] = vtime + 1 / one.weight
        satisfied = given[one.id] == one.wanted
        heapreplace(queue, (math.inf if satisfied else vtimes[one.id], place))
    return given, _level(campaigns, given, vtimes)


def _level(
    campaigns: Sequence[Share[Id]], given: dict[Id, int], vtimes: dict[Id, float]
) -> dict[Id, float]:
    """Virtual times with every satisfied campaign brought up to those that are not."""
    wanting = [vtimes[one.id] for one in campaigns if given[one.id] < one.wanted]
    floor = min(wanting) if wanting else max(vtimes.values(), default=0.0)
    return {
        one.id: vtimes[one.id] if given[one.id] < one.wanted else max(vtimes[one.id], floor)
        for one in campaigns
    }


def rejoin_vtime(own: float, running: Sequence[float]) -> float:
    """The virtual time at which a started or resumed campaign joins those running: no arrears."""
    return max(own, min(running, default=own))


def probe_mode(slots_last_second: int, missed: int, publish_failing: bool) -> bool:
    """Whether an account drops to one probe slot a second: publishing fails, or half its slots
    of the last second were missed."""
    return publish_failing or (slots_last_second > 0 and 2 * missed >= slots_last_second)


def back_off(level: int, now: datetime, retry_after: float | None) -> datetime:
    """Until when an account rests after its provider refused: 1 s at level 0, doubling to 60 s.

    A longer `retry_after` (seconds) is honoured up to 300 s; a senseless one is ignored.
    """
    seconds = BACK_OFF_LIMIT if level > 6 else min(BACK_OFF_LIMIT, 2.0 ** max(level, 0))
    if retry_after is not None and retry_after > seconds:
        seconds = min(retry_after, RETRY_AFTER_LIMIT)
    return now + timedelta(seconds=seconds)


def split(
    count: int,
    retry_share: float,
    *,
    split_before: int = 0,
    first_due: int | None = None,
    retries_due: int | None = None,
) -> tuple[int, int]:
    """How many of `count` due recipients to read as (first calls, retries).

    `retry_share` (0 to 1) is the part of retries. `split_before`, the total of earlier counts,
    keeps the ratio when single slots are split one by one. Where the number due is given, what one
    side cannot use goes to the other.
    """
    if not 0 <= retry_share <= 1:
        raise InvalidInput(f"The share of retries must be between 0 and 1, not {retry_share}.")
    part = Fraction(str(retry_share))  # exact: 0.1 must not lose its tenth slot
    retries = math.floor((split_before + count) * part) - math.floor(split_before * part)
    if first_due is not None:
        retries = max(retries, count - first_due)
    if retries_due is not None:
        retries = min(retries, retries_due)
    first = count - retries
    return (first if first_due is None else min(first, first_due)), retries
