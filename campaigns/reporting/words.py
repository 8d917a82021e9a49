"""Instants, lengths and counts as people say them. Pure."""

from datetime import datetime

from campaigns import clocks
from campaigns.phrases import ago, instant, listed, local_time, people, sentence, until

__all__ = [
    "ago",
    "calls",
    "instant",
    "listed",
    "local_time",
    "on_their_clock",
    "people",
    "reason",
    "sentence",
    "until",
]

# What codes of reasons mean to people; the others are words already.
REASONS = {
    "caps_changed": "the campaign's own caps were changed",
    "rules_changed": "other calling rules came into force",
    "number_busy": "somebody else is being called on this number",
    "other_number": "they have consented on another number, whose turn it is now",
    "countries_differ": "the number and the address are in different countries",
    "household": "somebody of theirs was reached at another number",
    "next_reminder": "waits for the next reminder",
    "appointment_moved": "the appointment was moved",
    "appointment_cancelled": "the appointment was cancelled",
    "hours": "their calling hours are closed",
    "gap": "this number was called a short while ago",
    "cap": "this number has been called as often as the rules allow for now",
    "cooloff_refusal": "the person said stop, and the rules want a pause after that",
    "cooloff_abandoned": "a call to this number met silence, and the rules want a pause",
    "daily_limit": "the person has been called often enough today",
    "consent": "no consent",
    "consent_given": "a consent was given",
    "not_judged": "it could not be told whether a call is allowed",
}


def reason(code: str) -> str:
    """Why somebody waits, or how it ended for them, as people say it."""
    return REASONS.get(code) or code.replace("_", " ")


def calls(count: int) -> str:
    """ "1 call", "12 calls"."""
    return f"{count:,} {'call' if count == 1 else 'calls'}"


def on_their_clock(at: datetime, zone: str) -> str:
    """An instant where somebody lives: "Mon 23 Nov 2026, 09:00 in New York"."""
    return clocks.there(at, [zone]) or ""
