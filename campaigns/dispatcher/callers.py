"""Which number a call shows: of several one that is free, if possible the one shown before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from campaigns import phone
from campaigns.dispatcher.slots import Pace, SlotBook
from campaigns.store import caller_ids
from campaigns.store.caller_ids import PoolEntry
from campaigns.store.dispatch import AccountLoad, RunningCampaign
from campaigns.store.recipients import DueRecipient

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Caller:
    """One caller id during a tick: moved on by every slot that shows it."""

    entry: PoolEntry
    pace: Pace | None
    area: str | None
    touched: bool = False

    @property
    def id(self) -> int:
        """Of the caller id."""
        return self.entry.id

    def used(self, slot: datetime) -> None:
        """A call at `slot` shows it."""
        left = self.entry.day_left
        self.entry = replace(
            self.entry, last_slot_at=slot, day_left=None if left is None else left - 1
        )
        self.touched = True

    def as_saved(self) -> PoolEntry:
        """Its row as this tick leaves it."""
        if self.pace is None:
            return self.entry
        return replace(self.entry, next_free=self.pace.scope.state.next_free)


class Callers:
    """The caller ids of an account's campaigns in one tick."""

    def __init__(
        self,
        session: Session,
        load: AccountLoad,
        campaigns: Sequence[RunningCampaign],
        book: SlotBook,
    ) -> None:
        self._session, self._book = session, book
        self._by_id: dict[int, Caller] = {}
        self._pools: dict[int, list[Caller]] = {campaign.id: [] for campaign in campaigns}
        self._shown: dict[int, int] = {}
        ids = [campaign.id for campaign in campaigns]
        for entry in caller_ids.lock_pool(session, ids, book.now, load.time_scale):
            if entry.id not in self._by_id:
                self._by_id[entry.id] = Caller(
                    entry, book.pace(entry.next_free, entry.cps), phone.area_of(entry.number)
                )
            self._pools[entry.campaign_id].append(self._by_id[entry.id])

    def available(self, campaign_id: int, most: int) -> int:
        """How many calls of a campaign its caller ids allow in this tick, up to `most`."""
        total = 0
        for one in self._pools[campaign_id]:
            room = self._book.available([one.pace], most)
            total += room if one.entry.day_left is None else min(room, max(one.entry.day_left, 0))
        return min(total, most)

    def remember_shown(self, recipient_ids: Sequence[int]) -> None:
        """Look up which numbers these people were shown before, where there is a choice."""
        if recipient_ids and any(len(pool) > 1 for pool in self._pools.values()):
            self._shown = caller_ids.last_shown(self._session, recipient_ids)

    def choose(self, campaign: RunningCampaign, person: DueRecipient) -> Caller | None:
        """The caller id for a person's call; None when none is free before the horizon.

        The one they were shown before, since people call back; else one of their own area where
        the campaign wants that; else the one that was used least recently.
        """
        pool = self._pools[campaign.id]
        free = [one for one in pool if one.entry.day_left is None or one.entry.day_left > 0]
        free = [one for one in free if self._book.has_room([one.pace])]
        for one in free:
            if one.id == self._shown.get(person.id):
                return one
        if campaign.local_presence:
            area = phone.area_of(person.number)
            free = [one for one in free if area is not None and one.area == area] or free
        return min(free, key=lambda one: (one.entry.last_slot_at or NEVER, one.id), default=None)

    def save(self) -> None:
        """Write down what was given and counted."""
        changed = [
            one.as_saved()
            for one in self._by_id.values()
            if one.touched or one.entry.day_counted_at == self._book.now
        ]
        caller_ids.save_pool(self._session, changed)
