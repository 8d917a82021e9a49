"""Who waits for what: a slot, their calling hours, their time to be called again, their day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.lifecycle import CampaignStatus
from campaigns.reporting import words
from campaigns.reporting.values import Waiting
from campaigns.store import recipients, reports
from campaigns.store.histories import CampaignRow
from campaigns.store.reports import WaitingGroup


class _Closed(NamedTuple):
    """A set of zones in which nobody may be called now. `opens_at` None: not in sight."""

    zone: str
    opens_at: datetime | None


def waiting(
    session: Session,
    campaign_id: int,
    rule_set: str,
    windows: Mapping[str, Any],
    now: datetime,
    held: str | None = None,
) -> Waiting:
    """What a campaign's pending recipients wait for, in numbers and in a sentence.

    `held` is why nobody is called although they are due.
    """
    closed = _closed_keys(session, campaign_id, rule_set, windows, now)
    groups = {
        group.wait: group
        for group in reports.waiting_recipients(
            session, campaign_id, now, {key: one.opens_at for key, one in closed.items()}
        )
    }
    opening = min(
        (one for one in closed.values() if one.opens_at is not None),
        key=lambda one: one.opens_at or now,
        default=None,
    )
    opens_at = opening.opens_at if opening is not None and "hours" in groups else None
    counts = {wait: group.people for wait, group in groups.items()}
    return Waiting(
        **counts,
        next_due_at=_next_due(groups, opens_at, now),
        opens_at=opens_at,
        sentence=_sentence(groups, opening if opens_at else None, now, held),
    )


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


def _closed_keys(
    session: Session, campaign_id: int, rule_set: str, windows: Mapping[str, Any], now: datetime
) -> dict[int, _Closed]:
    both = compliance.windows_for(rule_set, windows)
    sets = recipients.zone_sets(session)
    closed = {}
    for key in reports.pending_zone_keys(session, campaign_id):
        zones = sets[key]
        if not compliance.allowed(both, zones, now):
            closed[key] = _Closed(zones[0], compliance.next_allowed(both, zones, now))
    return closed


def _next_due(
    groups: Mapping[str, WaitingGroup], opens_at: datetime | None, now: datetime
) -> datetime | None:
    if "due" in groups:
        return now
    ahead = [groups[wait].first_at for wait in ("retry", "later") if wait in groups]
    return min([*ahead, *([opens_at] if opens_at else [])], default=None)


def _sentence(
    groups: Mapping[str, WaitingGroup], opening: _Closed | None, now: datetime, held: str | None
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
        at = groups["retry"].first_at
        parts.append(
            f"{groups['retry'].people:,} to be called again, the first {words.until(at, now)}"
        )
    if "later" in groups:
        at = groups["later"].first_at
        parts.append(f"{groups['later'].people:,} for their time, the first {words.until(at, now)}")
    return _joined(parts, due_first="due" in groups)


def _due(count: int, held: str | None) -> str:
    if held is None:
        return f"{words.people(count)} can be called now"
    return f"{words.people(count)} {_are(count)} due, but {held}"


def _joined(parts: list[str], *, due_first: bool) -> str:
    if not due_first:
        return f"Waiting: {words.listed(parts)}."
    rest = f"; waiting: {words.listed(parts[1:])}" if parts[1:] else ""
    return f"{parts[0]}{rest}."


def _opening(opening: _Closed | None, now: datetime) -> str:
    if opening is None or opening.opens_at is None:
        return "no window opens within the next two weeks"
    at = opening.opens_at
    return f"the next window opens {words.on_their_clock(at, opening.zone)}, {words.until(at, now)}"
