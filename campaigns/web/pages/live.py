"""The texts and bars of the overview that change by themselves: the page and its script agree
on them because both take them from here."""

from typing import Any, NamedTuple

from campaigns.flows.model import Meaning
from campaigns.reporting import words
from campaigns.reporting.values import CampaignCounts, Overview


class Segment(NamedTuple):
    """A part of a progress bar, in hundredths of the whole."""

    name: str
    start: float
    width: float


class Count(NamedTuple):
    """A number with what it counts. `tone` gives it the colour of its segment."""

    key: str
    label: str
    value: int
    tone: str = ""


def counts(one: CampaignCounts) -> list[Count]:
    """A campaign's numbers, in the order in which people ask for them."""
    people, said = one.recipients, one.answers.latest
    found = [
        Count("waiting", "Waiting", people.pending),
        Count("phone", "On the phone", one.on_the_phone, "phone"),
        Count("reached", "Reached", people.completed, "reached"),
        Count("retrying", "Retrying", one.retrying),
        Count("missed", "Not reached", people.exhausted + people.expired, "missed"),
        Count("blocked", "Opted out", people.blocked, "blocked"),
        Count("review", "To review", people.review, "review"),
    ]
    answers = [
        Count("confirm", "1 Confirmed", said[Meaning.CONFIRM]),
        Count("reschedule", "2 Reschedule", said[Meaning.RESCHEDULE]),
        Count("cancel", "3 Cancelled", said[Meaning.CANCEL]),
        Count("opt_out", "9 Stop calling", said[Meaning.OPT_OUT]),
    ]
    asks = one.campaign.flow.get("answers", {})
    meant = {answer.get("meaning") for answer in asks.values()}
    return found + [count for count in answers if count.key in meant]


def segments(one: CampaignCounts) -> list[Segment]:
    """A campaign's progress: who is done, and how; the rest of the bar stays empty."""
    people = one.recipients
    found, start = [], 0.0
    for name, count in (
        ("reached", people.completed),
        ("missed", people.exhausted + people.expired),
        ("blocked", people.blocked),
        ("review", people.review),
        ("phone", people.in_flight),
    ):
        width = round(100 * count / people.total, 2) if people.total else 0.0
        found.append(Segment(name, round(start, 2), width))
        start += width
    return found


def live_values(page: Overview) -> dict[str, Any]:
    """Every text, bar and state of the page by its key."""
    texts = {"as_of": words.instant(page.as_of), "health": health_sentence(page)}
    states = {"health": "ok" if page.health.ok else "bad"}
    bars: dict[str, list[Segment]] = {}
    for place, line in enumerate(page.health.lines):
        texts[f"health.{place}"] = line.sentence
        states[f"health.{place}"] = "ok" if line.ok else "bad"
    for one in page.campaigns:
        key = f"c{one.campaign.id}"
        texts |= {
            f"{key}.status": one.campaign.status.capitalize(),
            f"{key}.sentence": one.sentence,
            f"{key}.done": f"{one.recipients.done:,}",
            f"{key}.total": f"{one.recipients.total:,}",
            f"{key}.pace": f"{words.calls(one.calls_last_minute)} in the last minute",
        }
        texts |= {f"{key}.{count.key}": f"{count.value:,}" for count in counts(one)}
        states[f"{key}.badge"] = one.campaign.status
        bars[key] = segments(one)
    shown = [one.campaign.id for one in page.campaigns]
    return {"campaigns": shown, "texts": texts, "states": states, "bars": bars}


def health_sentence(page: Overview) -> str:
    """The system in one sentence."""
    if page.health.blocked is not None:
        return f"Nobody is called: {page.health.blocked}."
    if not page.health.ok:
        return "Something needs attention."
    return "Everything is up and calls can be placed."
