"""Where a telephone number may be: its country, and every time zone its owner may live in."""

import re
from functools import lru_cache

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    REGION_CODE_FOR_NON_GEO_ENTITY,
    PhoneMetadata,
    PhoneNumber,
    length_of_geographical_area_code,
    region_code_for_number,
)
from phonenumbers.tzdata import TIMEZONE_DATA

from campaigns.errors import NotAPhoneNumber

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")


def country_of(e164: str) -> str:
    """The ISO 3166 country of a number, or "001" for numbers of the whole world.

    Countries that share a calling code are told apart where the number allows it. Raises
    `NotAPhoneNumber` for a text that is no E.164 number.
    """
    code, national = _split(e164)
    if not code:
        raise NotAPhoneNumber(f"“{e164}” is no number in the form +15551234.", reason="invalid")
    return (
        region_code_for_number(_parsed(code, national)) or COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
    )


def area_of(e164: str) -> str | None:
    """A number's calling code with its area code, "+1212"; None where numbers tell no area."""
    code, national = _split(e164)
    if not code:
        return None
    length = length_of_geographical_area_code(_parsed(code, national))
    return f"+{code}{national[:length]}" if length else None


def _parsed(code: str, national: str) -> PhoneNumber:
    zeros = len(national) - len(national.lstrip("0"))
    return PhoneNumber(
        country_code=int(code),
        national_number=int(national),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=zeros,
    )


def possible_zones(e164: str) -> tuple[str, ...]:
    """Every IANA zone a number may be in, sorted; () when nothing safe can be said.

    Mobile and ported numbers travel, and the table's default for an area code hides the zones of
    its exchanges, so this is the union over the whole area code (North America) or the whole
    calling code (elsewhere). Toll-free numbers and numbers of no country have no zone.
    """
    code, national = _split(e164)
    if not code or _toll_free(code).fullmatch(national):
        return ()
    return _zones_under(code + national[:3] if code == "1" else code)


def _split(e164: str) -> tuple[str, str]:
    """Calling code and national digits; two empty texts for anything that is no number."""
    if _E164.fullmatch(e164):
        for length in (2, 3, 4):
            if int(e164[1:length]) in COUNTRY_CODE_TO_REGION_CODE:
                return e164[1:length], e164[length:]
    return "", ""


@lru_cache(maxsize=1024)
def _zones_under(prefix: str) -> tuple[str, ...]:
    """The zones of every entry of the table that starts with `prefix`."""
    found = (zones for key, zones in TIMEZONE_DATA.items() if key.startswith(prefix))
    return tuple(sorted({zone for zones in found for zone in zones}))


@lru_cache(maxsize=512)
def _toll_free(code: str) -> re.Pattern[str]:
    """What the toll-free national numbers of a calling code look like, in any of its countries."""
    patterns = []
    for region in COUNTRY_CODE_TO_REGION_CODE[int(code)]:
        if region == REGION_CODE_FOR_NON_GEO_ENTITY:
            metadata = PhoneMetadata.metadata_for_nongeo_region(int(code))
        else:
            metadata = PhoneMetadata.metadata_for_region(region)
        described = metadata.toll_free if metadata else None
        if described and described.national_number_pattern:
            patterns.append(described.national_number_pattern)
    return re.compile("|".join(patterns) or r"(?!)")
