"""Telephone numbers: reading what people type, where a number may be, and which are fiction."""

from campaigns.phone.fiction import is_fictional
from campaigns.phone.places import country_of, possible_zones
from campaigns.phone.reading import Reason, mask, parse_number

__all__ = ["Reason", "country_of", "is_fictional", "mask", "parse_number", "possible_zones"]
