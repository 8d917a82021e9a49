"""How instants are written for people: the one place that words them. Pure.

A text that is stored, or that programs read, says an instant in UTC and says so (`written`). A page
has one clock, the viewer's, which it names at its foot and not beside every time; what a text says
in UTC it says on that clock (`retold`). Where a person who is called is meant, the time on their
own clock stands beside it, with the place (`there`).
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaigns.compliance import zone_named

UTC_ZONE = zone_named("UTC")
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_WRITTEN = re.compile(
    rf"\b(?:{_DAYS}) ([0-9]{{1,2}} (?:{_MONTHS}) [0-9]{{4}}, [0-9]{{2}}:[0-9]{{2}})"
    r"(:[0-9]{2})? UTC\b"
)
_MOST_CLOCKS = 3  # that are told beside each other; a number may be in more zones


def written(at: datetime, *, seconds: bool = False) -> str:
    """An instant for whoever reads it, wherever they are: "Mon 23 Nov 2026, 14:00 UTC"."""
    return f"{on_clock(at, UTC_ZONE, seconds=seconds)} UTC"


def on_clock(at: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """An instant on a clock that is named elsewhere: "Mon 23 Nov 2026, 09:00"."""
    local = at.astimezone(zone)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b %Y}, {time}"


def retold(text: str, zone: ZoneInfo) -> str:
    """A text with every instant that `written` put into it on the clock of `zone`."""
    if "UTC" not in text:
        return text
    return _WRITTEN.sub(lambda found: _again(found, zone), text)


def there(at: datetime | None, zones: Sequence[str]) -> str | None:
    """An instant on the clocks of somebody who is in one of `zones`: "Mon 23 Nov 2026, 09:00 in
    New York". Clocks that agree are told once; None without an instant or a zone."""
    return _on_clocks(at, zones, on_clock)


def there_in_short(at: datetime | None, zones: Sequence[str]) -> str:
    """The same beside the full instant: "Mon 09:00 in New York"; empty when there is none."""
    return _on_clocks(at, zones, lambda at, zone: f"{at.astimezone(zone):%a %H:%M}") or ""


def place(zone: str) -> str:
    """A zone as people call it: "New York"."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def offset_of(at: datetime, zone: ZoneInfo) -> str:
    """How far a clock is from UTC at an instant: "UTC-05:00"."""
    shown = f"{at.astimezone(zone):%z}"
    return f"UTC{shown[:3]}:{shown[3:5]}" if shown.strip("+-0") else "UTC"


def _on_clocks(
    at: datetime | None, zones: Sequence[str], say: Callable[[datetime, ZoneInfo], str]
) -> str | None:
    if at is None or not zones:
        return None
    clocks: dict[str, str] = {}
    for zone in zones:
        clocks.setdefault(say(at, zone_named(zone)), place(zone))
    told = [f"{clock} in {where}" for clock, where in clocks.items()]
    if len(told) > _MOST_CLOCKS:
        told[_MOST_CLOCKS - 1 :] = ["another time elsewhere"]
    return " or ".join(told)


def _again(found: re.Match[str], zone: ZoneInfo) -> str:
    seconds = found[2] or ""
    pattern = "%d %b %Y, %H:%M:%S" if seconds else "%d %b %Y, %H:%M"
    try:
        at = datetime.strptime(found[1] + seconds, pattern).replace(tzinfo=UTC)
    except ValueError:  # it looks like an instant, and no calendar has it
        return found[0]
    return on_clock(at, zone, seconds=bool(seconds))
