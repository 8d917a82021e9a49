"""Who was not there at nine is hardly there at nine on the next day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)

NextLegal = Callable[[datetime], datetime | None]


def another_hour(
    at: datetime,
    tried: Sequence[datetime],
    zone: ZoneInfo,
    next_legal: NextLegal,
    before: datetime | None,
    fraction: float,
) -> datetime:
    """When to call instead of `at`, a legal instant: at an hour of its local day not tried before.

    `tried` are the earlier calls. While `at` is on the local day of the latest of them, or at an
    hour that none of them had, it stays as it is; so it does when that day has no other legal hour
    ahead, before `before`. `fraction` (0 to 1) is the dice: it chooses one of the hours that are
    left of the day, and the instant within it.
    """
    if not tried:
        return at
    hours = {one.astimezone(zone).hour for one in tried}
    local = at.astimezone(zone)
    if local.date() <= max(tried).astimezone(zone).date() or local.hour not in hours:
        return at
    openings = _other_hours(at, hours, zone, next_legal, before)
    if not openings:
        return at
    place = min(int(fraction * len(openings)), len(openings) - 1)
    start, end = openings[place]
    within = fraction * len(openings) - place
    wished = start + (end - start) * min(max(within, 0.0), 0.99)
    legal = next_legal(wished)
    return legal if legal is not None and start <= legal < end else start


def _other_hours(
    at: datetime,
    tried: set[int],
    zone: ZoneInfo,
    next_legal: NextLegal,
    before: datetime | None,
) -> list[tuple[datetime, datetime]]:
    """The legal part of each hour that is left of the day and was not tried: from, until."""
    found: list[tuple[datetime, datetime]] = []
    day = at.astimezone(zone).date()
    start = _hour_of(at, zone)
    while True:
        start += HOUR
        local = start.astimezone(zone)
        if local.date() != day:
            return found
        end = start + HOUR if before is None else min(start + HOUR, before)
        legal = next_legal(start) if local.hour not in tried else None
        if legal is not None and legal < end:
            found.append((legal, end))


def _hour_of(at: datetime, zone: ZoneInfo) -> datetime:
    """When the local hour of an instant began; in zones of half-hour offsets too."""
    local = at.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return at.astimezone(UTC) - past
