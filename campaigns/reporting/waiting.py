"""Who waits for what: a slot, their calling hours, their time to be called again, their day.

Pure but for the rules' own tables: what is in the database is handed in.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from campaigns import compliance
from campaigns.compliance import Place, Rulebook
from campaigns.lifecycle import CampaignStatus
from campaigns.reporting import words
from campaigns.reporting.values import Waiting
from campaigns.store.histories import CampaignRow
from campaigns.store.reports import WaitingZone


class Shut(NamedTuple):
    """A set of zones in which nobody may be called now. `opens_at` None: not in sight."""

    zone: str
    opens_at: datetime | None


class _Group(NamedTuple):
    """People who wait for the same thing, and when the first of them is due."""

    people: int
    first_at: datetime | None


def shut_keys(
    row: CampaignRow,
    keys: Iterable[int],
    places: Mapping[int, Place],
    book: Rulebook,
    now: datetime,
) -> dict[int, Shut]:
    """Those zone keys of a campaign's people under which nobody may be called at `now`."""
    hours = {key: compliance.hours_for(book, row, places[key]) for key in keys if key in places}
    return {
        key: Shut(places[key].zones[0], one.next_allowed(now))
        for key, one in hours.items()
        if not one.allowed(now)
    }


def waiting(
    zones: Sequence[WaitingZone],
    shut: Mapping[int, Shut],
    now: datetime,
    held: str | None = None,
) -> Waiting:
    """What a campaign's pending recipients wait for, in numbers and in a sentence.

    `held` is why nobody is called although they are due.
    """
    groups = _groups(zones)
    opening = min(
        (one for one in shut.values() if one.opens_at is not None),
        key=lambda one: one.opens_at or now,
        default=None,
    )
    opens_at = opening.opens_at if opening is not None and "hours" in groups else None
    counts: dict[str, Any] = {wait: group.people for wait, group in groups.items()}
    return Waiting(
        **counts,
        exact=all(one.exact for one in zones),
        next_due_at=_next_due(groups, opens_at, now),
        opens_at=opens_at,
        sentence=_sentence(groups, opening if opens_at else None, now, held),
    )


def next_window(zones: Sequence[WaitingZone], shut: Mapping[int, Shut], now: datetime) -> str:
    """When those who wait may be called, in words; empty when nobody waits."""
    keys = {one.zone_key for one in zones}
    if not keys:
        return ""
    if not keys <= set(shut):
        rest = f"; closed in {len(keys & set(shut))} of {len(keys)} zones"
        return f"Open now{rest if keys & set(shut) else ''}."
    opening = min(
        (shut[key] for key in keys if shut[key].opens_at is not None),
        key=lambda one: one.opens_at or now,
        default=None,
    )
    return words.sentence(_opening(opening, now))


def _groups(zones: Sequence[WaitingZone]) -> dict[str, _Group]:
    found: dict[str, _Group] = {}
    for one in zones:
        early, late = ("hours" if one.closed else "due"), ("retry" if one.retry else "later")
        for wait, people, at in ((early, one.early, None), (late, one.late, one.first_late)):
            if people > 0:
                known = found.get(wait, _Group(0, None))
                first = min((t for t in (known.first_at, at) if t is not None), default=None)
                found[wait] = _Group(known.people + people, first)
    order = ("due", "hours", "retry", "later")
    return {wait: found[wait] for wait in order if wait in found}


def not_running(row: CampaignRow, pending: int, retrying: int) -> str:
    """Who waits in a campaign that does not run. `retrying` of the `pending` were called before."""
    if row.status in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED):
        start = f", {words.instant(row.starts_at)}" if row.starts_at is not None else ""
        return f"{words.people(pending)} {_are(pending)} waiting for the start{start}."
    paused = row.status == CampaignStatus.PAUSED
    parts = []
    if fresh := pending - retrying:
        were = "was" if fresh == 1 else "were"
        parts.append(f"{words.people(fresh)} {were} not called{' yet' if paused else ''}")
    if retrying:
        were = _are(retrying) if paused else "was" if retrying == 1 else "were"
        parts.append(f"{words.people(retrying)} {were} to be called again")
    return f"{words.listed(parts)}."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _next_due(
    groups: Mapping[str, _Group], opens_at: datetime | None, now: datetime
) -> datetime | None:
    if "due" in groups:
        return now
    ahead = [groups[wait].first_at for wait in ("retry", "later") if wait in groups]
    return min((at for at in (*ahead, opens_at) if at is not None), default=None)


def _sentence(
    groups: Mapping[str, _Group], opening: Shut | None, now: datetime, held: str | None
) -> str:
    if not groups:
        return "Nobody is waiting."
    if set(groups) == {"hours"}:
        count = groups["hours"].people
        return (
            f"{words.people(count)} {'waits' if count == 1 else 'wait'} for their calling hours; "
            f"{_opening(opening, now)}."
        )
    parts = []
    if "due" in groups:
        parts.append(_due(groups["due"].people, held))
    if "hours" in groups:
        parts.append(
            f"{groups['hours'].people:,} for their calling hours ({_opening(opening, now)})"
        )
    if "retry" in groups:
        parts.append(f"{groups['retry'].people:,} to be called again{_first(groups['retry'], now)}")
    if "later" in groups:
        parts.append(f"{groups['later'].people:,} for their time{_first(groups['later'], now)}")
    return _joined(parts, due_first="due" in groups)


def _first(group: _Group, now: datetime) -> str:
    return "" if group.first_at is None else f", the first {words.until(group.first_at, now)}"


def _due(count: int, held: str | None) -> str:
    if held is None:
        return f"{words.people(count)} can be called now"
    return f"{words.people(count)} {_are(count)} due, but {held}"


def _joined(parts: list[str], *, due_first: bool) -> str:
    if not due_first:
        return f"Waiting: {words.listed(parts)}."
    rest = f"; waiting: {words.listed(parts[1:])}" if parts[1:] else ""
    return f"{parts[0]}{rest}."


def _opening(opening: Shut | None, now: datetime) -> str:
    if opening is None or opening.opens_at is None:
        return "no window opens within the next two weeks"
    at = opening.opens_at
    return f"the next window opens {words.on_their_clock(at, opening.zone)}, {words.until(at, now)}"
