"""From the bytes of a status callback to plain mappings, and from loose values to safe ones.

The exact body of the Calling API's callbacks is not documented, so the nested envelope of the SWML
callbacks, a flat object, a `call` object and the form-encoded Twilio names are all read. Nothing
here trusts a value: texts are cut and freed of control characters (a database cannot store NUL),
numbers must be finite and times must lie in this century.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from campaigns.errors import InvalidInput

MOST_EVENTS = 100  # in one body
MOST_FIELDS = 200  # in one form
LONGEST_TEXT = 200  # characters of any word that is kept
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Fields = Mapping[str, Any]


def read_body(body: bytes, content_type: str) -> list[Fields]:
    """The notifications in one body. Raises `InvalidInput` when there are none to be read."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("The notification is not UTF-8. It was not applied.") from error
    looks_like_json = text.lstrip()[:1] in ("{", "[")
    if "json" in content_type.lower() or looks_like_json:
        return _objects(_json(text))
    return [_form(text)]


def _json(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The notification is not JSON that can be read.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _objects(value: object) -> list[Fields]:
    items = value if isinstance(value, list) else [value]
    objects: list[Fields] = [item for item in items if isinstance(item, dict)]
    if not 1 <= len(items) <= MOST_EVENTS or len(objects) < len(items):
        raise InvalidInput(f"A notification must be one object or a list of 1 to {MOST_EVENTS}.")
    return objects


def _form(text: str) -> Fields:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise InvalidInput("The notification is not a form that can be read.") from error
    if not any(value for _, value in pairs):
        raise InvalidInput("The notification is empty or neither JSON nor a form.")
    return dict(pairs)


def layers(notification: Fields) -> list[Fields]:
    """Where a field may stand, most specific first: params, params.call, call, the top."""
    params = nested(notification, "params")
    return [params, nested(params, "call"), nested(notification, "call"), notification]


def nested(fields: Fields, name: str) -> Fields:
    """The object under `name`, or an empty one."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def values(where: Sequence[Fields], *names: str) -> Iterator[Any]:
    """Every given value under one of `names`, in the order of the layers and then of the names."""
    for fields in where:
        for name in names:
            value = fields.get(name)
            if value is not None and value != "":
                yield value


def text(where: Sequence[Fields], *names: str) -> str:
    """The first text under one of `names`, cut and printable; empty when there is none."""
    found = next((value for value in values(where, *names) if isinstance(value, str)), "")
    return "".join(sign for sign in found[:LONGEST_TEXT] if sign.isprintable()).strip()


def number(value: object) -> float | None:
    """A finite number 0 or above, also when it was sent as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def seconds(where: Sequence[Fields]) -> float | None:
    """The duration that was reported, in seconds."""
    for name, unit in (("duration_ms", 0.001), ("CallDuration", 1.0), ("duration", 1.0)):
        for value in values(where, name):
            found = number(value)
            if found is not None and found * unit < 1e7:
                return found * unit
    return None


def moment(where: Sequence[Fields], *names: str) -> datetime | None:
    """The first readable time under one of `names`: epoch (s, ms or us), ISO or RFC 2822."""
    found = (_moment(value) for value in values(where, *names))
    return next((each for each in found if each is not None and EARLIEST < each < LATEST), None)


def _moment(value: object) -> datetime | None:
    epoch = number(value)
    try:
        if epoch is not None:
            unit = 1e6 if epoch > 1e14 else 1e3 if epoch > 1e11 else 1.0
            return datetime.fromtimestamp(epoch / unit, UTC)
        read = _date(value) if isinstance(value, str) else None
        return read.astimezone(UTC) if read and read.tzinfo else read and read.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _date(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return parsedate_to_datetime(value)
