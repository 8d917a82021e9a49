"""Where a telephone number may be: its country, and every time zone its owner may live in."""

import re
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    REGION_CODE_FOR_NON_GEO_ENTITY,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    length_of_geographical_area_code,
    number_type,
    parse,
    region_code_for_number,
)
from phonenumbers.tzdata import TIMEZONE_DATA

from campaigns.errors import NotAPhoneNumber
from campaigns.phone.area_codes import PROVINCES, PROVINCES_OF, STATES, STATES_OF

WORLD = "001"  # what stands for a country where a number belongs to none

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
# Numbers that say nothing about where somebody is, whatever digits they begin with.
_NOWHERE = frozenset(
    {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
_LINES = {PhoneNumberType.MOBILE: "wireless", PhoneNumberType.FIXED_LINE: "landline"}


@dataclass(frozen=True, slots=True)
class Home:
    """What a number alone says: country, states or provinces, zones, and the kind of its line.

    `country` is None for a number of no country. Where a state cannot be told, all are named.
    """

    country: str | None
    subdivisions: tuple[str, ...]
    zones: tuple[str, ...]
    line: str = "unknown"


def home_of(e164: str) -> Home:
    """Where a number's owner may be; nowhere for a text that is no number."""
    code, national = _split(e164)
    if not code:
        return Home(None, (), ())
    if code == "1":
        return _home_in_north_america(
            national[:3], nowhere=bool(_toll_free(code).fullmatch(national))
        )
    number = _parsed(code, national)
    kind = number_type(number)
    country = region_code_for_number(number) or COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
    zones = () if kind in _NOWHERE else possible_zones(e164)
    return Home(None if country == WORLD else country, (), zones, _LINES.get(kind, "unknown"))


@lru_cache(maxsize=128)
def zones_of_part(country: str, part: str) -> tuple[str, ...]:
    """Every zone of the area codes of a US state or a Canadian province; () for any other."""
    table = {"US": STATES_OF, "CA": PROVINCES_OF}.get(country, {})
    codes = [code for code, parts in table.items() if part in parts]
    return tuple(sorted({zone for code in codes for zone in _zones_under("1" + code)}))


@lru_cache(maxsize=2048)
def _home_in_north_america(area_code: str, *, nowhere: bool) -> Home:
    """A number there is fixed or mobile, and its area code says all there is to know."""
    zones = () if nowhere else _zones_under("1" + area_code)
    if area_code in STATES_OF:
        return Home("US", STATES_OF[area_code], zones)
    if area_code in PROVINCES_OF:
        return Home("CA", PROVINCES_OF[area_code], zones)
    number = _parsed("1", f"{area_code}5550123")
    country = region_code_for_number(number) or "US"
    return Home(country, {"US": STATES, "CA": PROVINCES}.get(country, ()), zones)


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


def e164_of(text: str, country: str) -> str | None:
    """A number in E.164, whatever kind of number it is; None for what is none at all."""
    try:
        return format_number(parse(text, country.upper()), PhoneNumberFormat.E164)
    except NumberParseException:
        return None


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
