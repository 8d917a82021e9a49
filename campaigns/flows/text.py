"""Texts to be spoken: templates with `{column}` in them, filled from a recipient's fields.

A placeholder is the name of a column and nothing else: no attributes, no formats, no expressions.
Values come from strangers' files, so they are made harmless here: one line, no control characters,
no markup signs, cut to a length, and never looked at for placeholders again.

The policy for gaps: a template may only name columns that the list has (`check_fields`, before a
campaign starts), and rows with an empty value can be found before they are called
(`missing_values`). During a call nothing is refused, because somebody is on the line: a missing
value is left out and the sentence closed over the gap.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from campaigns.errors import InvalidInput

LONGEST_VALUE = 200  # characters
LONGEST_TEMPLATE = 2000  # characters
LONGEST_TEXT = 4000  # characters

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SPACES = re.compile(r"\s+")
_SPACE_BEFORE_SIGN = re.compile(r"\s+(?=[,.;:!?])")
_MARKUP = str.maketrans("<>", "  ")  # some voices read SSML out of a text
# Persian, Arabic and Indic spelling needs these two format characters.
_JOINERS = frozenset("\u200c\u200d")


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The template with its placeholders replaced, on one line, at most `LONGEST_TEXT` long."""
    gaps = bool(missing_values(template, fields))
    text = one_line(_PLACEHOLDER.sub(lambda place: _value(fields, place[1]), template))
    if gaps:
        text = _SPACE_BEFORE_SIGN.sub("", text)
    return _cut(text, LONGEST_TEXT)


def placeholders(template: str) -> list[str]:
    """The columns that the template names, each once, in order."""
    return list(dict.fromkeys(name.strip() for name in _PLACEHOLDER.findall(template)))


def missing_values(template: str, fields: Mapping[str, str]) -> list[str]:
    """The columns that the template names and this recipient has no text for."""
    return [name for name in placeholders(template) if not _value(fields, name)]


def check_template(template: str) -> None:
    """Raise `InvalidInput` for a template that is empty, too long or has stray braces."""
    if not one_line(template):
        raise InvalidInput("The text is empty.")
    if len(template) > LONGEST_TEMPLATE:
        raise InvalidInput(
            f"The text has {len(template)} characters; at most {LONGEST_TEMPLATE} are allowed."
        )
    rest = _PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        raise InvalidInput("The text has a brace without its partner. Write {column} with both.")
    if "" in placeholders(template):
        raise InvalidInput("The text has {} without the name of a column in it.")


def check_fields(template: str, available_columns: Iterable[str]) -> None:
    """Raise `InvalidInput`, naming them, when the template uses columns that do not exist."""
    columns = set(available_columns)
    unknown = [name for name in placeholders(template) if name not in columns]
    if unknown:
        known = ", ".join(sorted(columns)) or "none"
        raise InvalidInput(
            f"The text uses {', '.join('{' + name + '}' for name in unknown)}, "
            f"but the list has no such column. Its columns: {known}."
        )


def one_line(text: str) -> str:
    """The text without control characters, all white space as single blanks."""
    kept = (_plain(sign) for sign in text)
    return _SPACES.sub(" ", "".join(kept)).strip()


def _plain(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign.isspace() or category[0] == "Z":
        return " "
    return sign if category[0] != "C" or sign in _JOINERS else ""


def _value(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name.strip())
    return "" if value is None else _cut(one_line(str(value).translate(_MARKUP)), LONGEST_VALUE)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length].rstrip()
