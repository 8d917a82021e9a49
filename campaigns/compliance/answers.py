"""May this number be called at this instant? The answer with its reasons, for whoever asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from campaigns.compliance.hours import Hours
from campaigns.compliance.place import Place, PostalAddress, place_of
from campaigns.compliance.rulebook import Applied, Rulebook
from campaigns.compliance.terms import ConsentNeed, Duties, Purpose, Voice
from campaigns.compliance.windows import WeeklyWindows
from campaigns.compliance.zones import zone_named

_MOST_ZONES_TOLD = 4


@dataclass(frozen=True, slots=True)
class Question:
    """A number (E.164) and an instant, with whatever else is known of the call.

    Purpose and voice None: not known, so the rules for every ordinary one bind.
    """

    number: str
    at: datetime
    zone: str | None = None
    address: PostalAddress | None = None
    purpose: Purpose | None = None
    voice: Voice | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules say about one number at one instant.

    `allowed` is about hours and zones alone; `needs` lists what else is asked for, in words:
    `consent:express`, `consent:written`, `consent:optin_proof`, `identify`, `opt_out`,
    `ring:SECONDS`, `revocation:DAYSd`, `gap:HOURSh`, `cap:N/HOURSh:SCOPE`,
    `cooloff_refusal:DAYSd`, `cooloff_abandoned:HOURSh`, `abandoned:PERCENT%/DAYSd`.
    """

    number: str
    at: datetime
    allowed: bool
    country: str | None
    subdivisions: tuple[str, ...]
    zones: tuple[str, ...]
    line: str
    purpose: str | None
    voice: str | None
    rule_set: str
    version: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    next_allowed: datetime | None
    open_until: datetime | None
    needs: tuple[str, ...]


def answer(book: Rulebook, rule_set: str, asked: Question) -> Answer:
    """What a rule set says. Raises `InvalidInput` for a zone or rule set that does not exist."""
    place = place_of(asked.number, zone=asked.zone, address=asked.address)
    applied = book.applied(rule_set, place, asked.purpose, asked.voice, asked.at)
    hours = book.hours(rule_set, place, asked.purpose, asked.voice)
    return Answer(
        number=asked.number,
        at=asked.at,
        allowed=hours.allowed(asked.at),
        country=place.country,
        subdivisions=place.subdivisions,
        zones=place.zones,
        line=place.line.value,
        purpose=asked.purpose.value if asked.purpose else None,
        voice=asked.voice.value if asked.voice else None,
        rule_set=rule_set,
        version=applied.version,
        rules=applied.codes,
        reasons=tuple(_reasons(book, rule_set, place, asked, hours)),
        next_allowed=hours.next_allowed(asked.at),
        open_until=hours.open_until(asked.at),
        needs=needs_of(applied),
    )


def needs_of(applied: Applied) -> tuple[str, ...]:
    """The duties and limits of what binds, as short words."""
    return (*_duties(applied.duties), *_limits(applied))


def _duties(duties: Duties) -> Iterator[str]:
    if duties.consent is not ConsentNeed.NONE:
        yield f"consent:{duties.consent}"
    if duties.consent_max_age is not None:
        yield f"consent_age:{duties.consent_max_age / 86400:g}d"
    if duties.must_identify:
        yield "identify"
    if duties.must_offer_opt_out:
        yield "opt_out"
    if duties.min_ring_seconds:
        yield f"ring:{duties.min_ring_seconds}"
    if duties.opt_out_within_days is not None:
        yield f"revocation:{duties.opt_out_within_days}d"


def _limits(applied: Applied) -> Iterator[str]:
    if applied.min_gap >= 60:
        yield f"gap:{applied.min_gap / 3600:g}h"
    for cap in applied.caps:
        yield f"cap:{cap.n}/{cap.seconds / 3600:g}h:{cap.scope}"
    if applied.cooloffs.refusal:
        yield f"cooloff_refusal:{applied.cooloffs.refusal / 86400:g}d"
    if applied.cooloffs.abandoned:
        yield f"cooloff_abandoned:{applied.cooloffs.abandoned / 3600:g}h"
    for limit in applied.abandon:
        yield f"abandoned:{limit.percent:g}%/{limit.days}d"


def _reasons(
    book: Rulebook, rule_set: str, place: Place, asked: Question, hours: Hours
) -> Iterator[str]:
    if not place.known:
        yield why_unknown(place, asked.number)
        return
    closed = list(_closed(book, rule_set, place, asked))
    if closed:
        yield from closed
        return
    until = hours.open_until(asked.at)
    if until is None:
        minutes = hours.close_early / 60
        yield (
            f"Every window is open, but no call is begun in the last {minutes:g} minutes before "
            "one closes."
        )
        return
    where = _listed(place.zones)
    told = " and ".join(_local(asked.at, zone) for zone in place.zones[:_MOST_ZONES_TOLD])
    yield f"Every window is open in {where}, where it is {told}; until {until:%Y-%m-%d %H:%M}Z."


def why_unknown(place: Place, number: str) -> str:
    """Why nobody can say by which rules or clocks a number may be called."""
    if place.apart is not None:
        of_number, of_address = place.apart
        return (
            f"{number} is a number of {of_number}, and the address given with it is in "
            f"{of_address}. Nobody can say whose rules and which clocks hold, so it is for review, "
            "never for calling: correct the number, or hand the person in again with the right "
            "address."
        )
    if place.country is None:
        return (
            f"No country can be told for {number}, so no rules are known: it is for review, "
            "never for calling."
        )
    return (
        f"No time zone can be told for {number}: toll-free, premium and personal numbers, and "
        "those nobody knows, may be anywhere. It is for review; give a time zone or an address."
    )


def _closed(book: Rulebook, rule_set: str, place: Place, asked: Question) -> Iterator[str]:
    """A sentence for each rule and zone in which it is closed."""
    for zone in place.zones:
        wall = asked.at.astimezone(zone_named(zone))
        day = wall.date()
        for code, windows in book.windows_by_rule(rule_set, place, asked.purpose, asked.voice, day):
            told = _why_shut(windows, zone, asked.at)
            if told is not None:
                yield f"{code}: {told}"


def _why_shut(windows: tuple[WeeklyWindows, ...], zone: str, at: datetime) -> str | None:
    wall = at.astimezone(zone_named(zone))
    here = _local(at, zone)
    for one in windows:
        week = one.with_holidays(None)
        if not week.inside(wall):
            return f"open {week}, and it is {here} in {zone}."
        if one.closed_on(wall.date()):
            return f"{wall:%-d %B %Y} is a holiday ({one.holidays}) in {zone}."
    return None


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(zone_named(zone)):%H:%M on %A}"


def _listed(zones: tuple[str, ...]) -> str:
    more = len(zones) - _MOST_ZONES_TOLD
    told = ", ".join(zones[:_MOST_ZONES_TOLD])
    return f"{told} and {more} more zones" if more > 0 else told


__all__ = ["Answer", "Question", "answer", "needs_of", "why_unknown"]
