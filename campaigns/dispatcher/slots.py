"""Slots that satisfy every limit on their way, given one by one within a tick."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns import pacing
from campaigns.store.dispatch import AccountLoad

# The soonest a slot may be: its hint has to travel first.
LEAD_SECONDS = 0.12


@dataclass(slots=True)
class Pace:
    """One rate limit with its state, moved on by every slot given under it."""

    scope: pacing.Scope

    @classmethod
    def at(cls, next_free: datetime | None, cps: float, now: datetime, lookahead: float) -> "Pace":
        """A limit of `cps`, its state clamped against a clock that stepped back."""
        state = pacing.clamp(pacing.SlotState(next_free), now, cps, lookahead)
        return cls(pacing.Scope(state, cps))


class SlotBook:
    """Gives slots that satisfy every limit on their way: account, group, caller id, campaign.

    One book serves a whole tick, since several accounts may share one group's limit.
    """

    def __init__(self, now: datetime, horizon: datetime) -> None:
        self.now, self._horizon = now, horizon
        self._lookahead = (horizon - now).total_seconds()
        self._soonest = now + timedelta(seconds=LEAD_SECONDS)
        self._groups: dict[str, Pace] = {}

    def group(self, load: AccountLoad) -> Pace | None:
        """The limit of the account's pacing group, as the accounts before it left it."""
        if load.pacing_group is None or load.group_cps is None:
            return None
        if load.pacing_group not in self._groups:
            self._groups[load.pacing_group] = Pace.at(
                load.group_next_free, load.group_cps, self.now, self._lookahead
            )
        return self._groups[load.pacing_group]

    def pace(self, next_free: datetime | None, cps: float | None) -> Pace | None:
        """A limit, or None where there is none."""
        return Pace.at(next_free, cps, self.now, self._lookahead) if cps else None

    def available(self, paces: Sequence[Pace | None], most: int) -> int:
        """How many slots fit under all of these limits before the horizon."""
        scopes = [pace.scope for pace in paces if pace is not None]
        if not scopes:
            return max(most, 0)
        slots, _ = pacing.take_slots_in(scopes, self.now, self._horizon, max(most, 0), LEAD_SECONDS)
        return len(slots)

    def has_room(self, paces: Sequence[Pace | None]) -> bool:
        """Whether there is a slot that satisfies them all before the horizon."""
        return self.earliest(paces) < self._horizon

    def earliest(self, paces: Sequence[Pace | None]) -> datetime:
        """When the next slot that satisfies them all falls, be it before the horizon or not."""
        states = [pace.scope.state.next_free for pace in paces if pace is not None]
        return max([self._soonest, *(state for state in states if state is not None)])

    def take(self, paces: Sequence[Pace | None]) -> datetime | None:
        """The next slot that satisfies them all; None when there is none before the horizon."""
        real = [pace for pace in paces if pace is not None]
        slots, states = pacing.take_slots_in(
            [pace.scope for pace in real], self.now, self._horizon, 1, LEAD_SECONDS
        )
        for pace, state in zip(real, states, strict=True):
            pace.scope = replace(pace.scope, state=state)
        return slots[0] if slots else None
