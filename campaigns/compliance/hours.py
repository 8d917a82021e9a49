"""Whether an instant is inside the windows in every zone, and when that next changes.

`allowed` converts the instant to each zone and looks at the wall clock. The other two work on
stretches of constant UTC offset, in which wall time is the instant plus a constant: a gap or a
fold is then nothing but a boundary between two stretches, and the answers are exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from campaigns.compliance.windows import (
    DAY,
    Span,
    WeeklyWindows,
    common_week,
    intersect,
    merge,
)
from campaigns.compliance.zones import zone_named

LOOKS_AHEAD = timedelta(days=15)  # twice round the week, and a day for zones and clock changes
LOOKS_PAST_HOLIDAYS = 26  # times as far: a window on Fridays alone may meet a row of holidays
OPEN_AT_MOST = timedelta(days=8)

_SPAN_DAYS = LOOKS_AHEAD.days + 2
_WEEK_SECONDS = 7 * 86400
_EPOCH_WEEKDAY_SECONDS = 3 * 86400  # 1970-01-01 was a Thursday
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_SECONDS = 86400
_SAMPLE_SECONDS = 6 * 3600  # no zone changes its offset twice in a quarter of a day


@dataclass(frozen=True, slots=True)
class Era:
    """The windows that must all hold from a local day on, until the next era begins."""

    since: date
    windows: tuple[WeeklyWindows, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """When a place may be called: the windows of each era, in every zone it may be in.

    An era counts by each zone's own local date, and one without windows allows nothing. No slot is
    given in the last `close_early` seconds of an open stretch. Without zones nothing is allowed.
    """

    zones: tuple[str, ...]
    eras: tuple[Era, ...]
    close_early: float = 0.0

    def allowed(self, at: datetime) -> bool:
        """Whether a call may be made at `at`; `ValueError` for a time without a zone."""
        _check_aware(at)
        if not self.zones or not all(self._inside(zone, at) for zone in self.zones):
            return False
        return not self.close_early or any(start <= at < end for start, end in self._spans(at))

    def open_until(self, at: datetime) -> datetime | None:
        """The first instant after `at` that is not allowed, or 8 days on if that is earlier.

        None when `at` itself is not allowed. Aware UTC.
        """
        for start, end in self._spans(at):
            if start <= at < end:
                return min(end, at.astimezone(UTC) + OPEN_AT_MOST)
        return None

    def next_allowed(self, at: datetime) -> datetime | None:
        """The first allowed instant that is not before `at`; None when there is none in 15 days.

        With holidays it is looked for in more than a year: they may close a place for weeks.
        """
        has_holidays = any(one.holidays is not None for era in self.eras for one in era.windows)
        for step in range(LOOKS_PAST_HOLIDAYS if has_holidays else 1):
            start_at = at + step * LOOKS_AHEAD
            for start, end in self._spans(start_at):
                if end > start_at:
                    found = max(start, start_at.astimezone(UTC))
                    if found <= start_at + LOOKS_AHEAD:
                        return found
                    break
        return None

    def _inside(self, zone: str, at: datetime) -> bool:
        wall = at.astimezone(zone_named(zone))
        day = wall.date()
        windows = self._windows_on(day)
        return (
            bool(windows)
            and not any(one.closed_on(day) for one in windows)
            and _inside(common_week(windows), wall)
        )

    def _windows_on(self, day: date) -> tuple[WeeklyWindows, ...]:
        held: tuple[WeeklyWindows, ...] = ()
        for era in self.eras:
            if era.since > day:
                break
            held = era.windows
        return held

    def _spans(self, at: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """The open stretches from the UTC midnight before `at` until well past the look-ahead."""
        _check_aware(at)
        if not self.zones:
            return ()
        return _open_spans_from(self, at.astimezone(UTC).date())


def allowed(windows: Sequence[WeeklyWindows], zones: Sequence[str], at: datetime) -> bool:
    """Whether `at` is inside every window set in every zone; False without windows or zones.

    Raises `InvalidInput` for an unknown zone and `ValueError` for a time without a zone.
    """
    return _always(windows, zones).allowed(at)


def open_until(
    windows: Sequence[WeeklyWindows], zones: Sequence[str], at: datetime
) -> datetime | None:
    """As `Hours.open_until`, for windows that hold on every date."""
    return _always(windows, zones).open_until(at)


def next_allowed(
    windows: Sequence[WeeklyWindows], zones: Sequence[str], at: datetime
) -> datetime | None:
    """As `Hours.next_allowed`, for windows that hold on every date."""
    return _always(windows, zones).next_allowed(at)


def _always(windows: Sequence[WeeklyWindows], zones: Sequence[str]) -> Hours:
    return Hours(tuple(zones), (Era(date.min, tuple(windows)),))


def _check_aware(at: datetime) -> None:
    if at.utcoffset() is None:
        raise ValueError("an instant needs a time zone")


def _inside(week: tuple[Span, ...], wall: datetime) -> bool:
    minute = wall.weekday() * DAY + wall.hour * 60 + wall.minute
    return any(start <= minute < end for start, end in week)


@lru_cache(maxsize=2048)
def _open_spans_from(hours: Hours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    shared = _open_in(hours.eras, hours.zones[0], day)
    for zone in hours.zones[1:]:
        shared = intersect(shared, _open_in(hours.eras, zone, day))
    early = int(hours.close_early)
    return tuple(
        (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end - early, UTC))
        for start, end in shared
        if start < end - early
    )


def _open_in(eras: tuple[Era, ...], zone: str, day: date) -> list[Span]:
    """The spans of instants (seconds since 1970) whose wall clock in `zone` is open by its era."""
    spans: list[Span] = []
    for start, end, offset in _stretches(zone, day):
        for windows, since, until in _eras_between(eras, start, end, offset):
            spans += _open_stretch(windows, since, until, offset)
    return merge(spans)


def _eras_between(
    eras: tuple[Era, ...], start: int, end: int, offset: int
) -> Iterator[tuple[tuple[WeeklyWindows, ...], int, int]]:
    """The windows of each era that holds between two instants, cut to those instants."""
    for era, later in zip(eras, (*eras[1:], None), strict=True):
        since = max(start, _midnight(era.since, offset))
        until = end if later is None else min(end, _midnight(later.since, offset))
        if since < until and era.windows:
            yield era.windows, since, until


def _midnight(day: date, offset: int) -> int:
    return (day.toordinal() - _EPOCH) * _DAY_SECONDS - offset


def _open_stretch(
    windows: tuple[WeeklyWindows, ...], start: int, end: int, offset: int
) -> list[Span]:
    with_holidays = tuple(one for one in windows if one.holidays is not None)
    inside = list(_within(common_week(windows), start, end, offset))
    if with_holidays:
        inside = intersect(inside, _working_days(with_holidays, start, end, offset))
    return inside


def _working_days(
    with_holidays: tuple[WeeklyWindows, ...], start: int, end: int, offset: int
) -> list[Span]:
    """The local days between two instants that are nobody's holiday, cut to those instants."""
    spans = []
    for number in range((start + offset) // _DAY_SECONDS, (end - 1 + offset) // _DAY_SECONDS + 1):
        local = date.fromordinal(_EPOCH + number)
        if not any(one.closed_on(local) for one in with_holidays):
            midnight = number * _DAY_SECONDS - offset
            spans.append((max(start, midnight), min(end, midnight + _DAY_SECONDS)))
    return spans


def _within(week: tuple[Span, ...], start: int, end: int, offset: int) -> Iterator[Span]:
    """The open spans between two instants while the wall clock is `offset` seconds past UTC."""
    wall = start + offset + _EPOCH_WEEKDAY_SECONDS
    monday = start - wall % _WEEK_SECONDS
    while monday < end:
        for opens, closes in week:
            span = (max(start, monday + opens * 60), min(end, monday + closes * 60))
            if span[0] < span[1]:
                yield span
        monday += _WEEK_SECONDS


@lru_cache(maxsize=4096)
def _stretches(zone: str, day: date) -> tuple[tuple[int, int, int], ...]:
    """The stretches of constant UTC offset from `day` on: start, end, offset in seconds."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    finish = begin + _SPAN_DAYS * 86400
    found = []
    start, offset = begin, _offset(zone, begin)
    for sample in range(begin + _SAMPLE_SECONDS, finish + 1, _SAMPLE_SECONDS):
        if _offset(zone, sample) != offset:
            change = _change_before(zone, sample, offset)
            found.append((start, change, offset))
            start, offset = change, _offset(zone, change)
    return (*found, (start, finish, offset))


def _change_before(zone: str, sample: int, old: int) -> int:
    """The first second that no longer has the `old` offset, within one sample before `sample`."""
    before, after = sample - _SAMPLE_SECONDS, sample
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: str, instant: int) -> int:
    wall = datetime.fromtimestamp(instant, zone_named(zone))
    return int((wall.utcoffset() or timedelta(0)).total_seconds())
