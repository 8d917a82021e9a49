"""Instants as people say them."""

from datetime import datetime

from campaigns.compliance import zone_named
from campaigns.errors import InvalidInput
from campaigns.reminders.dates import MONTHS

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def spoken_time(appointment: datetime, zone: str, language: str = "en") -> str:
    """An instant as people say it where they live: "Tuesday 24 November at 3:30 PM".

    `language` is a tag such as "en" or "en-GB"; only English is there yet. Raises `InvalidInput`
    for another language or an unknown zone.
    """
    if language.lower().split("-")[0] != "en":
        raise InvalidInput(
            f"Times cannot be spoken in “{language[:20]}” yet; only in English (en)."
        )
    wall = appointment.astimezone(zone_named(zone))
    day = f"{_WEEKDAYS[wall.weekday()]} {wall.day} {MONTHS[wall.month - 1].capitalize()}"
    minutes = f":{wall.minute:02}" if wall.minute else ""
    half = "AM" if wall.hour < 12 else "PM"
    return f"{day} at {(wall.hour + 11) % 12 + 1}{minutes} {half}"
