"""Which zone keys are open now. A memory of answers that stay true until a known instant."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns import compliance

Windows = tuple[compliance.WeeklyWindows, ...]


class OpenHours:
    """Remembers for each set of windows and zones whether it is open, and when that changes."""

    def __init__(self) -> None:
        self._zones: dict[int, tuple[str, ...]] = {}
        self._windows: dict[str, Windows] = {}
        self._known: dict[tuple[str, int], tuple[bool, datetime]] = {}
        self._now: datetime | None = None

    def refresh(self, zone_sets: Mapping[int, tuple[str, ...]], now: datetime) -> None:
        """Begin a tick: take the zone sets there are and forget answers that are no longer true.

        A clock that went back makes every answer doubtful, so all are forgotten.
        """
        if self._now is not None and now < self._now:
            self._known.clear()
        self._zones, self._now = dict(zone_sets), now
        self._known = {key: known for key, known in self._known.items() if known[1] > now}

    def open_keys(self, rule_set: str, windows: Mapping[str, Any]) -> dict[int, datetime]:
        """The zone keys open under the rules and the campaign's windows: key → open until."""
        name = f"{rule_set} {json.dumps(windows, sort_keys=True)}"
        answers = {key: self._answer(name, rule_set, windows, key) for key in self._zones}
        return {key: until for key, (is_open, until) in answers.items() if is_open}

    def _answer(
        self, name: str, rule_set: str, windows: Mapping[str, Any], key: int
    ) -> tuple[bool, datetime]:
        known = self._known.get((name, key))
        if known is None:
            known = self._known[name, key] = self._ask(name, rule_set, windows, key)
        return known

    def _ask(
        self, name: str, rule_set: str, windows: Mapping[str, Any], key: int
    ) -> tuple[bool, datetime]:
        assert self._now is not None, "refresh() comes first"
        if name not in self._windows:
            self._windows[name] = compliance.windows_for(rule_set, windows)
        both, zones, now = self._windows[name], self._zones[key], self._now
        if compliance.allowed(both, zones, now):
            return True, compliance.open_until(both, zones, now) or now
        # None in sight: asked again when what lies beyond the look-ahead has come nearer.
        later = now + compliance.LOOKS_AHEAD
        return False, compliance.next_allowed(both, zones, now) or later
