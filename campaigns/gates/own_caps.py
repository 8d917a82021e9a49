"""A campaign's own caps, as it keeps them and as people write them: "3 in 24h to a number"."""

import re
from collections.abc import Sequence
from typing import Any

from campaigns.compliance import Cap, CapScope
from campaigns.errors import InvalidInput

MOST_CAPS = 10
MOST_CALLS = 100
LONGEST_HOURS = 366 * 24
RULE = "the campaign's own cap"

_SCOPES = {
    "number": CapScope.NUMBER,
    "subject": CapScope.NUMBER_AND_SUBJECT,
    "person": CapScope.RECIPIENT,
}
_WORDS = {
    CapScope.NUMBER: "to a number",
    CapScope.NUMBER_AND_SUBJECT: "on a subject",
    CapScope.RECIPIENT: "per person",
}
_NAMES = {scope: name for name, scope in _SCOPES.items()}
_TEXT = re.compile(
    r"(?P<calls>\d+)\s*(?:calls?)?\s*(?:in|per|/)\s*(?P<length>\d+(?:\.\d+)?)\s*(?P<unit>h|d)\w*"
    r"(?:\s+(?:to\s+an?\s+|per\s+|on\s+an?\s+|on\s+)?(?P<scope>number|subject|person))?",
    re.IGNORECASE,
)
_HOW = 'Write for example "3 in 24h to a number", "2 in 7d on a subject" or "1 in 24h per person".'


def read_caps(value: Sequence[Any]) -> tuple[Cap, ...]:
    """Caps from their JSON form, `{"calls": 3, "hours": 24, "scope": "number"}`.

    Raises `InvalidInput` for anything that cannot be kept.
    """
    if len(value) > MOST_CAPS:
        raise InvalidInput(f"A campaign can have at most {MOST_CAPS} caps of its own.")
    return tuple(_read(one) for one in value)


def caps_as_kept(value: Sequence[Any]) -> list[dict[str, Any]]:
    """The JSON form of caps that were given in it or in words. Raises `InvalidInput`."""
    kept = [cap_of_text(one) if isinstance(one, str) else one for one in value]
    return [
        {"calls": cap.n, "hours": cap.seconds / 3600, "scope": _NAMES[cap.scope]}
        for cap in read_caps(kept)
    ]


def caps_of_text(text: str) -> list[dict[str, Any]]:
    """Several caps in words, parted by semicolons, commas or lines; none in an empty text.

    Raises `InvalidInput` saying how one is written.
    """
    return [cap_of_text(one) for one in re.split(r"[;,\n]", text) if one.strip()]


def caps_as_typed(value: Sequence[Any]) -> str:
    """Caps as `caps_of_text` reads them: "3 in 24h to a number; 5 in 7d per person"."""
    return "; ".join(
        f"{cap.n} in {_span(cap.seconds)} {_WORDS[cap.scope]}" for cap in read_caps(value)
    )


def _span(seconds: float) -> str:
    days = seconds / 86400
    return f"{days:g}d" if days > 1 and days == round(days) else f"{seconds / 3600:g}h"


def cap_of_text(text: str) -> dict[str, Any]:
    """The JSON form of a cap in words; a scope that is not named is the number.

    Raises `InvalidInput` saying how one is written.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"“{text[:60]}” is no cap. {_HOW}")
    hours = float(found["length"]) * (24 if found["unit"].lower() == "d" else 1)
    scope = (found["scope"] or "number").lower()
    value = {"calls": int(found["calls"]), "hours": hours, "scope": scope}
    _read(value)
    return value


def _read(value: Any) -> Cap:
    if not isinstance(value, dict) or not set(value) <= {"calls", "hours", "scope"}:
        raise InvalidInput(f"A cap has calls, hours and a scope. {_HOW}")
    calls, hours, scope = value.get("calls"), value.get("hours"), value.get("scope", "number")
    if not isinstance(calls, int) or isinstance(calls, bool) or not 1 <= calls <= MOST_CALLS:
        raise InvalidInput(f"A cap allows from 1 to {MOST_CALLS} calls. {_HOW}")
    if (
        not isinstance(hours, int | float)
        or isinstance(hours, bool)
        or not 0 < hours <= LONGEST_HOURS
    ):
        raise InvalidInput(f"A cap counts over at most {LONGEST_HOURS} hours. {_HOW}")
    if scope not in _SCOPES:
        raise InvalidInput(f"A cap counts by number, subject or person, not {str(scope)[:40]!r}.")
    return Cap(calls, hours * 3600.0, _SCOPES[scope], RULE)
