"""Why a value does not fit a model, in our words instead of the library's. Pure."""

from collections.abc import Mapping
from typing import Any

# By the library's kind of error; what is in braces comes with the error.
_WORDS = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such field here",
    "string_type": "write a text",
    "string_pattern_mismatch": "it is not written in the form that is expected: {pattern}",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_parsing_size": "the number is too large",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "finite_number": "write a number that is not infinite",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write a number of at least {ge}",
    "less_than": "write a number below {lt}",
    "less_than_equal": "write a number of at most {le}",
    "enum": "it is none of {expected}",
    "literal_error": "it is none of {expected}",
    "list_type": "give a list",
    "tuple_type": "give a list",
    "set_type": "give a list",
    "dict_type": "give an object of names and values",
    "mapping_type": "give an object of names and values",
    "model_type": "give an object of names and values",
    "model_attributes_type": "give an object of names and values",
    "union_tag_not_found": "its kind is missing",
    "json_invalid": "it is no JSON: {error}",
    "json_type": "write JSON",
    "timezone_aware": "name the instant's offset from UTC, as in 2027-03-01T09:00:00-05:00",
    "datetime_type": "write an instant as 2027-03-01T09:00:00-05:00",
    "datetime_parsing": "write an instant as 2027-03-01T09:00:00-05:00",
    "datetime_from_date_parsing": "write an instant as 2027-03-01T09:00:00-05:00",
    "date_type": "write a day as 2027-03-01",
    "date_parsing": "write a day as 2027-03-01",
    "date_from_datetime_parsing": "write a day as 2027-03-01",
    "time_type": "write a time of day as 09:00",
    "time_parsing": "write a time of day as 09:00",
    "url_type": "write an address that begins with https://",
    "url_parsing": "write an address that begins with https://",
    "url_scheme": "write an address that begins with https://",
}
_COUNTED = {
    "string_too_short": ("at least", "min_length", "character"),
    "string_too_long": ("at most", "max_length", "character"),
    "too_short": ("at least", "min_length", "entry"),
    "too_long": ("at most", "max_length", "entry"),
}
_SEVERAL = {"character": "characters", "entry": "entries"}


def misfit(error: Mapping[str, Any]) -> str:
    """What is wrong with one value, without a capital and a full stop.

    `error` is one of a `ValidationError.errors()`. What our own validators say is told as it is.
    """
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):
        told = str(error["msg"]).split(", ", maxsplit=1)[-1].rstrip(".")
        return f"{told[:1].lower()}{told[1:]}"
    if kind in _COUNTED:
        bound, name, noun = _COUNTED[kind]
        count = context.get(name, 1)
        return f"give {bound} {count:,} {noun if count == 1 else _SEVERAL[noun]}"
    words = _WORDS.get(kind)
    try:
        return words.format_map(context) if words else "it is not of the kind that is expected"
    except KeyError:  # the library has stopped telling this detail
        return "it is not of the kind that is expected"
