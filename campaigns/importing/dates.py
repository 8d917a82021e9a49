"""Dates as spreadsheets leave them, and the formats in which a list may have been written."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from campaigns.errors import InvalidInput
from campaigns.importing.headers import has_time_of_day
from campaigns.reminders import FORMATS, nearly_fitting, parse_appointment

_SERIAL = re.compile(r"([3-9][0-9]{4})(?:[.,]([0-9]{1,15}))?")
_DAY_PART = re.compile(r"0?[.,]([0-9]{1,15})")
_MIDNIGHT = re.compile(r"[ T]0?0:00(?::00(?:\.0+)?)?$")  # as programs write a date without a time
# Day 0 of each calendar. The first one counts a 29 February 1900 that never was, so it begins a
# day early for every date since then.
_DAY_ZERO = {1900: datetime(1899, 12, 30), 1904: datetime(1904, 1, 1)}  # noqa: DTZ001 - wall time
_FIRST_YEAR, _LAST_YEAR = 2000, 2199


class DateCandidate(BaseModel):
    """A format in which the dates of a list can be read, with one of them read by it."""

    model_config = ConfigDict(frozen=True)

    format: str = Field(examples=["DD/MM/YYYY HH:MM"])
    example: str = Field(description="A date as it stands in the file.")
    reading: str = Field(description="The same date as this format has it.")


def appointment_text(date: str, time_of_day: str | None, date_system: int) -> str:
    """A date and, where it stands apart, its time of day, as one text; "" without a date.

    A spreadsheet's serial number becomes the date it stands for, and a part of a day its time.
    """
    day = date.strip()
    if not day:
        return ""
    clock = (time_of_day or "").strip()
    moment = _moment_of(day, date_system)
    if clock:
        day = _MIDNIGHT.sub("", day)
        part = _DAY_PART.fullmatch(clock)
        if part:
            clock = _clock(float(f"0.{part[1]}"))
        return f"{moment.date().isoformat() if moment else day} {clock}"
    if moment is None:
        return day
    return f"{moment:%Y-%m-%d}" if _is_whole(day) else f"{moment:%Y-%m-%d %H:%M:%S}"


def is_serial(text: str) -> bool:
    """Whether a date cell holds a spreadsheet's serial number."""
    return _moment_of(text.strip(), 1900) is not None


def tells_time(text: str) -> bool:
    """Whether a date cell says an hour as well."""
    return has_time_of_day(text) or (is_serial(text) and not _is_whole(text.strip()))


def is_time(text: str) -> bool:
    """Whether a cell says an hour, or a part of a day."""
    return has_time_of_day(text) or _DAY_PART.fullmatch(text.strip()) is not None


def is_date(text: str) -> bool:
    """Whether a cell could be meant as a date, with or without a time of day."""
    return is_serial(text) or any(
        _read(candidate, code) for candidate in (text, f"{text} 12:00") for code in FORMATS
    )


def date_candidates(texts: Sequence[str]) -> list[DateCandidate]:
    """Every format that fits all of the texts but for strays, or, where none does, nearly all of
    them; each shown on the same text.

    The text is one on which the formats differ, if there is any. More than one candidate means
    that the dates are ambiguous.
    """
    told = without_strays([text for text in texts if text.strip()])
    dates = list(dict.fromkeys(told))
    fitting = [code for code in FORMATS if dates and all(_read(t, code) for t in dates)]
    if not fitting and dates:
        fitting = nearly_fitting(told)
        dates = [text for text in dates if all(_read(text, code) for code in fitting)]
    if not fitting or not dates:
        return []
    shown = next((t for t in dates if len({_read(t, code) for code in fitting}) > 1), dates[0])
    return [
        DateCandidate(format=code, example=shown, reading=_told(shown, code)) for code in fitting
    ]


def without_strays(texts: list[str]) -> list[str]:
    """Leave out the odd "to be agreed": its row is rejected later and need not stop the rest."""
    dates = [text for text in texts if any(_read(text, code) for code in FORMATS)]
    return dates if len(dates) * 2 > len(texts) else texts


def _moment_of(text: str, date_system: int) -> datetime | None:
    found = _SERIAL.fullmatch(text)
    if found is None:
        return None
    days = float(f"{found[1]}.{found[2] or 0}")
    moment = _DAY_ZERO[date_system] + timedelta(seconds=round(days * 86400))
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _is_whole(serial: str) -> bool:
    return not re.split("[.,]", serial + ".")[1].strip("0")


def _clock(part: float) -> str:
    seconds = min(round(part * 86400), 86399)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _read(text: str, code: str) -> datetime | None:
    try:
        return parse_appointment(text, code, "UTC")
    except InvalidInput:
        return None


def _told(text: str, code: str) -> str:
    moment = _read(text, code)
    return f"{moment.day} {moment:%B %Y, %H:%M}" if moment else ""
