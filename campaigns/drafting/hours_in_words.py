"""Calling hours as people say them. Pure."""

from collections.abc import Iterator, Sequence

from campaigns.compliance import Holidays, WeeklyWindows, holiday_calendars

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = 24 * 60
_MOST_DATES = 4

Spans = tuple[tuple[int, int], ...]


def hours_in_words(windows: WeeklyWindows) -> str:
    """A week of calling hours, such as Monday to Friday from nine and Saturday from ten.

    Days with the same hours are told together, wherever in the week they stand.
    """
    if all(spans == ((0, _DAY),) for spans in windows.days):
        return "Around the clock, every day"
    told = [f"{_days(days)} {_times(spans)}" for spans, days in _alike(windows.days)]
    return _listed(told)


def holidays_in_words(holidays: Holidays | None) -> str:
    """The days on which nobody is called; empty when there are none."""
    if holidays is None:
        return ""
    parts = []
    if holidays.country is not None:
        names = {one.country: one.name for one in holiday_calendars()}
        place = names.get(holidays.country, holidays.country)
        part = f" ({holidays.subdivision})" if holidays.subdivision else ""
        parts.append(f"public holidays in {place}{part}")
    days = [f"{day.day} {day:%b %Y}" for day in holidays.dates]
    if len(days) > _MOST_DATES:
        parts.append(f"{len(days)} more days")
    else:
        parts += days
    told = _listed(parts)
    opened = [f"{day.day} {day:%b %Y}" for day in holidays.open_dates]
    return f"{told}, but open on {_listed(opened)}" if opened else told


def whole_sentence(windows: WeeklyWindows) -> str:
    """Calling hours with the clock they are meant on, as one sentence."""
    told = f"{hours_in_words(windows)}, in each recipient's own time"
    closed = holidays_in_words(windows.holidays)
    return f"{told}; not on {closed}." if closed else f"{told}."


def _alike(days: Sequence[Spans]) -> Iterator[tuple[Spans, list[int]]]:
    """The days that share their hours, in the order of the first one."""
    told: set[Spans] = set()
    for spans in days:
        if spans and spans not in told:
            told.add(spans)
            yield spans, [day for day, other in enumerate(days) if other == spans]


def _days(days: Sequence[int]) -> str:
    if len(days) == 7:
        return "every day"
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return _listed([part for run in runs for part in _run(run)])


def _run(days: Sequence[int]) -> list[str]:
    if len(days) < 3:
        return [_DAYS[day] for day in days]
    return [f"{_DAYS[days[0]]}–{_DAYS[days[-1]]}"]  # noqa: RUF001 - an en dash between two days


def _times(spans: Spans) -> str:
    if spans == ((0, _DAY),):
        return "around the clock"
    return _listed([f"{_clock(start)}–{_clock(end)}" for start, end in spans])  # noqa: RUF001


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes if minutes <= _DAY else minutes - _DAY, 60)
    next_day = " the next day" if minutes > _DAY else ""
    return f"{hour}:{minute:02}{next_day}"


def _listed(parts: Sequence[str]) -> str:
    *front, last = parts
    text = f"{', '.join(front)} and {last}" if front else last
    return f"{text[:1].upper()}{text[1:]}" if text.startswith("every") else text
