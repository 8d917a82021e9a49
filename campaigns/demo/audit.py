"""The books against the witness. Every broken promise is a number that is not zero."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from campaigns.demo.books import MISSED_REASONS, REFUSED_REASONS, BookedAttempt
from campaigns.demo.carrier import Dial, most_in_any_second
from campaigns.demo.people import CLOSES, OPENS
from campaigns.demo.zones import zone
from campaigns.vault import Vault

# A call claimed just before an opt-out was committed may still reach the carrier just after: the
# claim is fresh for 50 ms, the rest is for a busy machine. It is recalled.
OPT_OUT_GRACE = timedelta(seconds=0.3)
# What the carrier says about a call's end, and what our books may call it.
AGREED = {
    "busy": {"busy"},
    "noAnswer": {"no_answer"},
    # The provider's voice log has no word for a declined call and calls it busy; that is all
    # there is to know when its callback was lost.
    "decline": {"rejected", "busy"},
    "error": {"failed"},
    "not_found": {"invalid_number"},
    "cancel": {"canceled"},
}
ANSWERED = {"answered", "answered_human", "answered_machine", "opted_out"}


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


def duplicates(dials: Sequence[Dial]) -> int:
    """Requests beyond the first for one attempt, and calls to a number while one was alive."""
    per_token = Counter(dial.token for dial in dials)
    again = sum(count - 1 for count in per_token.values())
    calls = defaultdict(list)
    for dial in dials:
        if dial.accepted:
            calls[dial.number].append(dial)
    overlapping = sum(
        before.ended_at is None or after.arrived_at < before.ended_at
        for row in calls.values()
        for before, after in pairwise(row)
    )
    return again + overlapping


def dials_after_opt_out(dials: Sequence[Dial], opt_outs: Mapping[str, datetime]) -> int:
    """Dials that reached the carrier after the number's opt-out was committed."""
    return sum(
        dial.arrived_at > opt_outs[dial.number] + OPT_OUT_GRACE
        for dial in dials
        if dial.number in opt_outs
    )


def lost_keypresses(dials: Sequence[Dial], opted_out: set[str]) -> int:
    """Callees who pressed 9 and whose number is not on the list of opt-outs."""
    return sum("9" in dial.keys and dial.number not in opted_out for dial in dials)


def disagreements(
    attempts: Sequence[BookedAttempt], dials: Sequence[Dial], vault: Vault
) -> list[str]:
    """Calls that the carrier made and our books tell otherwise, or do not know at all."""
    booked = {attempt.id: attempt for attempt in attempts}
    found = []
    for dial in dials:
        if not dial.accepted or dial.token is None:
            continue
        attempt = booked.get(vault.attempt_of(dial.token))
        if attempt is None or attempt.disposition not in _agreed(dial):
            told = "nothing" if attempt is None else attempt.disposition or attempt.status
            found.append(f"the carrier ended a call with {dial.end_reason}, the books say {told}")
    return found


def _agreed(dial: Dial) -> set[str]:
    if dial.answered_at is not None:
        # When nobody could serve the call, the carrier ends it with an error, and says so; that
        # it was answered first may have been told to nobody.
        return ANSWERED | ({"failed"} if dial.end_reason == "error" else set())
    return AGREED.get(dial.end_reason or "", {"unknown"})


def _not_placed(booked: Sequence[BookedAttempt], dials: Sequence[Dial], vault: Vault) -> int:
    """Attempts we gave up as never placed, less those the carrier counts as refused.

    A refusal that came back as an error of the server's or not at all left its attempt in doubt
    until look-ups found nothing: that one is in both books, and is counted once.
    """
    refused = {vault.attempt_of(d.token) for d in dials if d.token and not d.accepted}
    given_up = [
        one for one in booked if one.cancel_reason and one.cancel_reason not in REFUSED_REASONS
    ]
    return sum(not (one.cancel_reason == "not_placed" and one.id in refused) for one in given_up)


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
        not_placed=_not_placed(booked, dials, vault),
        in_doubt=sum(one.ever_in_doubt for one in booked),
        in_doubt_now=sum(one.status in ("dialing", "ringing", "in_progress") for one in booked),
        duplicate_dials=duplicates(dials),
        dials_to_opted_out=dials_after_opt_out(dials, expected.opt_outs),
        dials_outside_hours=outside_hours(dials, zones) if expected.guarded_zones else 0,
        silent_calls=sum(dial.silent for dial in dials),
        optout_keypress_lost=lost_keypresses(dials, opted_out),
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
