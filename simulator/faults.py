"""The dice that decide which fault strikes, and the count of every fault that did."""

from collections import Counter
from random import Random
from typing import Any

from simulator.knobs import Knobs

DIAL_FAULTS = (
    "refuse_429",
    "error_500_refused",
    "error_500_accepted",
    "timeout_accepted",
    "timeout_refused",
    "reset_before",
    "reset_after_accept",
    "malformed_2xx",
    "empty_2xx",
    "no_id_2xx",
    "repeated_id_2xx",
    "redirect",
    "insufficient_balance",
)
REFUSING_FAULTS = frozenset(
    {
        "refuse_429",
        "error_500_refused",
        "timeout_refused",
        "reset_before",
        "redirect",
        "insufficient_balance",
    }
)


class Faults:
    """The knobs as they stand and what they have done. Equal seeds give equal throws."""

    def __init__(self, knobs: Knobs, seed: int) -> None:
        self._initial = knobs
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Back to the knobs, dice and counts of the start."""
        self.knobs = self._initial
        self.counts: Counter[str] = Counter()
        self._dice = Random(self._seed)

    def turn(self, changes: dict[str, Any]) -> Knobs:
        self.knobs = self.knobs.merged(changes)
        return self.knobs

    def count(self, name: str) -> None:
        self.counts[name] += 1

    def strikes(self, name: str) -> bool:
        """Throw the dice for the rate called `name`; a hit is counted."""
        return self._hits(name, getattr(self.knobs, name))

    def seconds(self, name: str) -> float:
        """The seconds of the fault called `name` if it strikes (`<name>_rate`), else 0."""
        seconds: float = getattr(self.knobs, name)
        return seconds if seconds and self._hits(name, getattr(self.knobs, f"{name}_rate")) else 0.0

    def of_dial(self) -> str | None:
        """The one fault that strikes this dial request, if any."""
        return next((name for name in DIAL_FAULTS if self.strikes(name)), None)

    def _hits(self, name: str, rate: float) -> bool:
        if not rate or self._dice.random() >= rate:
            return False
        limit = self.knobs.at_most.get(name)
        if limit is not None and self.counts[name] >= limit:
            return False
        self.counts[name] += 1
        return True
