"""Answers that may be a second old: many watchers cost the database one set of queries."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import FastAPI

LEAST_SECONDS = 0.9
# Counting is never more than this share of the time, however large the tables have grown.
SHARE = 0.1
KEPT = 64

T = TypeVar("T")


@dataclass(slots=True)
class _Glance:
    value: Any
    good_until: float


class Glances:
    """Remembers the last answers for a moment; the longer one took, the longer it is kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._known: OrderedDict[Hashable, _Glance] = OrderedDict()

    def at(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The answer for `key`, computed anew when it is no longer fresh; by one thread at a time.

        What `compute` raises is raised to whoever asked, and nothing is remembered.
        """
        with self._lock:
            mine = self._locks.setdefault(key, threading.Lock())
        with mine:
            known = self._known.get(key)
            if known is None or known.good_until <= self._clock():
                began = self._clock()
                value = compute()
                took = self._clock() - began
                known = self._remember(key, value, max(LEAST_SECONDS, took / SHARE))
            found: T = known.value
            return found

    def _remember(self, key: Hashable, value: Any, seconds: float) -> _Glance:
        glance = _Glance(value, self._clock() + seconds)
        with self._lock:
            self._known[key] = glance
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                forgotten, _ = self._known.popitem(last=False)
                self._locks.pop(forgotten, None)
        return glance


def glances_of(app: FastAPI) -> Glances:
    """The application's glances, made on first use."""
    if not hasattr(app.state, "glances"):
        app.state.glances = Glances()
    found: Glances = app.state.glances
    return found
