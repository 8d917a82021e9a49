"""Which fault when: by the seed alone, paced so that the campaigns still get somewhere."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import httpx
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.drill.faults import FAULTS, Fault
from campaigns.drill.messages import MESSAGES
from campaigns.drill.operators import DEEDS
from campaigns.drill.stage import Stage
from campaigns.errors import InvalidInput

# Seconds between two faults, beside the rest that heavy ones need; and between two tokens for
# crash points, which strike whoever comes there next.
CLOSEST, FARTHEST = 0.5, 1.5
TOKENS = 1.5, 3.0
# Seconds without a call after which faults wait for one, and how long they do.
CALM, PATIENCE = 1.5, 10.0
LOOK_SECONDS = 0.5


def groups() -> dict[str, list[str]]:
    """Every fault there is, by group."""
    found: dict[str, list[str]] = {}
    for name, group in (
        *((fault.name, fault.group) for fault in FAULTS.values()),
        *((name, "people") for name in DEEDS),
        *((name, "messages") for name in MESSAGES),
    ):
        found.setdefault(group, []).append(name)
    return found


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise `InvalidInput` for a name that is neither a fault nor a group."""
    known = groups()
    names = {name for group in known.values() for name in group}
    for kind in kinds:
        if kind not in known and kind not in names:
            raise InvalidInput(
                f"There is no fault {kind!r}. Groups: {', '.join(sorted(known))}. "
                f"Faults: {', '.join(sorted(names))}."
            )


class Plan:
    """Goes through the chosen faults in an order of the seed's, again and again."""

    def __init__(self, stage: Stage, faults: Sequence[Fault], seed: int) -> None:
        self._stage = stage
        self._rng = random.Random(f"plan {seed}")
        points = [fault for fault in faults if fault.group == "crash"]
        others = [fault for fault in faults if fault.group != "crash"]
        self._points = _Deck(points, self._rng)
        self._heavy = _Deck([fault for fault in others if fault.rest], self._rng)
        self._light = _Deck([fault for fault in others if not fault.rest], self._rng)
        self._next_token = time.monotonic()
        self._next = time.monotonic()
        self._heavy_after = time.monotonic()
        self.fired: Counter[str] = Counter()
        self.diary: list[tuple[float, str, str]] = []

    def step(self) -> None:
        """Begin the next fault, if it is time."""
        now = time.monotonic()
        if now >= self._next_token:
            self._next_token = now + self._rng.uniform(*TOKENS)
            self._begin(self._points)
        if now >= self._next:
            self._next = now + self._rng.uniform(CLOSEST, FARTHEST)
            self._begin(self._heavy if self._heavy and now >= self._heavy_after else self._light)

    def _begin(self, deck: "_Deck") -> None:
        fault = deck.take()
        if fault is None:
            return
        try:
            told = fault.begin(self._stage)
        except (SQLAlchemyError, OSError, RedisError) as error:  # what it needs is away
            self.diary.append((time.time(), fault.name, f"not now: {type(error).__name__}"))
            told = None
        if told is None:
            deck.put_back(fault)
            return
        self.fired[fault.name] += 1
        self.diary.append((time.time(), fault.name, told))
        if fault.rest:
            self._heavy_after = time.monotonic() + fault.rest


class Breath:
    """Between faults somebody gets through, however slowly this machine starts its processes.

    What strikes a stack that earlier faults have just struck down meets nothing. Without a call
    for `CALM` seconds faults wait for one; no longer than `PATIENCE`, since some of them are what
    keeps calls from being made, and others find a wound in what is half up again.

    Args:
        calls: how many calls the carrier has had, asked for at most twice a second; an HTTP error
            counts as none.
    """

    def __init__(self, calls: Callable[[], int], now: float) -> None:
        self._calls, self._had = calls, 0
        self._looked_at = self._called_at = now

    def taken(self, now: float) -> bool:
        """Whether the next fault may come. `now` is monotonic, in seconds."""
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look(now)
        if now - self._called_at > CALM + PATIENCE:
            self._called_at = now
        return now - self._called_at <= CALM

    def _look(self, now: float) -> None:
        with suppress(httpx.HTTPError):
            calls = self._calls()
            if calls > self._had:
                self._had, self._called_at = calls, now


class _Deck:
    """Faults in an order of the seed's, each once before any of them comes again."""

    def __init__(self, faults: Sequence[Fault], rng: random.Random) -> None:
        self._faults, self._rng = list(faults), rng
        self._left: list[Fault] = []
        self._put_back: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def take(self) -> Fault | None:
        """The next one; None when there are none at all."""
        if not self._left:
            self._left = self._rng.sample(self._faults, len(self._faults))
            self._put_back.clear()
        return self._left.pop() if self._left else None

    def put_back(self, fault: Fault) -> None:
        """It met nothing to disturb: once more, as the last of this round."""
        if fault.name not in self._put_back:
            self._put_back.add(fault.name)
            self._left.insert(0, fault)
