"""Numbers that are written plainly, read at a glance: most of every long list.

Weighing each way a text could be meant (`reading`) costs more than everything else an import does
with a row. Digits behind a plus sign and a calling code, and ten digits of North America, can be
meant in one way only; where the numbering plan also calls them an ordinary telephone, nothing is
left to weigh. The plans are those of `phonenumbers`; whatever is not plain is `None` here, and is
read the long way.
"""

import re
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

# No dot: behind one, zeros at the end may be a spreadsheet's decimals.
_ABROAD = re.compile(r"\+[1-9][0-9]*(?:[ -][0-9]+)*")
_AREA = "[2-9][0-9]{2}"
_NORTH_AMERICAN = re.compile(
    rf"(?:\({_AREA}\) ?|{_AREA}[ -]?)[0-9]{{3}}[ -]?[0-9]{{4}}|{_AREA}\.[0-9]{{3}}\.[0-9]{{4}}"
)
_NORTH_AMERICA = ("US", "CA")
_SIGNS = str.maketrans("", "", "+ -.()")
_SHORTEST, _LONGEST = 7, 15  # digits


def plain_number(text: str, country: str) -> str | None:
    """The E.164 form of a number of which nothing is in doubt; `None` for every other text."""
    if _ABROAD.fullmatch(text):
        digits = text.translate(_SIGNS)
    elif country in _NORTH_AMERICA and _NORTH_AMERICAN.fullmatch(text):
        digits = "1" + text.translate(_SIGNS)
    else:
        return None
    if not _SHORTEST <= len(digits) <= _LONGEST:
        return None
    for length in (1, 2, 3):
        code = int(digits[:length])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return f"+{digits}" if _ordinary(code).fullmatch(digits[length:]) else None
    return None


@lru_cache(maxsize=512)
def _ordinary(code: int) -> re.Pattern[str]:
    """National numbers of a calling code that are an ordinary telephone's, whichever of its
    countries they are in, and that no plan would read as something before them, such as a trunk
    prefix. Countries that are told by their first digits alone are left to the long way."""
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    plans = [plan for region in regions if (plan := PhoneMetadata.metadata_for_region(region))]
    if not plans:
        return re.compile(r"(?!)")
    prefix = plans[0].national_prefix_for_parsing
    elsewhere = [plan.leading_digits for plan in plans if plan.leading_digits]
    not_before = "".join(rf"(?!{found})" for found in ("0", prefix, *elsewhere) if found)
    plans = [plan for plan in plans if not plan.leading_digits]
    special = "|".join(_any_of(*_specials(plan)) for plan in plans) or "(?!)"
    usual = "|".join(
        rf"(?={_any_of(plan.general_desc)}\Z){_any_of(plan.fixed_line, plan.mobile, plan.voip)}"
        for plan in plans
    )
    return re.compile(rf"{not_before}(?!(?:{special})\Z)(?:{usual or '(?!)'})")


def _specials(plan: PhoneMetadata) -> tuple[PhoneNumberDesc | None, ...]:
    """What is no ordinary telephone."""
    priced = (plan.premium_rate, plan.toll_free, plan.shared_cost)
    return (*priced, plan.personal_number, plan.pager, plan.uan, plan.voicemail)


def _any_of(*kinds: PhoneNumberDesc | None) -> str:
    """An expression for the numbers of any of these kinds, each in its own lengths."""
    patterns = []
    for kind in kinds:
        if kind is not None and kind.national_number_pattern:
            lengths = "|".join(f"[0-9]{{{length}}}" for length in kind.possible_length)
            only = rf"(?=(?:{lengths})\Z)" if lengths else ""
            patterns.append(f"{only}(?:{kind.national_number_pattern})")
    return f"(?:{'|'.join(patterns) or '(?!)'})"
