"""Instants that people and other programs give: with an offset, and in a year that can be meant."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

# Zones and holidays are known for these years, and every local time of theirs is a date.
YEARS = range(2000, 2200)


def _can_be_meant(instant: datetime) -> datetime:
    if instant.year not in YEARS:
        raise ValueError(f"the year {instant.year} cannot be meant")
    return instant


GivenInstant = Annotated[AwareDatetime, AfterValidator(_can_be_meant)]
