"""When the reminders of an appointment are due: one or several, each until the next one.

A stage is one of them, counted from 0. The database plans by the same rule where it plans for many
people at once (`planned_stage`, migration 0018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from campaigns.errors import InvalidInput

MOST_STAGES = 10
LONGEST_AHEAD = 366 * 86400.0  # seconds


@dataclass(frozen=True, slots=True)
class Stage:
    """Remind `offset` seconds before an appointment, until `deadline` seconds before it."""

    offset: float
    deadline: float = 0.0

    def __post_init__(self) -> None:
        """Raise `InvalidInput` unless offset > deadline >= 0, both at most 366 days."""
        if not 0 <= self.deadline < self.offset <= LONGEST_AHEAD:
            raise InvalidInput(
                "A reminder must be due before its deadline, and both before the appointment, "
                "by at most 366 days."
            )


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """The reminders of each appointment, the earliest first; one ends at latest when the next is
    due. Whoever confirmed is reminded again only with `again_when_confirmed`."""

    stages: tuple[Stage, ...]
    again_when_confirmed: bool = False

    @classmethod
    def once(cls, offset: float, deadline: float = 0.0) -> Self:
        """A single reminder. Raises `InvalidInput`."""
        return cls((Stage(offset, deadline),))

    @classmethod
    def of(
        cls,
        offsets: Sequence[float],
        deadlines: Sequence[float] | float = 0.0,
        *,
        again_when_confirmed: bool = False,
    ) -> Self:
        """A reminder at each of `offsets`, in whatever order; `deadlines` belong to them one by
        one, or are the same for all. Raises `InvalidInput`."""
        if not 1 <= len(offsets) <= MOST_STAGES:
            raise InvalidInput(f"An appointment has 1 to {MOST_STAGES} reminders.")
        ends = [deadlines] * len(offsets) if isinstance(deadlines, int | float) else [*deadlines]
        if len(ends) != len(offsets):
            raise InvalidInput("There must be as many deadlines as reminders, or one for all.")
        pairs = sorted(zip(map(float, offsets), map(float, ends), strict=True), reverse=True)
        if len({offset for offset, _ in pairs}) < len(pairs):
            raise InvalidInput("Two reminders of an appointment cannot be due at the same time.")
        following = [*(offset for offset, _ in pairs[1:]), 0.0]
        stages = (
            Stage(offset, max(end, later))
            for (offset, end), later in zip(pairs, following, strict=True)
        )
        return cls(tuple(stages), again_when_confirmed)

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> Self:
        """A rule from its JSON form, that of one reminder or of several. Raises `InvalidInput`."""
        try:
            if "offsets" not in value:
                return cls.once(float(value["offset"]), float(value.get("deadline") or 0.0))
            return cls.of(
                value["offsets"],
                value.get("deadlines") or float(value.get("deadline") or 0.0),
                again_when_confirmed=bool(value.get("again_when_confirmed", False)),
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise InvalidInput("The reminder rule cannot be read.") from problem

    def serialise(self) -> dict[str, Any]:
        """The JSON form that `parse` reads back to an equal value."""
        first = self.stages[0]
        if len(self.stages) == 1 and not self.again_when_confirmed:
            return {"offset": first.offset, "deadline": first.deadline}
        return {
            "offsets": [stage.offset for stage in self.stages],
            "deadlines": [stage.deadline for stage in self.stages],
            "again_when_confirmed": self.again_when_confirmed,
        }


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder to be given from `due_at` on; from `deadline_at` on it is of no use."""

    due_at: datetime
    deadline_at: datetime
    stage: int = 0


@dataclass(frozen=True, slots=True)
class TooLate:
    """The deadline of the last reminder had passed before it could be planned."""

    deadline_at: datetime


def due_times(
    rule: ReminderRule, appointment: datetime, now: datetime, first: int = 0
) -> Due | TooLate:
    """When the next reminder of an appointment is due: at its time, or now if that has passed.

    The next one is the first, from stage `first` on, that is still of use.
    """
    for number, stage in enumerate(rule.stages):
        deadline_at = appointment - timedelta(seconds=stage.deadline)
        if number >= first and now < deadline_at:
            return Due(max(appointment - timedelta(seconds=stage.offset), now), deadline_at, number)
    return TooLate(appointment - timedelta(seconds=rule.stages[-1].deadline))
