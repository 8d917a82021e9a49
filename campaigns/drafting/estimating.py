"""How long the first round of calls takes. Pure; an estimate, and told as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.compliance import Hours

CALL_SECONDS = 40.0  # what a call takes from the first ring to the end, by experience
LONGEST = timedelta(days=90)
_MOST_STEPS = 1000


@dataclass(frozen=True, slots=True)
class ZoneGroup:
    """People who may be called at the same hours, and from when on the first of them is due."""

    hours: Hours
    people: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the first round of calls comes to; `rate` is calls per second.

    `limited_by_lines` says that calls at once, not calls per second, are the narrow place.
    `first_at` is None when nobody can be called in sight, `last_at` when that is too far away.
    """

    rate: float
    limited_by_lines: bool
    dialling: timedelta
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Opening:
    """The next stretch in which the people of a zone may be called."""

    zones: tuple[str, ...]
    people: int
    opens: datetime
    closes: datetime


def estimate(
    groups: Sequence[ZoneGroup],
    *,
    start: datetime,
    cps: float,
    max_concurrent: int,
) -> Estimate:
    """The first round of calls to these people, at this pace, within these hours."""
    by_lines = max_concurrent / CALL_SECONDS
    rate = min(cps, by_lines)
    people = sum(group.people for group in groups)
    openings = [
        opening
        for group in groups
        if (opening := _opening(group, start)) is not None and group.people
    ]
    first = min(openings, default=None)
    last = None
    if openings and first is not None:
        # Nobody is called before the hours of the last group begin, however fast the others were.
        finished = _finish(groups, first, people / rate)
        latest = max(openings) + timedelta(seconds=1 / rate)
        last = None if finished is None else max(finished, latest)
    return Estimate(rate, by_lines < cps, timedelta(seconds=people / rate), first, last)


def next_openings(groups: Iterable[ZoneGroup], start: datetime, count: int) -> list[Opening]:
    """When each of the `count` largest groups may be called next; those never in sight left out."""
    largest = sorted(groups, key=lambda group: -group.people)[:count]
    found = []
    for group in largest:
        opens = group.hours.next_allowed(start)
        closes = group.hours.open_until(opens) if opens else None
        if opens is not None and closes is not None:
            found.append(Opening(group.hours.zones, group.people, opens, closes))
    return found


def _opening(group: ZoneGroup, start: datetime) -> datetime | None:
    return group.hours.next_allowed(max(start, group.due_at))


def _finish(groups: Sequence[ZoneGroup], start: datetime, seconds: float) -> datetime | None:
    """When so many seconds of open hours have passed; None when that is too far away."""
    hours = list({group.hours: None for group in groups})
    left, at = timedelta(seconds=seconds), start
    for _ in range(_MOST_STEPS):
        closes = _closes(hours, at)
        if closes is not None:
            if at + left <= closes:
                return at + left
            left -= closes - at
            at = closes
            continue
        opens = [one.next_allowed(at) for one in hours]
        later = [one for one in opens if one is not None]
        if not later or min(later) > start + LONGEST:
            return None
        at = min(later)
    return None


def _closes(hours: Sequence[Hours], at: datetime) -> datetime | None:
    """Until when somebody may be called without a break; None when nobody may be at `at`."""
    ends = [one.open_until(at) for one in hours]
    return max((end for end in ends if end is not None), default=None)
