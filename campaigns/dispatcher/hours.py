"""Which zone keys are open now. A memory of answers that stay true until a known instant."""

import json
from collections.abc import Mapping
from datetime import datetime

from campaigns import compliance
from campaigns.compliance import Hours, Place, Rulebook, Ruled


class OpenHours:
    """Remembers for each campaign's rules and each place whether it is open, and until when."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._book: Rulebook | None = None
        self._hours: dict[tuple[str, Place, bool], Hours] = {}
        self._known: dict[tuple[str, Place], tuple[bool, datetime]] = {}
        self._now: datetime | None = None

    @property
    def book(self) -> Rulebook:
        """The rules of this tick."""
        assert self._book is not None, "refresh() comes first"
        return self._book

    def refresh(self, places: Mapping[int, Place], book: Rulebook, now: datetime) -> None:
        """Begin a tick: take the places there are and forget answers that are no longer true.

        Other rules, and a clock that went back, make every answer doubtful, so all are forgotten.
        """
        if self._book is not book:
            self._hours.clear()
            self._known.clear()
        if self._now is not None and now < self._now:
            self._known.clear()
        self._places, self._book, self._now = dict(places), book, now
        self._known = {key: known for key, known in self._known.items() if known[1] > now}

    def place(self, key: int) -> Place:
        """The place that a zone key stands for."""
        return self._places[key]

    def open_keys(self, campaign: Ruled) -> dict[int, datetime]:
        """The zone keys open under the rules and the campaign's windows: key → open until.

        Open for those whose consent spares them some of the rules: of everybody else each gate
        asks again.
        """
        name = _name(campaign)
        answers = {key: self._answer(name, campaign, place) for key, place in self._places.items()}
        return {key: until for key, (is_open, until) in answers.items() if is_open}

    def hours(self, campaign: Ruled, place: Place, *, consented: bool = False) -> Hours:
        """When a campaign may call a place; or those there whom a consent spares some rules."""
        return self._hours_of(_name(campaign), campaign, place, consented=consented)

    def _hours_of(self, name: str, campaign: Ruled, place: Place, *, consented: bool) -> Hours:
        key = name, place, consented
        if key not in self._hours:
            self._hours[key] = compliance.hours_for(self.book, campaign, place, consented=consented)
        return self._hours[key]

    def _answer(self, name: str, campaign: Ruled, place: Place) -> tuple[bool, datetime]:
        known = self._known.get((name, place))
        if known is None:
            known = self._known[name, place] = self._ask(name, campaign, place)
        return known

    def _ask(self, name: str, campaign: Ruled, place: Place) -> tuple[bool, datetime]:
        assert self._now is not None, "refresh() comes first"
        hours = self._hours_of(name, campaign, place, consented=True)
        if hours.allowed(self._now):
            return True, hours.open_until(self._now) or self._now
        # None in sight: asked again when what lies beyond the look-ahead has come nearer.
        later = self._now + compliance.LOOKS_AHEAD
        return False, hours.next_allowed(self._now) or later


def _name(campaign: Ruled) -> str:
    """What campaigns with the same hours have in common."""
    windows = json.dumps(campaign.windows, sort_keys=True)
    return " ".join((campaign.rule_set, campaign.purpose, campaign.voice, windows))
