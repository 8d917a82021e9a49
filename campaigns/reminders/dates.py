"""Reading dates without guessing.

A format code is text a person can choose from a list, such as `DD/MM/YYYY HH:MM`. Every code fixes
the order of day and month and whether hours run to 12 or to 24; separators, leading zeros, seconds
and, for 24-hour times, a UTC offset may differ from text to text.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

from campaigns.compliance import zone_named
from campaigns.errors import InvalidInput
from campaigns.instants import YEARS

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_YEAR, _MONTH, _DAY = r"(?P<year>[0-9]{4})", r"(?P<month>[0-9]{1,2})", r"(?P<day>[0-9]{1,2})"
_NAME = r"(?P<name>[a-z]{3,9})\.?"
_DATES = {
    "YYYY-MM-DD": rf"{_YEAR}[-/.]{_MONTH}[-/.]{_DAY}",
    "DD/MM/YYYY": rf"{_DAY}[-/]{_MONTH}[-/]{_YEAR}",
    "MM/DD/YYYY": rf"{_MONTH}[-/]{_DAY}[-/]{_YEAR}",
    "DD.MM.YYYY": rf"{_DAY}\. ?{_MONTH}\. ?{_YEAR}",
    "D Mon YYYY": rf"{_DAY}(?:st|nd|rd|th)?[ -]{_NAME}[ -]{_YEAR}",
    "Mon D, YYYY": rf"{_NAME} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}",
}
_SECONDS = r"(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?"
_TIMES = {
    "HH:MM": (
        rf"(?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}}){_SECONDS}"
        r"(?: ?(?P<offset>z|[+-][0-9]{2}(?::?[0-9]{2})?))?"
    ),
    "h:mm AM/PM": (
        rf"(?P<hour>[0-9]{{1,2}})(?::(?P<minute>[0-9]{{2}}){_SECONDS})?"
        r" ?(?P<half>[ap])\.?m\.?"
    ),
}

FORMATS: dict[str, re.Pattern[str]] = {
    f"{date_code} {time_code}": re.compile(rf"{date}(?:t|,? (?:at )?){time}")
    for date_code, date in _DATES.items()
    for time_code, time in _TIMES.items()
}

_LONGEST_TEXT = 60
NEARLY_ALL = 0.9
_WIDEST_OFFSET = timedelta(hours=14)


class _Unreadable(Exception):
    """Why one text is not a date in one format."""


def detect_date_format(samples: Iterable[str]) -> str:
    """The one format code that fits every sample, or clearly nearly all; blank samples are skipped.

    A text or two in another way of writing do not make a list unreadable: their rows can be
    refused by themselves. Never guesses: raises `InvalidInput` when two formats fit, or nearly
    fit, showing both readings, when none does, naming the text that fails, and when there is
    nothing to look at.
    """
    texts = [sample for sample in samples if sample.strip()]
    if not texts:
        raise InvalidInput("There is no date in this column to recognise a format from.")
    fitting = list(FORMATS)
    for text in texts:
        still = [code for code in fitting if _fits(text, code)]
        if not still:
            nearly = nearly_fitting(texts)
            if not nearly:
                raise InvalidInput(_none_fits(text, fitting))
            fitting, texts = nearly, [text for text in texts if _fits(text, nearly[0])]
            break
        fitting = still
    if len(fitting) > 1:
        raise InvalidInput(_ambiguity(texts, fitting))
    return fitting[0]


def nearly_fitting(texts: Sequence[str]) -> list[str]:
    """The formats that fit nearly all of the texts: nine in ten, so that ten texts are needed."""
    counts = {code: sum(_fits(text, code) for text in texts) for code in FORMATS}
    return [code for code, fits in counts.items() if fits and fits >= NEARLY_ALL * len(texts)]


def parse_appointment(text: str, format_code: str, zone: str | None) -> datetime:
    """The instant of an appointment, aware UTC, read by exactly the given format.

    A UTC offset in the text wins; otherwise the text is the wall time in `zone` (IANA). When
    clocks go back a time occurs twice and the first is meant. Raises `InvalidInput` for an unknown
    format or zone, a text that does not fit, a date that does not exist, a time that clocks skip,
    and a text without an offset when no zone is known.
    """
    if format_code not in FORMATS:
        known = ", ".join(FORMATS)
        raise InvalidInput(f"“{format_code[:40]}” is not a date format. Known: {known}.")
    try:
        moment = _read(text, format_code)
    except _Unreadable as problem:
        raise InvalidInput(f"“{_shown(text)}” {problem}.") from None
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if zone is None:
        raise InvalidInput(f"“{_shown(text)}” has no UTC offset and the time zone is not known.")
    local = moment.replace(tzinfo=zone_named(zone))
    instant = local.astimezone(UTC)
    if instant.astimezone(local.tzinfo).replace(tzinfo=None) != moment:
        raise InvalidInput(
            f"“{_shown(text)}” does not exist in {zone}: clocks go forward past it on that day."
        )
    return instant


def _fits(text: str, code: str) -> bool:
    try:
        _read(text, code)
    except _Unreadable:
        return False
    return True


def _read(text: str, code: str) -> datetime:
    """The text as a local time, or aware if it carries an offset; raises `_Unreadable`."""
    # NFKC makes full-width digits and the narrow space before PM plain.
    plain = " ".join(unicodedata.normalize("NFKC", text[: _LONGEST_TEXT + 1]).lower().split())
    found = FORMATS[code].fullmatch(plain) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        raise _Unreadable(f"is not written as {code}")
    parts = found.groupdict()
    if int(parts["year"]) not in YEARS:
        raise _Unreadable("has a year that cannot be meant")
    try:
        return datetime(
            int(parts["year"]),
            _month(parts),
            int(parts["day"]),
            _hour(parts),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            tzinfo=_offset(parts.get("offset")),
        )
    except ValueError:
        raise _Unreadable("is a date or time that does not exist") from None


def _month(parts: dict[str, str]) -> int:
    if "month" in parts:
        return int(parts["month"])
    for number, name in enumerate(MONTHS, start=1):
        if name.startswith(parts["name"]):
            return number
    raise _Unreadable(f"has no month “{parts['name']}”")


def _hour(parts: dict[str, str]) -> int:
    hour = int(parts["hour"])
    if "half" not in parts:
        return hour
    if not 1 <= hour <= 12:
        raise _Unreadable("is a date or time that does not exist")
    return hour % 12 + (12 if parts["half"] == "p" else 0)


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text == "z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if size > _WIDEST_OFFSET or int(digits[2:]) > 59:
        raise _Unreadable("has a UTC offset that no place uses")
    return timezone(-size if text[0] == "-" else size)


def _none_fits(text: str, fitting: list[str]) -> str:
    if len(fitting) == len(FORMATS):
        return (
            f"“{_shown(text)}” is no date that exists in any known format. It needs a day, a "
            f"month, a four-digit year and a time of day. Known: {', '.join(FORMATS)}."
        )
    return f"“{_shown(text)}” does not fit {' or '.join(fitting)}, as the texts before it do."


def _ambiguity(texts: list[str], fitting: list[str]) -> str:
    """Both readings of the sample that shows the difference best."""
    one, other = fitting[:2]
    both = [text for text in texts if _fits(text, one) and _fits(text, other)]
    text = next((text for text in both if _read(text, one) != _read(text, other)), both[0])
    readings = " or ".join(f"{_read(text, code):%d %B %Y} ({code})" for code in (one, other))
    return (
        f"These dates can be read in two ways: “{_shown(text)}” is {readings}. "
        "Say which format the file uses."
    )


def _shown(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text).strip()
    return plain if len(plain) <= 40 else plain[:39] + "…"
