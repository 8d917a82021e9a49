"""The gates of place and time: where the number may be, what the clocks there say, and the pace."""

from datetime import datetime

from campaigns.compliance import allowed, why_unknown
from campaigns.gates.facts import Facts
from campaigns.gates.verdict import Verdict, passes, refuses
from campaigns.lifecycle import RecipientStatus
from campaigns.phrases import instant, listed, local_time


def place(facts: Facts, now: datetime) -> Verdict:
    """It is known where the number may be."""
    zones, today = facts.place.zones, "place" in facts.only_today
    if facts.place.apart is not None:
        return refuses(
            "place",
            why_unknown(facts.place, facts.person.number),
            fate=RecipientStatus.REVIEW,
            as_of_today=today,
        )
    if not facts.place.known:
        what = "in which time zones" if facts.place.country is not None else "in which country"
        return refuses(
            "place",
            f"nobody can say {what} {facts.person.number} may be",
            fate=RecipientStatus.REVIEW,
            as_of_today=today,
        )
    parts = f" ({', '.join(facts.place.subdivisions)})" if facts.place.subdivisions else ""
    told = f"The number may be in {facts.place.country}{parts}: {listed(zones)}."
    return passes("place", told, as_of_today=today)


def hours(facts: Facts, now: datetime) -> Verdict:
    """The rules' hours and the campaign's own are open in every zone the number may be in."""
    today = "hours" in facts.only_today
    if facts.open_until is not None and now < facts.open_until:
        return passes("hours", "The calling hours are open.", as_of_today=today)
    clocks = local_time(now, facts.place.zones)
    closes = facts.hours.open_until(now)
    if closes is not None:
        return passes(
            "hours",
            f"It is {clocks}; {_whose(facts)} let calls through until {instant(closes)}.",
            as_of_today=today,
        )
    opens = facts.hours.next_allowed(now)
    told = f"it is {clocks}; {_closed(facts, now)}"
    if opens is None:
        return refuses(
            "hours",
            f"{told}, and no window opens in sight",
            fate=RecipientStatus.REVIEW,
            as_of_today=today,
        )
    told += f"; open again {local_time(opens, facts.place.zones)}"
    return refuses("hours", told, until=opens, as_of_today=today)


def pace(facts: Facts, now: datetime) -> Verdict:
    """Whether a slot can be told. Slots themselves are handed out by the tick alone."""
    if facts.pace is None:
        return passes("pace", "Slots are handed out by the tick.", as_of_today=facts.past)
    if facts.pace.free > 0:
        return passes("pace", facts.pace.told)
    return refuses("pace", facts.pace.told, until=facts.pace.next_slot)


def _whose(facts: Facts) -> str:
    codes = f"the rules {listed(facts.rules.codes)}" if facts.rules.codes else "the rules"
    return codes if facts.campaign.windows is None else f"{codes} and the campaign's hours"


def _closed(facts: Facts, now: datetime) -> str:
    """Which hours are closed in which zones."""
    found = []
    rules = facts.rules.windows
    for zone in facts.place.zones:
        whose = []
        if rules and not all(allowed((one,), (zone,), now) for one in rules):
            whose.append(f"the rules {listed(facts.rules.codes)}")
        own = facts.campaign.windows
        if own is not None and not allowed((own,), (zone,), now):
            whose.append("the campaign's hours")
        if whose:
            found.append(f"{listed(whose)} are closed in {zone}")
    if found:
        return listed(found)
    return f"{_whose(facts)} close within {facts.rules.close_early / 60:g} minutes"
