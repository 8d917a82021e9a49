"""What happened to one person, told line by line in plain words."""

from datetime import datetime
from typing import NamedTuple

from campaigns.reporting.values import AttemptView
from campaigns.web.pages.charts import ENDINGS
from campaigns.web.pages.live import MEANINGS

CANCELS = {
    "caps_changed": "the campaign's own caps were changed",
    "rules_changed": "other calling rules came into force",
    "window_closed": "the calling hours were over",
    "late_slot": "no worker was free in time",
    "worker_left": "the worker was stopped before its turn",
    "stale_claim": "a worker was held up and let it be",
    "paused": "the campaign or dialling was paused",
    "stopped": "the campaign was stopped",
    "opted_out": "the person had opted out",
    "consent": "the consent it rested on was revoked",
    "account_fault": "the account was paused",
    "caller_paused": "the number it would have shown was paused",
    "account_backoff": "the provider asked us to wait",
    "congested": "the provider was too busy",
    "not_sent": "the provider could not be reached",
    "not_placed": "the provider knows of no call",
}
BY_WHOM = {"human": "a person", "machine": "a machine", "fax": "a fax", "unknown": "somebody"}
_GOOD = frozenset({"answered_human", "answered", "answered_machine"})


class Line(NamedTuple):
    """One thing that happened. `tone` colours its mark."""

    at: datetime | None
    text: str
    tone: str = ""


def story_of(attempt: AttemptView) -> list[Line]:
    """One attempt from its slot to its end, in the order in which things happened."""
    lines = [Line(attempt.slot_at, f"Planned, the {_nth(attempt.n)} attempt")]
    if attempt.claimed_at is not None:
        dialled = attempt.cancel_reason != "stale_claim"
        lines.append(
            Line(attempt.claimed_at, "Dialled", "phone")
            if dialled
            else Line(attempt.claimed_at, "Taken up by a worker")
        )
    if attempt.accepted_at is not None:
        lines.append(Line(attempt.accepted_at, "The provider took the call"))
    if attempt.ringing_at is not None:
        lines.append(Line(attempt.ringing_at, "It rang", "phone"))
    if attempt.answered_at is not None:
        whom = BY_WHOM.get(attempt.answered_by or "", "somebody")
        lines.append(Line(attempt.answered_at, f"Answered by {whom}", "good"))
    lines += [
        Line(one.at, f"Pressed {one.digit}: {MEANINGS.get(one.meaning, one.meaning)}", "good")
        for one in attempt.responses
    ]
    if attempt.in_doubt_at is not None:
        why = attempt.doubt_reason or "no clear answer from the provider"
        lines.append(Line(attempt.in_doubt_at, f"In doubt: {why}", "review"))
    if attempt.recall_reason is not None:
        lines.append(Line(None, f"Taken back: {attempt.recall_reason.replace('_', ' ')}", "bad"))
    if attempt.incident is not None:
        lines.append(Line(None, f"Incident: {attempt.incident}", "bad"))
    known = [line for line in lines if line.at is not None]
    known.sort(key=lambda line: line.at or attempt.slot_at)
    lines = known + [line for line in lines if line.at is None]
    if attempt.ended_at is not None:
        lines.append(_end(attempt))
    return lines


def outcome_of(attempt: AttemptView) -> str:
    """How an attempt stands or ended, in a few words."""
    if attempt.disposition is not None:
        return ENDINGS.get(attempt.disposition, attempt.disposition)
    if attempt.cancel_reason is not None:
        why = CANCELS.get(attempt.cancel_reason, attempt.cancel_reason.replace("_", " "))
        return f"No call was made: {why}"
    return {
        "queued": "About to be dialled",
        "dialing": "Being dialled",
        "ringing": "Ringing",
        "in_progress": "On the phone",
    }.get(attempt.status, attempt.status)


def _end(attempt: AttemptView) -> Line:
    text = outcome_of(attempt)
    if attempt.disposition is None:
        return Line(attempt.ended_at, text)
    spoke = ""
    if attempt.answered_at is not None and attempt.ended_at is not None:
        spoke = (
            f" after {max(0, round((attempt.ended_at - attempt.answered_at).total_seconds()))} s"
        )
    said = f" (the provider's word: {attempt.end_reason})" if attempt.end_reason else ""
    unspent = "" if attempt.spent else "; this attempt does not count"
    tone = (
        "good"
        if attempt.disposition in _GOOD
        else "review"
        if attempt.disposition == "unknown"
        else ""
    )
    return Line(attempt.ended_at, f"Over{spoke}: {text}{said}{unspent}", tone)


def _nth(n: int) -> str:
    names = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    return names[n - 1] if 0 < n <= len(names) else f"{n}th"
