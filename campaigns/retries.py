"""What follows from how an attempt ended: when to call again, or why not.

Times are instants before any calling window is applied; whoever plans the call moves them into
the next legal one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Self

from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition, RecipientStatus

LONGEST_WAIT = 7 * 86400  # seconds
MOST_WAITS = 20
MOST_ATTEMPTS = 20

CANCELS_BEFORE_REVIEW = 20
CANCEL_WAIT_LIMIT = 60.0  # seconds
CANCEL_JITTER = 0.1

RETRYABLE = frozenset(
    {
        Disposition.BUSY,
        Disposition.NO_ANSWER,
        Disposition.FAILED,
        Disposition.CARRIER_CONGESTION,
        Disposition.ANSWERED_MACHINE,
        Disposition.UNKNOWN,
    }
)

# After these another number of the same person may do better; the others say nothing about it.
_MOVES_ON = frozenset({Disposition.BUSY, Disposition.NO_ANSWER, Disposition.FAILED})

_SETTLED: dict[Disposition, tuple[RecipientStatus, str]] = {
    Disposition.ANSWERED_HUMAN: (RecipientStatus.COMPLETED, "answered by a person"),
    Disposition.ANSWERED: (RecipientStatus.COMPLETED, "answered"),
    Disposition.OPTED_OUT: (RecipientStatus.BLOCKED, "asked not to be called again"),
    Disposition.REJECTED: (RecipientStatus.EXHAUSTED, "declined"),
}


def _default_waits() -> dict[Disposition, tuple[int, ...]]:
    return {
        Disposition.BUSY: (300, 600, 1200),
        Disposition.NO_ANSWER: (900, 1800, 3600),
        Disposition.FAILED: (300, 900),
        Disposition.CARRIER_CONGESTION: (120, 300, 600),
        Disposition.ANSWERED_MACHINE: (3600,),
        Disposition.UNKNOWN: (3600,),
    }


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which endings are retried, after how many seconds, and how often.

    `waits` gives for each disposition the wait after the first, second, ... attempt of the
    recipient; the last one repeats, and a disposition without waits is not retried. A wait is a
    minimum: `jitter` (a fraction) only lengthens it. `max_per_day` counts any 24 hours.
    An unknown ending is retried only with `redial_unknown`, since a call may have been made.
    """

    waits: Mapping[Disposition, tuple[int, ...]] = field(default_factory=_default_waits)
    max_attempts: int = 3
    max_per_day: int | None = None
    machine_counts_as_reached: bool = True
    redial_unknown: bool = False
    jitter: float = 0.1

    def __post_init__(self) -> None:
        """Raise `InvalidInput` for any value that cannot be kept."""
        for disposition, waits in self.waits.items():
            _check_waits(disposition, waits)
        _check_count("max_attempts", self.max_attempts)
        if self.max_per_day is not None:
            _check_count("max_per_day", self.max_per_day)
        for name in ("machine_counts_as_reached", "redial_unknown"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidInput(f"{name} must be true or false.")
        if not _is_number(self.jitter) or not 0 <= self.jitter <= 1:
            raise InvalidInput("jitter must be a fraction between 0 and 1.")
        object.__setattr__(self, "waits", MappingProxyType(dict(self.waits)))

    @classmethod
    def parse(cls, value: object) -> Self:
        """A policy from its JSON form; what is left out has its default. Raises `InvalidInput`.

        `waits`, when given, replaces the default table as a whole.
        """
        names = [one.name for one in fields(cls)]
        if not isinstance(value, dict) or not set(value) <= set(names):
            raise InvalidInput(f"A retry policy is a table with any of: {', '.join(names)}.")
        given = dict(value)
        if "waits" in given:
            given["waits"] = _read_waits(given["waits"])
        return cls(**given)

    def serialise(self) -> dict[str, object]:
        """The JSON form that `parse` reads back to an equal value."""
        waits = {disposition.value: list(each) for disposition, each in self.waits.items()}
        rest = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "waits"}
        return {"waits": waits, **rest}


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Call again, not before `at`; with `next_number`, the recipient's next number in order."""

    at: datetime
    next_number: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """No further call by itself: the recipient's final status and the reason, for people."""

    status: RecipientStatus
    reason: str


def decide(
    policy: RetryPolicy,
    disposition: Disposition,
    *,
    attempts_spent: int,
    attempts_last_day: int,
    now: datetime,
    numbers_left: int,
    fraction: float,
    time_scale: float = 1.0,
) -> RetryAt | Stop:
    """What follows for a recipient whose attempt just ended with `disposition`.

    Both counts include that attempt unless it was `CANCELED`, which spends nothing;
    `numbers_left` counts the recipient's other numbers not known to be invalid. `fraction`
    (0 to 1) is the dice for the jitter. `time_scale` (above 0, at most 1) shortens waits and the
    day of `max_per_day`; the caller counts `attempts_last_day` over the same shortened day.
    """
    _check_unit("fraction", fraction, above_zero=False)
    _check_unit("time_scale", time_scale, above_zero=True)
    if disposition in _SETTLED:
        return Stop(*_SETTLED[disposition])
    if disposition is Disposition.CANCELED:
        return RetryAt(now)
    full_day = policy.max_per_day is not None and attempts_last_day >= policy.max_per_day
    # The times of the day's calls are not known here; a whole day later all of them have left it.
    day = timedelta(seconds=86400 * time_scale) if full_day else timedelta(0)
    if disposition is Disposition.INVALID_NUMBER:
        # Nobody was rung, so the limit on attempts does not keep a good number from its turn.
        if numbers_left > 0:
            return RetryAt(now + day, next_number=True)
        return Stop(RecipientStatus.EXHAUSTED, "no valid number left")
    final = _no_retry(policy, disposition, attempts_spent)
    if final is not None:
        return final
    waits = policy.waits[disposition]
    seconds = waits[min(max(attempts_spent, 1), len(waits)) - 1]
    wait = timedelta(seconds=seconds * time_scale * (1 + policy.jitter * fraction))
    return RetryAt(now + max(wait, day), numbers_left > 0 and disposition in _MOVES_ON)


def cancel_backoff(
    reason: str, cancels_in_row: int, now: datetime, fraction: float
) -> RetryAt | Stop:
    """When a recipient whose attempt was cancelled for `reason` comes due again.

    1 s, doubling to 60 s, lengthened by up to a tenth (`fraction`, 0 to 1) so that a batch does
    not come back as one; never shortened by a time scale, since these are real conditions of this
    machine. From the 20th cancel in a row on a person has to look.
    """
    _check_unit("fraction", fraction, above_zero=False)
    if cancels_in_row >= CANCELS_BEFORE_REVIEW:
        return Stop(
            RecipientStatus.REVIEW,
            f"{cancels_in_row} attempts in a row were cancelled before any call: {reason}",
        )
    seconds = min(CANCEL_WAIT_LIMIT, 2.0 ** max(cancels_in_row - 1, 0))
    return RetryAt(now + timedelta(seconds=seconds * (1 + CANCEL_JITTER * fraction)))


def _no_retry(policy: RetryPolicy, disposition: Disposition, attempts_spent: int) -> Stop | None:
    """Why a retryable ending is not retried, or None."""
    if disposition is Disposition.ANSWERED_MACHINE and policy.machine_counts_as_reached:
        return Stop(RecipientStatus.COMPLETED, "answered by a machine")
    if disposition is Disposition.UNKNOWN and not policy.redial_unknown:
        return Stop(RecipientStatus.REVIEW, "a call may have been made; how it ended is not known")
    if attempts_spent >= policy.max_attempts:
        return Stop(RecipientStatus.EXHAUSTED, f"all {policy.max_attempts} attempts were made")
    if not policy.waits.get(disposition):
        return Stop(RecipientStatus.EXHAUSTED, f"{disposition} is not retried")
    return None


def _read_waits(value: object) -> dict[Disposition, tuple[int, ...]]:
    known = ", ".join(sorted(RETRYABLE))
    if not isinstance(value, dict):
        raise InvalidInput(f"waits is a table from an ending to seconds. Endings: {known}.")
    waits = {}
    for name, seconds in value.items():
        if name not in RETRYABLE or not isinstance(seconds, list | tuple):
            raise InvalidInput(f"waits needs a list of seconds for any of: {known}.")
        waits[Disposition(name)] = tuple(seconds)
    return waits


def _check_waits(disposition: Disposition, waits: tuple[int, ...]) -> None:
    if disposition not in RETRYABLE:
        raise InvalidInput(f"{disposition} is final and cannot be retried.")
    if len(waits) > MOST_WAITS:
        raise InvalidInput(f"{disposition} has more than {MOST_WAITS} waits.")
    for seconds in waits:
        if not _is_whole(seconds) or not 0 <= seconds <= LONGEST_WAIT:
            raise InvalidInput(
                f"A wait after {disposition} must be whole seconds between 0 and {LONGEST_WAIT}."
            )


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_ATTEMPTS:
        raise InvalidInput(f"{name} must be a whole number between 1 and {MOST_ATTEMPTS}.")


def _check_unit(name: str, value: float, *, above_zero: bool) -> None:
    if not 0 <= value <= 1 or (above_zero and value == 0):
        raise InvalidInput(f"{name} must be between 0 and 1, not {value}.")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
