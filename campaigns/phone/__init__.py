"""Telephone numbers: reading what people type, where a number may be, and which are fiction."""

from campaigns.phone.fiction import is_fictional
from campaigns.phone.places import (
    Home,
    area_of,
    country_of,
    e164_of,
    home_of,
    possible_zones,
    zones_of_part,
)
from campaigns.phone.reading import ReadNumber, mask, parse_number, read_number, read_numbers
from campaigns.phone.reasons import Reason, Repair

__all__ = [
    "Home",
    "ReadNumber",
    "Reason",
    "Repair",
    "area_of",
    "country_of",
    "e164_of",
    "home_of",
    "is_fictional",
    "mask",
    "parse_number",
    "possible_zones",
    "read_number",
    "read_numbers",
    "zones_of_part",
]
