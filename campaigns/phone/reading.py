"""From what people type into a spreadsheet to a dialable number, or a reason why not.

A number is repaired only where its digits are all there: what is dialled consists of digits that
were written, and of the country code where none was. Every repair is named, so that it can be told.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

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
    is_valid_number,
    national_significant_number,
    ndd_prefix_for_region,
    number_type,
    parse,
)
from phonenumbers.shortnumberinfo import is_emergency_number

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.phone.fiction import is_fictional
from campaigns.phone.plain import plain_number
from campaigns.phone.reasons import Reason, Repair, refused


class ReadNumber(NamedTuple):
    """A number in E.164, and what had to be put right to read it."""

    number: str
    repairs: tuple[Repair, ...]


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
_LONGEST_CELL = 500  # nor any of writing ten numbers beside each other
_SHORT = 6  # digits; longer texts are judged by the numbering plan

_PLAIN = re.compile(r"\+?[ ().\-]*[0-9][0-9 ().\-]*")
_WRITTEN = re.compile(r"[(\[]?\+?[0-9 ().\-/\[\]]+")
# A column too narrow to show its numbers, and numbers with signs that separate thousands.
_DAMAGED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|#{2,}")
_EXPONENT = re.compile(r"([+-]?)([0-9]+)(?:[.,]([0-9]+))?[eE]([+-]?[0-9]+)")
_TRAILING_ZERO = re.compile(r"(\+?[0-9]{6,})[.,]0+")
_TRUNK_ZERO = re.compile(r"\( *0 *\)")
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
    return read_number(text, default_country).number


def read_numbers(text: str, default_country: str) -> tuple[ReadNumber, ...]:
    """Every number in one cell, in order and each once: people write two beside each other.

    What stands beside a good number and is none is left out, and that is told (`LEFT_OUT`). Raises
    as `parse_number` does, for the first of the texts, when none is good.
    """
    if len(text) <= _LONGEST_TEXT:
        try:
            return (read_number(text, default_country),)
        except NotAPhoneNumber as problem:
            if problem.reason != Reason.TWO_NUMBERS:
                raise
    found: dict[str, ReadNumber] = {}
    first_problem: NotAPhoneNumber | None = None
    elsewhere = left_out = False
    for piece in _pieces_of(_clean(text, longest=_LONGEST_CELL)):
        if elsewhere and not _is_whole(piece):
            left_out = True
            continue  # in the area of the one before; by itself it is a number in another one
        elsewhere = elsewhere or _names_its_area(piece, default_country.upper())
        try:
            read = read_number(piece, default_country)
        except NotAPhoneNumber as problem:
            first_problem = first_problem or problem
            continue
        repairs = (Repair.SEVERAL_NUMBERS, *read.repairs)
        found.setdefault(read.number, ReadNumber(read.number, repairs))
    if found:
        return _told(tuple(found.values()), left_out=left_out or first_problem is not None)
    raise first_problem or refused(
        Reason.TWO_NUMBERS if len(text) <= _LONGEST_TEXT else Reason.NOT_A_NUMBER, text
    )


def _told(found: tuple[ReadNumber, ...], *, left_out: bool) -> tuple[ReadNumber, ...]:
    """The numbers; where something was left out the first of them says so."""
    if not left_out:
        return found
    first, *others = found
    # One number alone was not taken apart from another.
    kept = (repair for repair in first.repairs if others or repair != Repair.SEVERAL_NUMBERS)
    return (ReadNumber(first.number, (Repair.LEFT_OUT, *kept)), *others)


def read_number(text: str, default_country: str) -> ReadNumber:
    """One number with the repairs it took; raises as `parse_number` does."""
    country = default_country.upper()
    if country not in SUPPORTED_REGIONS:
        raise InvalidInput(f"“{default_country}” is not a country code such as US or GB.")
    plain = plain_number(text, country)
    if plain is not None:
        return ReadNumber(plain, ())
    clean, repairs = _mended(_clean(text), text)
    if not _PLAIN.fullmatch(clean):
        _check_writing(clean, text)
    readings = _readings(clean, country)
    number = _callable(readings, clean, text, country)
    digits = _only_digits(clean)
    e164 = format_number(number, PhoneNumberFormat.E164)
    _check_origin(number, e164, digits, text)
    if not clean.lstrip("([ ").startswith(("+", "0")):
        repairs += _plus_put_back(number, clean, digits, text)
    if not text.isascii():
        repairs += _odd_characters(text)
    if "0" in clean:
        repairs += _zeros_dropped(number, clean)
    return ReadNumber(e164, repairs)


def mask(e164: str) -> str:
    """A number for logs, as +1555***0123: enough to recognise, too little to call. Never raises."""
    if not e164.startswith("+") or len(e164) < 9:
        return "***"
    shown = 4 if len(e164) >= 12 else 2
    return f"{e164[: shown + 1]}***{e164[-shown:]}"


def _clean(text: str, longest: int = _LONGEST_TEXT) -> str:
    """ASCII digits and signs: any script's digits, full-width forms, dashes, invisible marks."""
    if len(text) > longest:
        raise refused(Reason.NOT_A_NUMBER, text)
    plain = text if text.isascii() else "".join(map(_plain_character, text))
    plain = plain.replace("\r", "\n").replace("\t", " ").strip(" \n,;")
    # A leading apostrophe is how spreadsheets, and our own exports, mark text.
    plain = plain.removeprefix("'").strip()
    if plain[:4].lower() == "tel:":
        plain = plain[4:].strip()
    if not plain:
        raise refused(Reason.EMPTY, text)
    return plain


def _mended(clean: str, text: str) -> tuple[str, tuple[Repair, ...]]:
    """The digits that a spreadsheet's number stands for, when it shows every one of them."""
    if clean.isdecimal():
        return clean, ()
    found = _TRAILING_ZERO.fullmatch(clean)
    if found:
        return found[1], (Repair.TRAILING_ZERO,)
    found = _EXPONENT.fullmatch(clean)
    if not found:
        return clean, ()
    sign, whole, fraction, power = found[1], found[2], found[3] or "", int(found[4])
    if sign == "-" or not 3 <= power <= 15 or not 1 <= int(whole) <= 999:
        raise refused(Reason.DAMAGED_BY_SPREADSHEET, text)
    # A general format drops zeros at the end, and a narrow one drops digits: nobody can tell which.
    if len(fraction) < power:
        raise refused(Reason.DIGITS_LOST, text)
    if fraction[power:].strip("0"):
        raise refused(Reason.DAMAGED_BY_SPREADSHEET, text)
    return sign + whole + fraction[:power], (Repair.EXPONENT,)


def _pieces_of(clean: str) -> list[str]:
    """The parts of a cell that seem to hold a number each."""
    pieces = []
    for piece in _SEPARATOR.split(clean):
        before, slash, after = piece.rpartition("/")
        if slash and _digits(before) >= 7 and _digits(after) >= 7:
            pieces += [before, after]
        elif piece.count("+") > 1:
            first, *others = piece.split("+")
            pieces += [first, *(f"+{other}" for other in others)]
        else:
            pieces.append(piece)
    return [piece for piece in pieces if _digits(piece)]


def _is_whole(piece: str) -> bool:
    """Whether a number is written from its country code, or from the zero before its area code."""
    return piece.lstrip("([ \n").startswith(("+", "0"))


def _names_its_area(piece: str, country: str) -> bool:
    """Whether a number is written so that one beside it, without these first digits, is short."""
    if not _is_whole(piece):
        return False
    if ndd_prefix_for_region(country, True) == "0":
        return True
    signs = piece.lstrip("([ \n")
    code = str(country_code_for_region(country))
    return signs.startswith(("+", "00")) and not _only_digits(signs).lstrip("0").startswith(code)


def _check_origin(number: PhoneNumber, e164: str, digits: str, text: str) -> None:
    """Raise unless every digit that would be dialled was written, but for the country code.

    Some numbering plans insert digits (a 9 before mobile numbers, say); then somebody shall say so.
    """
    if digits.endswith((e164[1:], str(number.national_number))):
        return
    written = iter(f"{number.country_code}{digits}")
    if not all(digit in written for digit in e164[1:]):
        raise refused(Reason.REWRITTEN, text)


def _plus_put_back(number: PhoneNumber, clean: str, digits: str, text: str) -> tuple[Repair, ...]:
    """`LOST_PLUS` when the text begins with the country code; raises when it need not do so."""
    code = str(number.country_code)
    national = national_significant_number(number)
    if digits != code + national:
        return _unless_other_reading(number, digits, code, text)
    if code != "1" and is_valid_number(PhoneNumber(int(code), int(digits))):
        raise refused(Reason.AMBIGUOUS, text)
    return (Repair.LOST_PLUS,) if clean.isdecimal() else ()


def _unless_other_reading(
    number: PhoneNumber, digits: str, code: str, text: str
) -> tuple[Repair, ...]:
    """Nothing, for a national number that is not also one behind its country's code."""
    if code != "1" and digits.startswith(code) and digits == str(number.national_number):
        other = _parse(f"+{digits}", "ZZ")
        if other is not None and is_valid_number(other):
            raise refused(Reason.AMBIGUOUS, text)
    return ()


def _odd_characters(text: str) -> tuple[Repair, ...]:
    found = []
    if any(not c.isascii() and unicodedata.category(c) == "Nd" for c in text):
        found.append(Repair.OTHER_DIGITS)
    if any(not c.isascii() and unicodedata.category(c) in ("Cf", "Zs") for c in text):
        found.append(Repair.INVISIBLE_MARKS)
    return tuple(found)


def _zeros_dropped(number: PhoneNumber, clean: str) -> tuple[Repair, ...]:
    if _TRUNK_ZERO.search(clean) and not number.italian_leading_zero:
        return (Repair.TRUNK_ZERO,)
    return (Repair.DOUBLE_ZERO,) if clean.lstrip("([ ").startswith("00") else ()


def _only_digits(clean: str) -> str:
    return "".join(filter(str.isdigit, clean))


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
        raise refused(Reason.DAMAGED_BY_SPREADSHEET, text)
    if _holds_two(clean):
        raise refused(Reason.TWO_NUMBERS, text)
    if _EXTENSION.fullmatch(clean):
        raise refused(Reason.EXTENSION, text)
    if not _digits(clean) or not _WRITTEN.fullmatch(clean):
        letters = any(character.isalpha() for character in clean)
        raise refused(Reason.LETTERS if letters and _digits(clean) else Reason.NOT_A_NUMBER, text)


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
            raise refused(_TYPES[kind], text)
        if kind != PhoneNumberType.UNKNOWN or _is_reserved(number):
            return number
    raise refused(_unknown(readings, clean, country), text)


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
    if clean == digits and not digits.startswith("0"):
        abroad = _parse(f"+{digits}", "ZZ")
        if abroad is not None and (is_valid_number(abroad) or _is_reserved(abroad)):
            return Reason.PLUS_LOST
    return Reason.INVALID


@lru_cache(maxsize=4096)
def _is_emergency(digits: str) -> bool:
    """Whether this short text of digits is an emergency number of any country."""
    regions = SUPPORTED_SHORT_REGIONS if len(digits) <= _SHORT else ()
    return any(is_emergency_number(digits, region) for region in regions)
