"""When calls go so badly that dialling on does harm. Pure: judges counts, stops nothing itself.

Judged are the latest ended calls of an account, of each of its caller ids, and of each campaign.
Few calls say nothing. What is out of line with its own kind alone is stopped alone: a caller id
whose calls fail while those of the others do not, a campaign whose list is full of numbers that do
not exist. Only when no single caller id stands out is it the account.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from campaigns.compliance import AbandonLimit
from campaigns.errors import InvalidInput

LARGEST_WINDOW = 500


class Measure(StrEnum):
    """What can be out of line, as it is said of calls."""

    FAILED = "failed"
    SHORT = "short"
    INVALID = "invalid"


class Scope(StrEnum):
    """What is stopped."""

    ACCOUNT = "account"
    CALLER_ID = "caller_id"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class SafetyPolicy:
    """An account's limits. `failed`, `short`, `invalid` and `congested` are parts, 0 to 1.

    `window` is how many of the latest calls are judged, `least` how many there must be. A call
    that was answered and over within `short_seconds`, in which no key was pressed, is short.
    """

    on: bool = True
    window: int = 50
    least: int = 20
    failed: float = 0.5
    short: float = 0.6
    short_seconds: float = 6.0
    invalid: float = 0.5
    congested: float = 0.15

    @classmethod
    def parse(cls, value: Mapping[str, Any] | None) -> Self:
        """From what an account's row has: what is not named there is as it is by default.

        Raises `InvalidInput` for what cannot be judged by.
        """
        given = dict(value or {})
        names = [one.name for one in fields(cls)]
        if unknown := sorted(set(given) - set(names)):
            raise InvalidInput(
                f"A safety stop has no {', '.join(unknown)[:100]}. It has: {', '.join(names)}."
            )
        for name, one in given.items():
            _check(name, one)
        policy = replace(cls(), **given)
        if policy.least > policy.window:
            raise InvalidInput("`least` cannot be above `window`: so many calls are never judged.")
        return policy

    def serialise(self) -> dict[str, Any]:
        """As it is stored; `parse` reads it back."""
        return asdict(self)


def _check(name: str, value: object) -> None:
    if name == "on":
        if not isinstance(value, bool):
            raise InvalidInput("`on` is true or false.")
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]  # `number` says so
        raise InvalidInput(f"`{name}` is a number, not {str(value)[:40]!r}.")
    if name in ("window", "least"):
        if not isinstance(value, int) or not 5 <= value <= LARGEST_WINDOW:
            raise InvalidInput(f"`{name}` is a whole number of calls from 5 to {LARGEST_WINDOW}.")
    elif name == "short_seconds":
        if not 0 < value <= 60:  # type: ignore[operator]
            raise InvalidInput("`short_seconds` is above 0 and at most 60.")
    elif not 0 < value <= 1:  # type: ignore[operator]
        raise InvalidInput(f"`{name}` is a part of the calls, above 0 and at most 1.")


@dataclass(frozen=True, slots=True)
class Tally:
    """How the latest calls of something went. Numbers that do not exist are counted apart."""

    calls: int = 0
    failed: int = 0
    answered: int = 0
    short: int = 0
    invalid: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def bad(self, measure: Measure) -> tuple[int, int]:
        """How many are bad by a measure, and of how many."""
        if measure is Measure.FAILED:
            return self.failed, self.calls
        if measure is Measure.SHORT:
            return self.short, self.answered
        return self.invalid, self.calls + self.invalid

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.calls + other.calls,
            self.failed + other.failed,
            self.answered + other.answered,
            self.short + other.short,
            self.invalid + other.invalid,
        )


@dataclass(frozen=True, slots=True)
class Stop:
    """What is to be paused, and the figures that say why. `others`: those of its own kind."""

    scope: Scope
    id: int
    measure: Measure
    tally: Tally
    others: Tally = Tally()


def is_out_of_line(policy: SafetyPolicy, measure: Measure, tally: Tally) -> bool:
    """Whether enough calls went badly. Of short calls half as many will do: few are answered."""
    bad, of = tally.bad(measure)
    least = policy.least / 2 if measure is Measure.SHORT else policy.least
    return of >= least and bad >= getattr(policy, measure) * of


def judge(
    policy: SafetyPolicy,
    account_id: int,
    account: Tally,
    callers: Mapping[int, Tally],
    campaigns: Mapping[int, Tally],
) -> list[Stop]:
    """What is to be stopped on one account; nothing while the policy is off."""
    if not policy.on:
        return []
    stops = [
        Stop(Scope.CAMPAIGN, campaign_id, Measure.INVALID, tally)
        for campaign_id, tally in campaigns.items()
        if is_out_of_line(policy, Measure.INVALID, tally)
    ]
    for measure in (Measure.FAILED, Measure.SHORT):
        found = _of_callers(policy, measure, callers)
        if not found and is_out_of_line(policy, measure, account):
            found = [Stop(Scope.ACCOUNT, account_id, measure, account)]
        stops += [stop for stop in found if stop.id not in _stopped(stops, stop.scope)]
    return stops


def _stopped(stops: list[Stop], scope: Scope) -> set[int]:
    return {stop.id for stop in stops if stop.scope is scope}


def _of_callers(policy: SafetyPolicy, measure: Measure, callers: Mapping[int, Tally]) -> list[Stop]:
    """The caller ids that are out of line while the others together are well below the limit.

    Without enough calls of others there is nothing to compare with: then it is the account.
    """
    bad = {one for one, tally in callers.items() if is_out_of_line(policy, measure, tally)}
    others = Tally()
    for one, tally in callers.items():
        others = others if one in bad else others.plus(tally)
    wrong, of = others.bad(measure)
    if of < policy.least / 2 or 2 * wrong >= getattr(policy, measure) * of:
        return []
    return [Stop(Scope.CALLER_ID, one, measure, callers[one], others) for one in sorted(bad)]


# So few answered calls say nothing of a share of a few per cent: of fifty, one is 2 % already.
LEAST_ANSWERED = 50
# One call that meets silence may be anything, a caught-out restart among it. So many are a pattern;
# and so many more there must be before a campaign that somebody let run again is paused again.
LEAST_ABANDONED = 3


def exceeds(limit: AbandonLimit, abandoned: int, answered: int, since_resumed: int) -> bool:
    """Whether more of what people answered met silence than a rule allows, and not by chance.

    `since_resumed` of them since somebody last let the campaign run.
    """
    return (
        answered >= LEAST_ANSWERED
        and since_resumed >= LEAST_ABANDONED
        and 100 * abandoned > limit.percent * answered
    )


def is_congested(policy: SafetyPolicy, congested: int, calls: int) -> bool:
    """Whether so many of an account's calls met a full network that it has to call more slowly."""
    return policy.on and 2 * calls >= policy.least and congested >= max(3, policy.congested * calls)
