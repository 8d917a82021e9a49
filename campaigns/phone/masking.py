"""Telephone numbers for eyes that need not know them."""

import re

KEPT_AT_THE_FRONT = 5  # the plus and four digits
KEPT_AT_THE_END = 2
MASK = "•••"


def mask_number(number: str) -> str:
    """An E.164 number of which enough is hidden that it cannot be dialled: +1202•••43."""
    if len(number) < KEPT_AT_THE_FRONT + KEPT_AT_THE_END + len(MASK):
        return MASK
    return f"{number[:KEPT_AT_THE_FRONT]}{MASK}{number[-KEPT_AT_THE_END:]}"


# A plus and digits; nine digits or more in a row; ten in the groups of North America; or as many in
# any groups behind a leading zero, as elsewhere. Dates and amounts of money are none of these.
_APART = r"[\s()./\u2010-\u2015-]"
_IN_TEXT = re.compile(
    rf"\+{_APART}?\d(?:{_APART}{{0,3}}\d){{6,14}}"
    r"|(?<!\d)(?<!\d[.,:-])"
    rf"(?:\d{{9,15}}|(?:1{_APART})?\(?\d{{3}}{_APART}{{0,2}}\d{{3}}{_APART}?\d{{4}}"
    rf"|\(?0(?:{_APART}{{0,3}}\d){{8,14}})"
    r"(?!\d|[.,:-]\d)"
)


def mask_numbers_in(text: str) -> str:
    """A text in which every telephone number is masked."""
    return _IN_TEXT.sub(lambda found: _masked(found[0]), text)


def _masked(found: str) -> str:
    digits = "".join(sign for sign in found if sign.isdigit())
    return mask_number(f"+{digits}") if found.startswith("+") else MASK + digits[-KEPT_AT_THE_END:]
