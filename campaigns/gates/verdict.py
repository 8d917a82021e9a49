"""What one gate says about one person at one instant."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.lifecycle import RecipientStatus
from campaigns.phrases import sentence


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate about one person at one instant, with its evidence in a sentence.

    A gate that does not pass says when it will by itself (`until`), or as what the person is
    parked for good (`fate`), or neither: then somebody has to do something first. `as_of_today`
    marks an answer about the past that rests on a value of which only today's is known.
    """

    gate: str
    passed: bool
    evidence: str
    until: datetime | None = None
    fate: RecipientStatus | None = None
    as_of_today: bool = False


def passes(gate: str, evidence: str, *, as_of_today: bool = False) -> Verdict:
    """The gate lets the person through."""
    return Verdict(gate, True, evidence, as_of_today=as_of_today)


def refuses(
    gate: str,
    evidence: str,
    *,
    until: datetime | None = None,
    fate: RecipientStatus | None = None,
    as_of_today: bool = False,
) -> Verdict:
    """The gate sends the person away; `evidence` becomes a sentence."""
    return Verdict(gate, False, sentence(evidence), until, fate, as_of_today)


# What a recipient's row keeps as the reason, where it is not the gate's own name: words that were
# in the database before there were codes.
_REASONS = {
    "opt_out": "opted out",
    "deadline": "deadline passed",
    "attempts": "every allowed attempt was made",
    "place": "time zone unknown",
    "hours": "no legal calling hour",
}


def reason_of(verdict: Verdict) -> str:
    """What the recipient's row keeps as the reason for a refusal."""
    if verdict.gate == "hours" and verdict.until is not None:
        return verdict.gate  # there is a legal hour, and they wait for it
    return _REASONS.get(verdict.gate, verdict.gate)
