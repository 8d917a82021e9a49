"""The gates that space calls out: cool-offs, the campaign's day, a busy number, gap, and caps.

Whoever meets one is spaced, never dropped: snoozed until the oldest call that counts leaves.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaigns.compliance import Cap, CapScope
from campaigns.gates.facts import Call, Facts
from campaigns.gates.verdict import Verdict, passes, refuses
from campaigns.phrases import instant, length, listed, some

DAY_SECONDS = 86400.0
# How long somebody waits whose number is on another call, seconds.
NUMBER_BUSY_SECONDS = 15.0
SHORTEST_WAIT = 0.2

_WHOM = {
    CapScope.NUMBER: "to {number}",
    CapScope.NUMBER_AND_SUBJECT: "to {number} on one subject",
    CapScope.RECIPIENT: "to one person",
}


def cooloff_refusal(facts: Facts, now: datetime) -> Verdict:
    """The rules' time without calls after the person has said stop is over.

    Also when that was about another campaign, or for a while only: what still holds blocks.
    """
    name, least, said = "cooloff_refusal", facts.rules.cooloffs.refusal, facts.person.refused
    if least <= 0:
        return passes(name, "No rule that binds wants a time without calls after a refusal.")
    if said is None:
        return passes(name, f"Nobody has refused within {length(least)}.")
    opens = said.since + timedelta(seconds=least * facts.account.time_scale)
    if opens <= now:
        return passes(name, f"They refused at {instant(said.since)}.")
    return refuses(
        name,
        f"they refused at {instant(said.since)} (opt-out {said.id} of {said.shown}), and "
        f"{_rules(facts)} want {length(least)} without calls after that{_scaled(facts)}"
        f"{_too_late(facts, opens)}",
        until=opens,
    )


def cooloff_abandoned(facts: Facts, now: datetime) -> Verdict:
    """The rules' time without calls after one that was answered and met silence is over."""
    name, least, silent = "cooloff_abandoned", facts.rules.cooloffs.abandoned, facts.calls
    if least <= 0:
        return passes(name, "No rule that binds wants a time without calls after an abandoned one.")
    last = silent.last_abandoned
    if last is None:
        return passes(name, f"No call to the number was abandoned within {length(least)}.")
    opens = last.at + timedelta(seconds=least * facts.account.time_scale)
    if opens <= now:
        return passes(name, f"The last abandoned call ended at {instant(last.at)}.")
    return refuses(
        name,
        f"attempt {last.attempt_id} to {facts.person.number} was answered, nobody heard anything, "
        f"and it ended at {instant(last.at)}; {_rules(facts)} want {length(least)} without calls "
        f"after that{_scaled(facts)}{_too_late(facts, opens)}",
        until=opens,
    )


def daily_limit(facts: Facts, now: datetime) -> Verdict:
    """The campaign's own limit for one person and day."""
    most = facts.campaign.max_per_day
    if most is None:
        return passes("daily_limit", "The campaign has no daily limit of its own.")
    cap = Cap(most, DAY_SECONDS, CapScope.RECIPIENT, "the campaign's daily limit")
    opens = opening_of(cap, facts.calls.to_person, facts.account.time_scale, now)
    if opens is None:
        return passes("daily_limit", f"Fewer than {most} calls within a day.")
    told = _told(cap, facts, facts.calls.to_person, opens)
    return refuses("daily_limit", f"{told}{_too_late(facts, opens)}", until=opens)


def number_busy(facts: Facts, now: datetime) -> Verdict:
    """No other call holds the number.

    Asked before the gap and the caps: a call that is under way may still turn out not to count.
    """
    if facts.calls.holding is None:
        return passes("number_busy", "No other call is under way to the number.")
    wait = max(NUMBER_BUSY_SECONDS * facts.account.time_scale, SHORTEST_WAIT)
    return refuses(
        "number_busy",
        f"attempt {facts.calls.holding} is on its way to {facts.person.number}",
        until=now + timedelta(seconds=wait),
    )


def gap(facts: Facts, now: datetime) -> Verdict:
    """The least time between two calls to one number has passed."""
    last, least = facts.calls.last_ended, facts.rules.min_gap
    if last is None or least <= 0:
        return passes("gap", "No call ended within the gap that the rules want.")
    opens = last.at + timedelta(seconds=least * facts.account.time_scale)
    if opens <= now:
        return passes("gap", f"The last call ended at {instant(last.at)}.")
    return refuses(
        "gap",
        f"attempt {last.attempt_id} to {facts.person.number} ended at {instant(last.at)}, and "
        f"{_rules(facts)} want {length(least)} between two calls{_scaled(facts)}"
        f"{_too_late(facts, opens)}",
        until=opens,
    )


def caps(facts: Facts, now: datetime) -> Verdict:
    """No cap is full: neither of the rules' nor of the campaign's own."""
    full = [
        (cap, calls, opens)
        for cap in (*facts.rules.caps, *facts.campaign.caps)
        for calls in (calls_in(cap, facts),)
        if (opens := opening_of(cap, calls, facts.account.time_scale, now)) is not None
    ]
    if not full:
        return passes("cap", "No cap is full.")
    opens = max(each[2] for each in full)
    told = listed([_told(cap, facts, calls, at) for cap, calls, at in full])
    return refuses("cap", f"{told}{_too_late(facts, opens)}", until=opens)


def calls_in(cap: Cap, facts: Facts) -> tuple[Call, ...]:
    """The calls that a cap counts, newest first, as far back as any cap looks."""
    if cap.scope is CapScope.RECIPIENT:
        return facts.calls.to_person
    if cap.scope is CapScope.NUMBER_AND_SUBJECT:
        return facts.calls.about_subject
    return facts.calls.to_number


def counted_in(cap: Cap, facts: Facts, now: datetime) -> int:
    """How many calls a cap counts now; no more are known than the largest cap can ask for."""
    since = now - timedelta(seconds=cap.seconds * facts.account.time_scale)
    return sum(one.at > since for one in calls_in(cap, facts))


def opening_of(
    cap: Cap, calls: Sequence[Call], time_scale: float, now: datetime
) -> datetime | None:
    """When a cap lets one more call through; None when it does now.

    That is when the oldest of the newest `n` calls leaves the window.
    """
    if cap.n < 1 or len(calls) < cap.n:
        return now + timedelta(seconds=cap.seconds * time_scale) if cap.n < 1 else None
    opens = calls[cap.n - 1].at + timedelta(seconds=cap.seconds * time_scale)
    return opens if opens > now else None


def _told(cap: Cap, facts: Facts, calls: Sequence[Call], opens: datetime) -> str:
    counted = [f"attempt {one.attempt_id} at {instant(one.at)}" for one in calls[: cap.n]]
    whom = _WHOM[cap.scope].format(number=facts.person.number)
    told = f"{cap.rule} allows {some(cap.n, 'call')} within {length(cap.seconds)} {whom}"
    which = "this counts" if len(counted) == 1 else "these count"
    listing = listed(counted) if counted else "none"
    return f"{told}{_scaled(facts)}, and {which}: {listing}; it opens at {instant(opens)}"


def _rules(facts: Facts) -> str:
    return f"the rules {listed(facts.rules.codes)}" if facts.rules.codes else "the rules"


def _scaled(facts: Facts) -> str:
    scale = facts.account.time_scale
    return "" if scale == 1 else f" (times {scale:g} on this account)"


def _too_late(facts: Facts, opens: datetime) -> str:
    at = facts.person.deadline_at
    if at is None or opens < at:
        return ""
    return f"; the deadline, {instant(at)}, comes before that, so no call is left to be made"
