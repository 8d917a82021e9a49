"""The books against the witness. Every broken promise is a number that is not zero."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from campaigns.demo.books import MISSED_REASONS
from campaigns.demo.people import CLOSES, OPENS
from campaigns.demo.zones import zone
from campaigns.proving.carrier import Dial, most_in_any_second
from campaigns.proving.witness import (
    dials_after_opt_out,
    disagreements,
    duplicates,
    lost_keypresses,
    not_placed,
)
from campaigns.store.evidence import BookedAttempt
from campaigns.vault import Vault


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the run knows beforehand, or learnt on its way."""

    cps: float
    recipients: int
    rejected: int
    opted_out: int
    opted_out_due: int
    closed_due: int
    opt_outs: Mapping[str, datetime]  # number → when its opt-out was committed
    guarded_zones: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Audit:
    """The report of a demonstration. `problems` names every broken promise."""

    recipients: int
    rejected: int
    opted_out: int
    attempts: int
    completed: int
    exhausted: int
    expired: int
    blocked: int
    review: int
    waiting: int
    lost: int
    dispositions: dict[str, int]
    answers: dict[str, int]
    carrier_dials: int
    carrier_refused: int
    not_placed: int
    in_doubt: int
    in_doubt_now: int
    duplicate_dials: int
    dials_to_opted_out: int
    dials_outside_hours: int
    silent_calls: int
    optout_keypress_lost: int
    books_differ: int
    max_dials_in_any_second: int
    cps: float
    slots_missed: int
    seconds: float
    calls_per_second: float
    problems: list[str]

    @property
    def passed(self) -> bool:
        """Whether every promise was kept, and something was dialled at all."""
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """The report as one object."""
        return {**asdict(self), "passed": self.passed}


def outside_hours(dials: Sequence[Dial], zones: Mapping[str, str]) -> int:
    """Dials that arrived when it was not between 8 and 20 o'clock where the callee lives.

    Deliberately independent of the product's own rules: the zone from the list, the standard
    library, and the carrier's clock.
    """
    return sum(
        not OPENS <= dial.arrived_at.astimezone(zone(zones[dial.number])).hour < CLOSES
        for dial in dials
        if dial.number in zones
    )


def audit(
    booked: Sequence[BookedAttempt],
    statuses: Mapping[str, int],
    answers: dict[str, int],
    opted_out: set[str],
    zones: Mapping[str, str],
    dials: Sequence[Dial],
    expected: Expectations,
    vault: Vault,
) -> Audit:
    """Compare everything and write the report."""
    placed = [dial for dial in dials if dial.accepted]
    reasons = Counter(one.cancel_reason for one in booked if one.cancel_reason)
    waiting = expected.closed_due if expected.guarded_zones else 0
    parked = sum(count for status, count in statuses.items() if status not in _OPEN)
    differing = disagreements(booked, dials, vault)
    result = Audit(
        recipients=expected.recipients,
        rejected=expected.rejected,
        opted_out=expected.opted_out,
        attempts=len(booked),
        **{name: statuses.get(name, 0) for name in _PARKED},
        waiting=waiting,
        lost=expected.recipients - parked - waiting,
        dispositions=dict(Counter(one.disposition for one in booked if one.disposition)),
        answers=answers,
        carrier_dials=len(placed),
        carrier_refused=len(dials) - len(placed),
        not_placed=not_placed(booked, dials, vault),
        in_doubt=sum(one.ever_in_doubt for one in booked),
        in_doubt_now=sum(one.status in ("dialing", "ringing", "in_progress") for one in booked),
        duplicate_dials=len(duplicates(dials)),
        dials_to_opted_out=len(dials_after_opt_out(dials, expected.opt_outs)),
        dials_outside_hours=outside_hours(dials, zones) if expected.guarded_zones else 0,
        silent_calls=sum(dial.silent for dial in dials),
        optout_keypress_lost=len(lost_keypresses(dials, opted_out)),
        books_differ=len(differing),
        max_dials_in_any_second=most_in_any_second(list(dials)),
        cps=expected.cps,
        slots_missed=sum(reasons[why] for why in MISSED_REASONS),
        seconds=round(expected.seconds, 1),
        calls_per_second=_rate(placed),
        problems=differing[:5],
    )
    result.problems.extend(_problems(result, expected))
    return result


_PARKED = ("completed", "exhausted", "expired", "blocked", "review")
_OPEN = ("pending", "in_flight")
_ZEROS = (
    *("lost", "duplicate_dials", "dials_to_opted_out", "dials_outside_hours", "silent_calls"),
    *("optout_keypress_lost", "books_differ", "in_doubt_now"),
)


def _rate(placed: Sequence[Dial]) -> float:
    if len(placed) < 2:
        return 0.0
    took = max(d.arrived for d in placed) - min(d.arrived for d in placed)
    return round((len(placed) - 1) / took, 2) if took > 0 else 0.0


def _problems(result: Audit, expected: Expectations) -> list[str]:
    problems = [f"{name} is {value}" for name in _ZEROS if (value := getattr(result, name))]
    if result.carrier_dials == 0:
        problems.append("nothing was dialled")
    if result.attempts != result.carrier_dials + result.carrier_refused + result.not_placed:
        problems.append("attempts are not the sum of dialled, refused and not placed")
    if result.max_dials_in_any_second > expected.cps + 2:
        problems.append(f"{result.max_dials_in_any_second} dials in one second")
    if expected.guarded_zones and not expected.closed_due:
        problems.append("nobody was due behind a closed window, so that was not shown")
    if expected.opted_out and expected.opted_out_due != expected.opted_out:
        problems.append("not everybody who had opted out was due, so that was not shown")
    return problems
