"""From what people type into a spreadsheet to one dialable number, or a reason why not."""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from phonenumbers import (
    SUPPORTED_REGIONS,
    SUPPORTED_SHORT_REGIONS,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    country_code_for_region,
    format_number,
    is_possible_number_with_reason,
    national_significant_number,
    number_type,
    parse,
)
from phonenumbers.shortnumberinfo import is_emergency_number

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.phone.fiction import is_fictional


class Reason(StrEnum):
    """Why a text is not a number that may be called; `NotAPhoneNumber.reason` is one of these."""

    EMPTY = "empty"
    NOT_A_NUMBER = "not_a_number"
    LETTERS = "letters"
    DAMAGED_BY_SPREADSHEET = "damaged_by_spreadsheet"
    TWO_NUMBERS = "two_numbers"
    EXTENSION = "extension"
    EMERGENCY = "emergency"
    SHORT_NUMBER = "short_number"
    NO_AREA_CODE = "no_area_code"
    INVALID = "invalid"
    PREMIUM = "premium"
    TOLL_FREE = "toll_free"
    OTHER_TYPE = "other_type"


_ADVICE: dict[Reason, str] = {
    Reason.EMPTY: "There is no telephone number here.",
    Reason.NOT_A_NUMBER: "{text} is not a telephone number.",
    Reason.LETTERS: "{text} has letters in it; write the number in digits only.",
    Reason.DAMAGED_BY_SPREADSHEET: (
        "{text} was changed by a spreadsheet and digits may be lost; "
        "format the column as text and export it again."
    ),
    Reason.TWO_NUMBERS: "{text} is more than one number; give each its own column.",
    Reason.EXTENSION: "{text} has an extension, which cannot be dialled; give a direct number.",
    Reason.EMERGENCY: "{text} is an emergency number and is never called.",
    Reason.SHORT_NUMBER: "{text} is a short number; give the full number with its area code.",
    Reason.NO_AREA_CODE: "{text} has no area code.",
    Reason.INVALID: "{text} cannot exist: no numbering plan has such a number.",
    Reason.PREMIUM: "{text} is a premium-rate number and is never called.",
    Reason.TOLL_FREE: "{text} is a toll-free number, which belongs to a company, not to a person.",
    Reason.OTHER_TYPE: (
        "{text} is a shared-cost, company-wide, personal-forwarding, pager or voicemail number, "
        "none of which is called."
    ),
}

_TYPES: dict[int, Reason] = {
    PhoneNumberType.PREMIUM_RATE: Reason.PREMIUM,
    PhoneNumberType.TOLL_FREE: Reason.TOLL_FREE,
    PhoneNumberType.SHARED_COST: Reason.OTHER_TYPE,
    PhoneNumberType.PERSONAL_NUMBER: Reason.OTHER_TYPE,
    PhoneNumberType.PAGER: Reason.OTHER_TYPE,
    PhoneNumberType.UAN: Reason.OTHER_TYPE,
    PhoneNumberType.VOICEMAIL: Reason.OTHER_TYPE,
}

_LONGEST_TEXT = 100  # no way of writing one number needs more; a bound on the work for one cell
_SHORT = 6  # digits; longer texts are judged by the numbering plan

_PLAIN = re.compile(r"\+?[ ().\-]*[0-9][0-9 ().\-]*")
_WRITTEN = re.compile(r"[(\[]?\+?[0-9 ().\-/\[\]]+")
# 1.555E+10, 15551234.0 (digits kept as a float), 15,551,234 and ##### (column too narrow)
_DAMAGED = re.compile(
    r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+|[0-9]{6,}[.,]0+|[0-9]{1,3}(?:,[0-9]{3})+|#{2,}"
)
_EXTENSION = re.compile(
    r"[(\[]?\+?(?:[0-9][ ().\-]*){5,}"
    r"(?:[,;]+ *(?:ext)?|ext(?:n|ension)?|x|#|доб|poste|dw)[.:= ]*[0-9]{1,6}",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[,;|&\n]|\b(?:or|and)\b", re.IGNORECASE)


def parse_number(text: str, default_country: str) -> str:
    """The E.164 form of one telephone number that may be called.

    `default_country` (ISO 3166) reads numbers without a country code. Numbers that a regulator
    reserves for fiction are accepted even where the numbering plan calls them unassigned; live
    accounts refuse them elsewhere. Raises `NotAPhoneNumber` with a `Reason`, and `InvalidInput`
    for an unknown country.
    """
    country = default_country.upper()
    if country not in SUPPORTED_REGIONS:
        raise InvalidInput(f"“{default_country}” is not a country code such as US or GB.")
    clean = _clean(text)
    if not _PLAIN.fullmatch(clean) or _DAMAGED.fullmatch(clean):
        _check_writing(clean, text)
    number = _callable(_readings(clean, country), clean, text, country)
    return format_number(number, PhoneNumberFormat.E164)


def mask(e164: str) -> str:
    """A number for logs, as +1555***0123: enough to recognise, too little to call. Never raises."""
    if not e164.startswith("+") or len(e164) < 9:
        return "***"
    shown = 4 if len(e164) >= 12 else 2
    return f"{e164[: shown + 1]}***{e164[-shown:]}"


def _refused(reason: Reason, text: str) -> NotAPhoneNumber:
    shown = "".join(c if c.isprintable() else " " for c in text).strip()
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    return NotAPhoneNumber(_ADVICE[reason].format(text=f"“{shown}”"), reason=reason)


def _clean(text: str) -> str:
    """ASCII digits and signs: any script's digits, full-width forms, dashes, invisible marks."""
    if len(text) > _LONGEST_TEXT:
        raise _refused(Reason.NOT_A_NUMBER, text)
    plain = text if text.isascii() else "".join(map(_plain_character, text))
    plain = plain.replace("\r", "\n").replace("\t", " ").strip(" \n,;")
    # A leading apostrophe is how spreadsheets, and our own exports, mark text.
    plain = plain.removeprefix("'").strip()
    if plain[:4].lower() == "tel:":
        plain = plain[4:].strip()
    if not plain:
        raise _refused(Reason.EMPTY, text)
    return plain


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Cf":  # direction marks, zero-width spaces, soft hyphens
        return ""
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    # Superscripts and fractions are digits only to the eye; they must stay what they are.
    return character if category == "No" else unicodedata.normalize("NFKC", character)


def _check_writing(clean: str, text: str) -> None:
    """Raise for everything that is not digits and the usual signs of one number."""
    if _DAMAGED.fullmatch(clean):
        raise _refused(Reason.DAMAGED_BY_SPREADSHEET, text)
    if _holds_two(clean):
        raise _refused(Reason.TWO_NUMBERS, text)
    if _EXTENSION.fullmatch(clean):
        raise _refused(Reason.EXTENSION, text)
    if not _digits(clean) or not _WRITTEN.fullmatch(clean):
        letters = any(character.isalpha() for character in clean)
        raise _refused(Reason.LETTERS if letters and _digits(clean) else Reason.NOT_A_NUMBER, text)


def _holds_two(clean: str) -> bool:
    """Whether one cell seems to hold two numbers, or one and the last digits of another.

    A slash also stands between area code and number (030/...), so it separates numbers only
    after as many digits as no area code has.
    """
    pieces = _SEPARATOR.split(clean)
    if clean.count("+") > 1 or sum(_digits(piece) >= 7 for piece in pieces) > 1:
        return True
    before, slash, after = clean.removeprefix("00").rpartition("/")
    return bool(slash) and _digits(before.replace("(0)", "")) >= 8 and _digits(after) > 0


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _readings(clean: str, country: str) -> list[PhoneNumber]:
    """The number as the default country reads it and, where it starts with 00, as from abroad.

    Where 00 is not the way to dial abroad (it is 011, 0011, 010 in places), people still write it.
    """
    signs = clean.lstrip("([ ")
    texts = [clean, "+" + signs[2:]] if signs.startswith("00") else [clean]
    numbers = (_parse(text, country) for text in texts)
    return [number for number in numbers if number is not None]


def _parse(clean: str, country: str) -> PhoneNumber | None:
    try:
        return parse(clean, country)
    except NumberParseException:
        return None


def _callable(readings: list[PhoneNumber], clean: str, text: str, country: str) -> PhoneNumber:
    """The first reading that a numbering plan or the fiction table knows, if it may be called."""
    for number in readings:
        kind = number_type(number)
        if kind in _TYPES:
            raise _refused(_TYPES[kind], text)
        if kind != PhoneNumberType.UNKNOWN or _is_reserved(number):
            return number
    raise _refused(_unknown(readings, clean, country), text)


def _is_reserved(number: PhoneNumber) -> bool:
    return is_fictional(format_number(number, PhoneNumberFormat.E164))


def _unknown(readings: list[PhoneNumber], clean: str, country: str) -> Reason:
    """Why no numbering plan knows any of these readings."""
    digits = "".join(filter(str.isdigit, clean))
    code = str(country_code_for_region(country))
    nationals = [national_significant_number(number) for number in readings]
    spoken = {digits, digits.removeprefix(code), *nationals}
    if any(_is_emergency(text.lstrip("0")) or _is_emergency(text) for text in spoken):
        return Reason.EMERGENCY
    if len(digits) <= _SHORT:
        return Reason.SHORT_NUMBER
    local = ValidationResult.IS_POSSIBLE_LOCAL_ONLY
    if any(is_possible_number_with_reason(number) == local for number in readings):
        return Reason.NO_AREA_CODE
    return Reason.INVALID


@lru_cache(maxsize=4096)
def _is_emergency(digits: str) -> bool:
    """Whether this short text of digits is an emergency number of any country."""
    regions = SUPPORTED_SHORT_REGIONS if len(digits) <= _SHORT else ()
    return any(is_emergency_number(digits, region) for region in regions)
