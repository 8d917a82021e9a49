"""How many calls may start, and at which instants. Pure values; the tick stores them.

A scope is anything with a limit on calls started per second: an account, a pacing group, a caller
id, a campaign. Its whole memory is one instant, the earliest next slot (GCRA without a burst).
Slots of one scope are at least `spacing(cps)` apart, so any half-open second holds at most
ceil(cps / 1.02) of them.

A limit may be lowered for a while: a campaign begins at a part of its rate (`Ramp`), and an account
whose provider refuses is halved and grows back (`Slowdown`). Both are told from an instant that is
stored, so no process has to remember anything, and neither ever raises a limit.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from heapq import heapify, heapreplace
from typing import Any, Generic, Self, TypeVar

from campaigns.errors import InvalidInput

SPACING_JITTER = 0.02  # what a worker may be early or late by, as a part of the spacing
BACK_OFF_LIMIT = 60.0  # seconds
RETRY_AFTER_LIMIT = 300.0  # seconds; a provider that asks for more is asked again then
SLOWEST_PART = 1 / 16  # of its rate; no account is halved below it
REGAIN_SECONDS = 120.0  # from nothing to the full rate, so that a halving is regained in half of it
LONGEST_RAMP = 7 * 86400.0  # seconds
# While somebody's deadline is near, every other slot goes to the nearest deadline. The other half
# is shared by weight as ever, so neither can keep the other waiting.
DEADLINE_SHARE = 0.5
DEADLINE_NEAR_SECONDS = 3600.0

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
    """One running campaign in the division of an allowance: virtual time and slots wanted.

    `deadline` is the nearest one among its people who wait, when it is near, in seconds from now.
    """

    id: Id
    weight: float
    vtime: float
    wanted: int
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Division(Generic[Id]):
    """Slots per campaign, and how many of those were given for the sake of a deadline."""

    given: dict[Id, int]
    hurried: dict[Id, int]


@dataclass(frozen=True, slots=True)
class Ramp:
    """How a campaign grows to its rate: the part it begins with, and for how many seconds."""

    start: float
    seconds: float

    @classmethod
    def parse(cls, value: object) -> Self:
        """From `{"start": 0.2, "seconds": 600}`; raises `InvalidInput` for anything else."""
        if not isinstance(value, Mapping) or set(value) != {"start", "seconds"}:
            raise InvalidInput("A ramp says `start` (a part of the rate) and `seconds`.")
        start, seconds = (_number(value[name]) for name in ("start", "seconds"))
        if start is None or not 0 < start <= 1:
            raise InvalidInput("A ramp starts at a part of the rate, above 0 and at most 1.")
        if seconds is None or not 0 <= seconds <= LONGEST_RAMP:
            raise InvalidInput("A ramp lasts from 0 seconds to seven days.")
        return cls(start, seconds)

    def serialise(self) -> dict[str, float]:
        """As it is stored; `parse` reads it back."""
        return {"start": self.start, "seconds": self.seconds}

    def part(self, since: datetime | None, now: datetime) -> float:
        """The part of the rate at `now`, for a campaign that started or resumed at `since`."""
        if since is None or self.seconds <= 0:
            return 1.0
        passed = max((now - since).total_seconds(), 0.0)
        return min(1.0, self.start + (1 - self.start) * passed / self.seconds)


NO_RAMP = Ramp(1.0, 0.0)
GENTLE_RAMP = Ramp(0.2, 600.0)


def ramp_of(stored: Mapping[str, Any] | None, *, live: bool) -> Ramp:
    """A campaign's ramp; where it has none of its own, gentle with real people, else none."""
    if stored is not None:
        return Ramp.parse(stored)
    return GENTLE_RAMP if live else NO_RAMP


@dataclass(frozen=True, slots=True)
class Slowdown:
    """What refusals have left of an account's rate: `part` of it at the instant `at`."""

    part: float
    at: datetime

    @classmethod
    def of(cls, part: float | None, at: datetime | None) -> Self | None:
        """What an account's row says; None when nothing holds it back."""
        return cls(part, at) if part is not None and at is not None else None

    def part_at(self, now: datetime) -> float:
        """The part at `now`: it grows by the same amount in every second since, up to the whole."""
        passed = max((now - self.at).total_seconds(), 0.0)
        return min(1.0, self.part + passed / REGAIN_SECONDS)

    @property
    def over_at(self) -> datetime:
        """When the full rate is reached again."""
        return self.at + timedelta(seconds=(1 - self.part) * REGAIN_SECONDS)


def halve(slowed: Slowdown | None, now: datetime, rest_until: datetime) -> Slowdown:
    """Half of the rate of `now`, and no growth before the account's rest is over."""
    part = 1.0 if slowed is None else slowed.part_at(now)
    return Slowdown(max(part / 2, SLOWEST_PART), max(now, rest_until))


def slowed_cps(cps: float, slowed: Slowdown | None, now: datetime) -> float:
    """An account's calls per second at `now`; never more than its `cps`."""
    return cps if slowed is None else cps * slowed.part_at(now)


def ramped_cps(
    own: float | None, account: float, ramp: Ramp, since: datetime | None, now: datetime
) -> float | None:
    """A campaign's own limit at `now`; None when it has none but its account's."""
    part = ramp.part(since, now)
    return own if part >= 1 else part * (account if own is None else min(own, account))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


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


def share_with_deadlines(allowance: int, campaigns: Sequence[Share[Id]], turn: int) -> Division[Id]:
    """Divide `allowance` slots: a fixed part to the nearest deadlines, the rest by weight.

    `turn`, how many slots were divided before, keeps the ratio where single slots are divided one
    by one. What one side cannot use the other gets, so no slot is left while anybody wants one.
    Slots given for a deadline are not charged to the campaign's virtual time: it owes nothing for
    them when its hurry is over.
    """
    hurried = {one.id: 0 for one in campaigns}
    _, left = split(max(allowance, 0), DEADLINE_SHARE, split_before=turn)
    near = [(one.deadline, one) for one in campaigns if one.deadline is not None]
    for _, one in sorted(near, key=lambda pair: pair[0]):
        hurried[one.id] = max(min(left, one.wanted), 0)
        left -= hurried[one.id]
    rest = [replace(one, wanted=one.wanted - hurried[one.id]) for one in campaigns]
    given, _ = share(allowance - sum(hurried.values()), rest)
    return Division({one.id: given[one.id] + hurried[one.id] for one in campaigns}, hurried)


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
