"""The rules for `dial` parameters (SignalWire documents: Calling API requests, error codes)."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from simulator.answers import ApiError
from simulator.calls import DialRequest

JSON = dict[str, Any]

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
DIGITS = re.compile(r"[0-9A-D*#wW,]+")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_PREFIXES = ("signalwire_", "sw_", "rtc_", "internal_")
CODECS = frozenset(
    [
        "OPUS",
        "OPUS@48000H@20I",
        "OPUS@24000H@20I",
        "OPUS@16000H@20I",
        "OPUS@8000H@20I",
        "G722",
        "PCMU",
        "PCMA",
        "G729",
        "VP8",
        "H264",
    ]
)
# The documents name the first four; the official SDK types also offer the others.
STATUS_EVENTS = frozenset(
    ["created", "ringing", "answered", "ended", "queued", "initiated", "ending"]
)
OTHER_ADDRESSES = ("sip:", "sips:", "verto:", "client:", "/")
MOST_VARIABLES = 20
LONGEST_VARIABLE = 1024  # bytes


def read_dial(params: JSON, allowed_caller_ids: list[str] | None) -> DialRequest | list[ApiError]:
    """The validated request, or every fault found in it."""
    errors = [error for rule in RULES for error in rule(params)]
    if not errors and allowed_caller_ids is not None and params["from"] not in allowed_caller_ids:
        errors.append(
            ApiError(
                "not_purchased_or_verified",
                "The number is neither purchased nor verified in this project.",
                "from",
            )
        )
    return errors or _request(params)


def _request(params: JSON) -> DialRequest:
    return DialRequest(
        from_number=params["from"],
        to_number=params["to"],
        url=params.get("url"),
        swml=read_swml(params.get("swml")),
        url_method=params.get("url_method") or "POST",
        fallback_url=params.get("fallback_url"),
        status_url=params.get("status_url"),
        status_events=frozenset(params.get("status_events") or ["ended"]),
        timeout=params.get("timeout"),
        custom_variables=params.get("custom_variables") or {},
    )


def read_swml(value: Any) -> JSON | None:
    """An inline document given as an object or as JSON text; None when it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _caller(params: JSON) -> Iterator[ApiError]:
    value = params.get("from")
    if value is None or value == "":
        yield ApiError("missing_required_parameter", "from is required.", "from")
    else:
        yield from _e164(value, "from")
    if params.get("caller_id") is not None:
        yield from _e164(params["caller_id"], "caller_id")


def _destination(params: JSON) -> Iterator[ApiError]:
    value = params.get("to")
    if value is None or value == "":
        if params.get("to_script") is None:
            yield ApiError("missing_required_parameter", "to is required.", "to")
        else:
            yield ApiError(
                "to_destination_unresolvable", "Only telephones can be called here.", "to_script"
            )
    elif isinstance(value, str) and value.lower().startswith(OTHER_ADDRESSES):
        yield ApiError("to_destination_unresolvable", "Only telephones can be called here.", "to")
    else:
        yield from _e164(value, "to")


def _e164(value: Any, attribute: str) -> Iterator[ApiError]:
    if not isinstance(value, str) or not E164.fullmatch(value):
        yield ApiError("not_e164", f"{attribute} must be in E.164 format.", attribute)


def document_source(params: JSON) -> Iterator[ApiError]:
    """Exactly one of `url` and `swml`, and each of the right kind."""
    url, swml = params.get("url"), params.get("swml")
    if (url is None) == (swml is None):
        yield ApiError(
            "inline_swml_or_swml_webhook_required", "Give exactly one of url and swml.", "url"
        )
    if isinstance(swml, str) and read_swml(swml) is None:
        yield ApiError("not_json_or_yaml", "swml is not a document.", "swml")
    elif swml is not None and not isinstance(swml, (str, dict)):
        yield ApiError("invalid_parameter", "swml must be an object or text.", "swml")
    yield from urls(params)


def urls(params: JSON) -> Iterator[ApiError]:
    for name in ("url", "fallback_url", "status_url"):
        if params.get(name) is not None:
            yield from _http_url(params[name], name)
    if params.get("url_method") not in (None, "GET", "POST"):
        yield ApiError("invalid_http_method", "url_method must be GET or POST.", "url_method")


def _http_url(value: Any, attribute: str) -> Iterator[ApiError]:
    if not isinstance(value, str) or not value.isascii():
        yield ApiError("url_failed_to_parse", f"{attribute} is not a URL.", attribute)
        return
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        yield ApiError("url_failed_to_parse", f"{attribute} is not a URL.", attribute)
        return
    if parts.scheme not in ("http", "https") or not usable or re.search(r"\s", value):
        yield ApiError("not_an_http_url", f"{attribute} must be an HTTP(S) URL.", attribute)


def _events(params: JSON) -> Iterator[ApiError]:
    value = params.get("status_events")
    if value is None:
        return
    known = isinstance(value, list) and all(
        isinstance(event, str) and event in STATUS_EVENTS for event in value
    )
    if not known:
        yield _invalid("status_events", "must list created, ringing, answered or ended")


def _ring_timeout(params: JSON) -> Iterator[ApiError]:
    value = params.get("timeout")
    if value is not None and (type(value) is not int or not 1 <= value <= 600):
        yield _invalid("timeout", "must be a whole number from 1 to 600")


def _codecs(params: JSON) -> Iterator[ApiError]:
    value = params.get("codecs")
    if value is None:
        return
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(
        isinstance(name, str) and name.strip().upper() in CODECS for name in names
    ):
        yield ApiError("invalid_codecs_format", "codecs has an unknown codec.", "codecs")


def _odds_and_ends(params: JSON) -> Iterator[ApiError]:
    digits = params.get("send_digits")
    if digits is not None and not (isinstance(digits, str) and DIGITS.fullmatch(digits)):
        yield _invalid("send_digits", "may hold 0-9, A-D, *, #, w, W and commas")
    price = params.get("max_price_per_minute")
    if price is not None and (type(price) not in (int, float) or price < 0):
        yield _invalid("max_price_per_minute", "must be a number, 0 or more")
    region = params.get("region")
    if region is not None and not isinstance(region, (str, list)):
        yield _invalid("region", "must be text or a list")


def _variables(params: JSON) -> Iterator[ApiError]:
    value = params.get("custom_variables")
    if value is None:
        return
    if not isinstance(value, dict):
        yield _invalid("custom_variables", "must be an object")
        return
    if len(value) > MOST_VARIABLES:
        yield ApiError("too_many_custom_variables", "At most 20 are allowed.", "custom_variables")
    for name, text in value.items():
        yield from _variable(name, text)


def _variable(name: str, text: Any) -> Iterator[ApiError]:
    attribute = f"custom_variables.{name[:100]}"
    if not VARIABLE_NAME.fullmatch(name):
        yield ApiError("invalid_custom_variable_name", "The name is not allowed.", attribute)
    elif name.lower().startswith(RESERVED_PREFIXES):
        yield ApiError("reserved_custom_variable_name", "The name is reserved.", attribute)
    if not isinstance(text, str) or not text:
        yield ApiError("invalid_custom_variable_value", "Must be text, not empty.", attribute)
    elif len(text.encode("utf-8", "surrogatepass")) > LONGEST_VARIABLE:
        yield ApiError("custom_variable_value_too_long", "At most 1024 bytes.", attribute)


def _invalid(attribute: str, rule: str) -> ApiError:
    return ApiError("invalid_parameter", f"{attribute} {rule}.", attribute)


RULES: tuple[Callable[[JSON], Iterator[ApiError]], ...] = (
    _caller,
    _destination,
    document_source,
    _events,
    _ring_timeout,
    _codecs,
    _odds_and_ends,
    _variables,
)
