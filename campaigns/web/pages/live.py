"""What of a page changes by itself: the bars, and how the script is told what to put where.

An element with `data-live` names the value that it shows, by its place in what the server sends
(`recipients.completed`, `campaigns.7.sentence`), and with `data-as` how it is written.
"""

from typing import NamedTuple

from campaigns.flows.model import Meaning
from campaigns.reporting.values import CampaignCounts

MEANINGS = {
    Meaning.CONFIRM.value: "Confirmed",
    Meaning.RESCHEDULE.value: "Asked to reschedule",
    Meaning.CANCEL.value: "Cancelled",
    Meaning.OPT_OUT.value: "Asked not to be called again",
}


class Segment(NamedTuple):
    """A part of a progress bar, in hundredths of the whole."""

    name: str
    start: float
    width: float


class Count(NamedTuple):
    """A number with what it counts, and the value that keeps it up to date. `tone` gives it the
    colour of its segment."""

    key: str
    label: str
    value: int
    tone: str = ""


def segments(one: CampaignCounts) -> list[Segment]:
    """A campaign's progress: who is done, and how; the rest of the bar stays empty."""
    people = one.recipients
    found, start = [], 0.0
    for name, count in (
        ("reached", people.completed),
        ("missed", people.exhausted + people.expired + people.removed),
        ("blocked", people.blocked),
        ("review", people.review),
        ("phone", people.in_flight),
    ):
        width = round(100 * count / people.total, 2) if people.total else 0.0
        found.append(Segment(name, round(start, 2), width))
        start += width
    return found


def people_counts(one: CampaignCounts) -> list[Count]:
    """Where a campaign's people are, in the order in which somebody asks for it."""
    people = one.recipients
    found = [
        Count("recipients.pending", "Waiting", people.pending),
        Count("recipients.in_flight", "Being called", people.in_flight, "phone"),
        Count("recipients.completed", "Reached", people.completed, "reached"),
        Count("recipients.exhausted", "Not reached", people.exhausted, "missed"),
        Count("recipients.expired", "Too late", people.expired, "missed"),
        Count("recipients.blocked", "Opted out", people.blocked, "blocked"),
        Count("recipients.review", "To review", people.review, "review"),
    ]
    if people.removed:
        found.append(Count("recipients.removed", "Taken out", people.removed, "missed"))
    return found


def answer_counts(one: CampaignCounts) -> list[Count]:
    """People by the meaning of the last key they pressed, for each key that is asked for."""
    said = one.answers.latest
    asked = one.campaign.flow.get("answers", {})
    meant = {answer.get("meaning"): key for key, answer in sorted(asked.items(), reverse=True)}
    return [
        Count(f"answers.latest.{name}", f"{meant.get(name, '')} {label}".strip(), said[name])
        for name, label in MEANINGS.items()
        if name in meant or said[name]
    ]
