"""Everything that `dial` accepts, checked before a byte is sent.

Names and limits: SignalWire documents, Calling API, "Create a call" (the base parameters) and the
error codes that its server answers for each broken rule.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from campaigns.calls import JSON
from campaigns.errors import InvalidInput

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ADDRESS = re.compile(r"(sips?|verto|client):\S{1,500}|/\S{1,500}")
TOKEN = re.compile(r"[!-~]{1,255}")
DIGITS = re.compile(r"[0-9A-D*#w,]{1,255}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,255}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")
RESERVED_PREFIXES = ("signalwire_", "sw_", "rtc_", "internal_")
STATUS_EVENTS = frozenset({"created", "ringing", "answered", "ended"})
CODECS = frozenset({"OPUS", "G722", "PCMU", "PCMA", "G729", "VP8", "H264"})
SHORTEST_RING, LONGEST_RING = 1, 600  # seconds
MOST_VARIABLES = 20
LONGEST_VARIABLE = 1024  # bytes
MOST_HEADERS = 50

Problems = Iterator[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialParams:
    """The parameters of one `dial`. Raises `InvalidInput`, naming every problem, when made.

    `from_number` is the wire's `from`. Exactly one of `url` and `swml` gives the document that
    runs on the call; `to_script` may stand in for `to`. `timeout` is seconds of ringing. The
    limits of `headers` are undocumented; they are only kept free of line breaks.
    """

    from_number: str
    to: str | None = None
    to_script: str | JSON | None = None
    url: str | None = None
    swml: str | JSON | None = None
    url_method: str | None = None
    fallback_url: str | None = None
    caller_id: str | None = None
    status_url: str | None = None
    status_events: Sequence[str] = ()
    timeout: int | None = None
    send_digits: str | None = None
    codecs: Sequence[str] = ()
    max_price_per_minute: float | None = None
    region: str | Sequence[str] | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    custom_variables: Mapping[str, str] = field(default_factory=dict)
    headers: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        problems = [problem for rule in RULES for problem in rule(self)]
        if problems:
            raise InvalidInput(f"The call cannot be placed: {'; '.join(problems)}.")

    def as_wire(self) -> JSON:
        """The `params` object of the request: only what was given."""
        everything: JSON = {
            "from": self.from_number,
            "to": self.to,
            "to_script": self.to_script,
            "url": self.url,
            "swml": self.swml,
            "url_method": self.url_method,
            "fallback_url": self.fallback_url,
            "caller_id": self.caller_id,
            "status_url": self.status_url,
            "status_events": list(self.status_events),
            "timeout": self.timeout,
            "send_digits": self.send_digits,
            "codecs": list(self.codecs),
            "max_price_per_minute": self.max_price_per_minute,
            "region": self.region if isinstance(self.region, str) else list(self.region or ()),
            "username": self.username,
            "password": self.password,
            "custom_variables": dict(self.custom_variables),
            "headers": [{"name": name, "value": value} for name, value in self.headers],
        }
        return {name: value for name, value in everything.items() if _given(value)}


def _given(value: Any) -> bool:
    return value is not None and value != [] and value != {} and value != ""


def is_e164(number: object) -> bool:
    """Whether `number` is text in the form +15550100, 7 to 15 digits."""
    return isinstance(number, str) and E164.fullmatch(number) is not None


def _numbers(params: DialParams) -> Problems:
    if params.to is None:
        if params.to_script is None:
            yield "to or to_script is needed"
    elif not is_e164(params.to) and not _matches(ADDRESS, params.to):
        yield "to must be E.164 or an address such as sip:name@host"
    telephone = params.to is None or is_e164(params.to)
    if telephone and not is_e164(params.from_number):
        yield "from must be E.164 when a telephone is called"
    elif not _matches(TOKEN, params.from_number):
        yield "from must be a number, an address or a short caller id"
    if params.caller_id is None:
        return
    if telephone and not is_e164(params.caller_id):
        yield "caller_id must be E.164 when a telephone is called"
    elif not _matches(TOKEN, params.caller_id):
        yield "caller_id must be a number or a short text"


def _document(params: DialParams) -> Problems:
    if (params.url is None) == (params.swml is None):
        yield "exactly one of url and swml is needed"
    if params.swml is not None and not (isinstance(params.swml, str | dict) and params.swml):
        yield "swml must be a document"
    if params.to_script is not None and not (
        isinstance(params.to_script, str | dict) and params.to_script
    ):
        yield "to_script must be a document or its URL"
    if params.url_method not in (None, "GET", "POST"):
        yield "url_method must be GET or POST"
    for name in ("url", "fallback_url", "status_url"):
        value = getattr(params, name)
        if value is not None and not is_http_url(value):
            yield f"{name} must be an absolute http or https URL"


def is_http_url(value: object) -> bool:
    """Whether `value` is an absolute http(s) URL without spaces or control characters."""
    if not isinstance(value, str) or SPACE_OR_CONTROL.search(value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _ringing(params: DialParams) -> Problems:
    if not isinstance(params.status_events, list | tuple) or not all(
        isinstance(event, str) and event in STATUS_EVENTS for event in params.status_events
    ):
        yield f"status_events may hold {', '.join(sorted(STATUS_EVENTS))}"
    seconds = params.timeout
    if seconds is not None and (
        type(seconds) is not int or not SHORTEST_RING <= seconds <= LONGEST_RING
    ):
        yield f"timeout must be {SHORTEST_RING} to {LONGEST_RING} whole seconds"
    if params.send_digits is not None and not _matches(DIGITS, params.send_digits):
        yield "send_digits may hold 0-9, A-D, *, #, w and commas"


def _routing(params: DialParams) -> Problems:
    if not isinstance(params.codecs, list | tuple) or not all(
        isinstance(codec, str) and codec.partition("@")[0] in CODECS for codec in params.codecs
    ):
        yield f"codecs may hold {', '.join(sorted(CODECS))}"
    price = params.max_price_per_minute
    if price is not None and (
        type(price) not in (int, float) or not math.isfinite(price) or price < 0
    ):
        yield "max_price_per_minute must be a number, 0 or more"
    regions = [params.region] if isinstance(params.region, str) else params.region
    if regions is not None and not (regions and all(_matches(TOKEN, each) for each in regions)):
        yield "region must name one or more regions"


def _credentials(params: DialParams) -> Problems:
    for name in ("username", "password"):
        value = getattr(params, name)
        if value is not None and (not isinstance(value, str) or CONTROL.search(value)):
            yield f"{name} must be text without control characters"


def _variables(params: DialParams) -> Problems:
    variables: object = params.custom_variables
    if not isinstance(variables, Mapping):
        yield "custom_variables must map names to texts"
        return
    if len(variables) > MOST_VARIABLES:
        yield f"custom_variables may hold at most {MOST_VARIABLES} values"
    for name, value in variables.items():
        if not _matches(VARIABLE_NAME, name):
            yield f"custom variable {str(name)[:40]!r}: not a name"
        elif name.lower().startswith(RESERVED_PREFIXES):
            yield f"custom variable {name[:40]!r}: the prefix is reserved"
        if not isinstance(value, str) or not value:
            yield f"custom variable {str(name)[:40]!r}: needs a text"
        elif len(value.encode("utf-8", "surrogatepass")) > LONGEST_VARIABLE:
            yield f"custom variable {str(name)[:40]!r}: longer than {LONGEST_VARIABLE} bytes"


def _headers(params: DialParams) -> Problems:
    if len(params.headers) > MOST_HEADERS:
        yield f"headers may hold at most {MOST_HEADERS} lines"
    for name, value in params.headers:
        if not _matches(HEADER_NAME, name):
            yield f"header {str(name)[:40]!r}: not a name"
        if not isinstance(value, str) or CONTROL.search(value):
            yield f"header {str(name)[:40]!r}: the value must be one line of text"


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


RULES: tuple[Callable[[DialParams], Problems], ...] = (
    _numbers,
    _document,
    _ringing,
    _routing,
    _credentials,
    _variables,
    _headers,
)
