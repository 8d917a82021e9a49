"""A campaign's retry policy: a value that is checked once and never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Self

from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition

LONGEST_WAIT = 7 * 86400  # seconds
MOST_WAITS = 20
MOST_ATTEMPTS = 20
MOST_NUMBERS = 10

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

_SWITCHES = ("machine_counts_as_reached", "message_then_person", "redial_unknown", "other_hour")


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
    """Which endings are retried, after how many seconds, how often, and on which number.

    `waits` gives for each disposition the wait after the first, second, ... attempt of the
    recipient; the last one repeats, and a disposition without waits is not retried. A wait is a
    minimum: `jitter` (a fraction) only lengthens it. `limits` is how many attempts may end so,
    within `max_attempts`. `max_per_day` counts any 24 hours. `per_number` is how often the first,
    second, ... number that is not known to be invalid is called; the last one repeats, and empty
    means no limit of its own. With `other_hour`, a call that falls on a later day goes out at an
    hour at which the person was not called before, where calling hours and deadlines allow that.

    A machine counts as reached, or is called again; with `message_then_person` (which then goes
    before `machine_counts_as_reached`) a message is left once, a person is called for until the
    attempts are used up, and whoever has the message then counts as reached. An unknown ending is
    retried only with `redial_unknown`, since a call may have been made.
    """

    waits: Mapping[Disposition, tuple[int, ...]] = field(default_factory=_default_waits)
    limits: Mapping[Disposition, int] = field(default_factory=dict)
    max_attempts: int = 3
    max_per_day: int | None = None
    per_number: tuple[int, ...] = ()
    machine_counts_as_reached: bool = True
    message_then_person: bool = False
    redial_unknown: bool = False
    other_hour: bool = True
    jitter: float = 0.1

    def __post_init__(self) -> None:
        """Raise `InvalidInput` for any value that cannot be kept."""
        for disposition, waits in self.waits.items():
            _check_waits(disposition, waits)
        for disposition, limit in self.limits.items():
            _check_limit(disposition, limit)
        _check_count("max_attempts", self.max_attempts)
        if self.max_per_day is not None:
            _check_count("max_per_day", self.max_per_day)
        if len(self.per_number) > MOST_NUMBERS:
            raise InvalidInput(f"per_number has more than {MOST_NUMBERS} limits.")
        for limit in self.per_number:
            _check_count("per_number", limit)
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise InvalidInput(f"{name} must be true or false.")
        if not _is_number(self.jitter) or not 0 <= self.jitter <= 1:
            raise InvalidInput("jitter must be a fraction between 0 and 1.")
        object.__setattr__(self, "waits", MappingProxyType(dict(self.waits)))
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))

    @property
    def machine_is_enough(self) -> bool:
        """Whether nobody is called again after a machine has answered."""
        return self.machine_counts_as_reached and not self.message_then_person

    def most_calls_to(self, place: int) -> int:
        """How often the number at this place of those that are not known to be invalid is called,
        at most."""
        if not self.per_number:
            return self.max_attempts
        return self.per_number[min(place, len(self.per_number) - 1)]

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
        if "limits" in given:
            given["limits"] = _read_limits(given["limits"])
        if "per_number" in given:
            given["per_number"] = _read_per_number(given["per_number"])
        return cls(**given)

    def serialise(self) -> dict[str, object]:
        """The JSON form that `parse` reads back to an equal value."""
        tables = ("waits", "limits", "per_number")
        rest = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in tables}
        return {
            "waits": {disposition.value: list(each) for disposition, each in self.waits.items()},
            "limits": {disposition.value: limit for disposition, limit in self.limits.items()},
            "per_number": list(self.per_number),
            **rest,
        }


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


def _read_limits(value: object) -> dict[Disposition, int]:
    known = ", ".join(sorted(RETRYABLE))
    if not isinstance(value, dict) or not all(name in RETRYABLE for name in value):
        raise InvalidInput(f"limits is a table from an ending to a number of calls. One of {known}")
    return {Disposition(name): limit for name, limit in value.items()}


def _read_per_number(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidInput("per_number is a list: how often the first, second, ... is called.")
    return tuple(value)


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


def _check_limit(disposition: Disposition, limit: int) -> None:
    if disposition not in RETRYABLE:
        raise InvalidInput(f"{disposition} is final and cannot have a limit.")
    if not _is_whole(limit) or not 1 <= limit <= MOST_ATTEMPTS:
        raise InvalidInput(
            f"The limit of {disposition} must be a whole number between 1 and {MOST_ATTEMPTS}."
        )


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_ATTEMPTS:
        raise InvalidInput(f"{name} must be a whole number between 1 and {MOST_ATTEMPTS}.")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
