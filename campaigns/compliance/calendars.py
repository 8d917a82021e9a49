"""Weekly windows closed on the public holidays of wherever a call goes to."""

from collections.abc import Sequence
from functools import lru_cache

from campaigns.compliance.holidays import Holidays, holiday_calendars
from campaigns.compliance.windows import WeeklyWindows


def closed_on_holidays(
    windows: WeeklyWindows, countries: Sequence[str | None], subdivisions: Sequence[str]
) -> tuple[WeeklyWindows, ...]:
    """The windows, once for each calendar that may be the one of the place.

    The first of the `countries` whose holidays are known counts. Where none is, the windows stay
    as they are.
    """
    known = _known()
    country = next((one for one in countries if one in known), None)
    if country is None:
        return (windows,)
    parts = [part for part in subdivisions if part in known[country]]
    return tuple(_closed(windows, country, part) for part in parts) or (
        _closed(windows, country, None),
    )


@lru_cache(maxsize=1024)
def _closed(windows: WeeklyWindows, country: str, part: str | None) -> WeeklyWindows:
    return windows.with_holidays(Holidays(country, part).serialise())


@lru_cache(maxsize=1)
def _known() -> dict[str, frozenset[str]]:
    return {one.country: frozenset(one.subdivisions) for one in holiday_calendars()}
