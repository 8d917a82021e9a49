"""Why a text is no number that may be called, and what may be put right in one that is."""

from enum import StrEnum

from campaigns.errors import NotAPhoneNumber


class Reason(StrEnum):
    """Why a text is not a number that may be called; `NotAPhoneNumber.reason` is one of these."""

    EMPTY = "empty"
    NOT_A_NUMBER = "not_a_number"
    LETTERS = "letters"
    DIGITS_LOST = "digits_lost"
    DAMAGED_BY_SPREADSHEET = "damaged_by_spreadsheet"
    PLUS_LOST = "plus_lost"
    AMBIGUOUS = "ambiguous_number"
    REWRITTEN = "needs_country_code"
    TWO_NUMBERS = "two_numbers"
    EXTENSION = "extension"
    EMERGENCY = "emergency"
    SHORT_NUMBER = "short_number"
    NO_AREA_CODE = "no_area_code"
    INVALID = "invalid"
    PREMIUM = "premium"
    TOLL_FREE = "toll_free"
    OTHER_TYPE = "other_type"


class Repair(StrEnum):
    """What was put right on the way from a text to a number."""

    EXPONENT = "exponent"  # 1.2025550143E+10, with every digit kept
    TRAILING_ZERO = "trailing_zero"  # 12025550143.0
    LOST_PLUS = "lost_plus"  # 12025550143 and 442079460123, from the default country
    OTHER_DIGITS = "other_digits"  # full-width, or of another script
    INVISIBLE_MARKS = "invisible_marks"  # zero-width, direction and byte order marks, odd spaces
    TRUNK_ZERO = "trunk_zero"  # +44 (0)20
    DOUBLE_ZERO = "double_zero"  # 0044 20
    SEVERAL_NUMBERS = "several_numbers"  # two numbers in one cell
    LEFT_OUT = "number_left_out"  # what stood beside a good number and could not be called


_ADVICE: dict[Reason, str] = {
    Reason.EMPTY: "There is no telephone number here.",
    Reason.NOT_A_NUMBER: "{text} is not a telephone number.",
    Reason.LETTERS: "{text} has letters in it; write the number in digits only.",
    Reason.DIGITS_LOST: (
        "{text} was shortened by a spreadsheet and its last digits are gone; "
        "format the column as text and export it again."
    ),
    Reason.DAMAGED_BY_SPREADSHEET: (
        "{text} was changed by a spreadsheet and digits may be lost; "
        "format the column as text and export it again."
    ),
    Reason.PLUS_LOST: (
        "{text} is no number of the list's country; if it begins with the code of another "
        "country, write a plus sign before it."
    ),
    Reason.AMBIGUOUS: (
        "{text} can be read with and without a country code, as two different numbers; "
        "write a plus sign and the country code."
    ),
    Reason.REWRITTEN: (
        "{text} would have to be changed to be dialled; write it with a plus sign and the "
        "country code, as one dials it from abroad."
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


def refused(reason: Reason, text: str) -> NotAPhoneNumber:
    """The error that explains why `text` was refused, short and printable."""
    shown = "".join(c if c.isprintable() else " " for c in text).strip()
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    return NotAPhoneNumber(_ADVICE[reason].format(text=f"“{shown}”"), reason=reason)
