"""The books against the carrier's own log: every function names what does not agree.

Used by the demonstration, by the drill and by `outdial verify --carrier` alike.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from campaigns.errors import NotFound
from campaigns.phone.masking import mask_number
from campaigns.proving.carrier import Dial
from campaigns.store.evidence import BookedAttempt
from campaigns.vault import Vault

# Cancelled after the carrier had refused it: the carrier's log has these too.
REFUSED_REASONS = ("congested", "account_fault")
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
    # Nor has it one for a number that does not exist.
    "not_found": {"invalid_number", "failed"},
    "cancel": {"canceled"},
}
ANSWERED = {"answered", "answered_human", "answered_machine", "opted_out"}


# Cancelled in the belief that not a byte had left: the carrier's log must not have these at all.
NEVER_LEFT = (
    *("late_slot", "stale_claim", "window_closed", "worker_left", "rules_changed", "opted_out"),
    "not_sent",
)
# How far the carrier's clock may lie behind the database's before a dial counts as made before
# its claim. Both are this machine's.
CLOCKS_APART = timedelta(seconds=0.05)


def duplicates(dials: Sequence[Dial]) -> list[str]:
    """Requests beyond the first for one attempt, and calls to a number while one was alive."""
    per_token = Counter(dial.token for dial in dials)
    found = [
        f"one attempt reached the carrier {count} times"
        for count in per_token.values()
        for _ in range(count - 1)
    ]
    calls = defaultdict(list)
    for dial in dials:
        if dial.accepted:
            calls[dial.number].append(dial)
    found += [
        f"{masked(after.number)} was called at {after.arrived_at} during the call before"
        for row in calls.values()
        for before, after in pairwise(row)
        if before.ended_at is None or after.arrived_at < before.ended_at
    ]
    return found


def dials_after_opt_out(
    dials: Sequence[Dial], opt_outs: Mapping[str, datetime], grace: timedelta = OPT_OUT_GRACE
) -> list[str]:
    """Dials that reached the carrier later than `grace` after the number's opt-out."""
    return [
        f"{masked(dial.number)} was dialled at {dial.arrived_at}, opted out {opt_outs[dial.number]}"
        for dial in dials
        if dial.number in opt_outs and dial.arrived_at > opt_outs[dial.number] + grace
    ]


def lost_keypresses(dials: Sequence[Dial], opted_out: Collection[str]) -> list[str]:
    """Callees who pressed 9 and whose number is not on the list of opt-outs."""
    return [
        f"{masked(dial.number)} pressed 9 at {dial.arrived_at} and is on no list"
        for dial in dials
        if "9" in dial.keys and dial.number not in opted_out
    ]


def unfounded(attempts: Sequence[BookedAttempt], dials: Sequence[Dial], vault: Vault) -> list[str]:
    """Dials that the books do not justify, and calls in the books that the carrier never had.

    A dial needs a claim that was committed before it, and must not be one that was cancelled in
    the belief that nothing had been sent.
    """
    booked = {attempt.id: attempt for attempt in attempts}
    found, seen = [], set()
    for dial in dials:
        attempt = _attempt_of(dial, booked, vault)
        if attempt is None:
            found.append(f"a dial at {dial.arrived_at} belongs to no attempt")
            continue
        seen.add(attempt.id)
        if attempt.claimed_at is None:
            found.append(f"attempt {attempt.id} was dialled and never claimed")
        elif dial.arrived_at < attempt.claimed_at - CLOCKS_APART:
            found.append(f"attempt {attempt.id} was dialled before its claim")
        if attempt.cancel_reason in NEVER_LEFT:
            found.append(
                f"attempt {attempt.id} was dialled and is cancelled as {attempt.cancel_reason}"
            )
    since = min((dial.arrived_at for dial in dials), default=None)
    found += [
        f"attempt {one.id} is {one.disposition or one.status} and the carrier never saw it"
        for one in attempts
        # Nobody knows whether there was a call that ended as unknown: it counts as made.
        if (one.accepted_at or one.disposition not in (None, "unknown"))
        and one.id not in seen
        and since is not None  # a carrier that was restarted begins a new log
        and one.claimed_at is not None
        and one.claimed_at > since
    ]
    return found


def masked(number: str) -> str:
    """The number as it may stand in a report that is handed around."""
    return mask_number(number)


def _attempt_of(
    dial: Dial, booked: Mapping[int, BookedAttempt], vault: Vault
) -> BookedAttempt | None:
    try:
        return booked.get(vault.attempt_of(dial.token or ""))
    except NotFound:
        return None


def disagreements(
    attempts: Sequence[BookedAttempt], dials: Sequence[Dial], vault: Vault
) -> list[str]:
    """Calls that the carrier made and our books tell otherwise, or do not know at all."""
    booked = {attempt.id: attempt for attempt in attempts}
    found = []
    for dial in dials:
        if not dial.accepted or dial.token is None:
            continue
        attempt = _attempt_of(dial, booked, vault)
        if attempt is None or attempt.disposition not in _agreed(dial):
            told = "nothing"
            if attempt is not None:
                ended = attempt.disposition or attempt.cancel_reason or attempt.status
                told = f"{ended} of attempt {attempt.id}"
            found.append(f"the carrier ended a call with {dial.end_reason}, the books say {told}")
    return found


def _agreed(dial: Dial) -> set[str]:
    if dial.answered_at is not None:
        # When nobody could serve the call, the carrier ends it with an error, and says so; that
        # it was answered first may have been told to nobody.
        return ANSWERED | ({"failed"} if dial.end_reason == "error" else set())
    return AGREED.get(dial.end_reason or "", {"unknown"})


def not_placed(booked: Sequence[BookedAttempt], dials: Sequence[Dial], vault: Vault) -> int:
    """Attempts we gave up as never placed, less those the carrier counts as refused.

    A refusal that came back as an error of the server's or not at all left its attempt in doubt
    until look-ups found nothing: that one is in both books, and is counted once.
    """
    refused = {vault.attempt_of(d.token) for d in dials if d.token and not d.accepted}
    given_up = [
        one for one in booked if one.cancel_reason and one.cancel_reason not in REFUSED_REASONS
    ]
    return sum(not (one.cancel_reason == "not_placed" and one.id in refused) for one in given_up)
