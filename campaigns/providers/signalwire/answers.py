"""What SignalWire's answers to a command mean for the call.

    status  body                                    meaning
    2xx     a call id under `id` or `call_id`       accepted
    2xx     anything else                           in doubt: a call may exist that we cannot name
    422     error codes                             by code, see `VERDICTS`
    429     any                                     congested: never processed
    408     any                                     in doubt: a time-out in between proves nothing
    4xx     any other                               fault: our account, address or request is wrong
    else    any (1xx, 3xx, 5xx)                     in doubt

Source: SignalWire documents, "Error codes" and the status codes of the Calling API. A code that
is not in the table is a fault: it pauses the account for a person to look at, which loses nothing,
whereas taking it for a bad number would end a recipient and repeating it would hammer the provider.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from campaigns.calls import Answer, DialAnswer, HangUp
from campaigns.providers.http import Reply

VERDICTS: dict[str, Answer] = {
    **dict.fromkeys(
        (
            "not_e164",
            "invalid_number_format",
            "invalid_pstn_destination",
            "invalid_sip_destination",
            "invalid_destination_number",
            "destination_number_not_supported",
            "number_not_supported",
            "number_blacklisted",
            "not_routable",
            "to_destination_unresolvable",
        ),
        Answer.BAD_NUMBER,
    ),
    "rate_limit_exceeded": Answer.CONGESTED,
    "max_queued_calls_exceeded": Answer.CONGESTED,
}

# When one answer carries several errors. A fault wins: it stops everything and spends nothing, and
# with a broken request the other complaints may be mere consequences. A bad number stands before
# congestion, because waiting will not make the number valid.
WORST_FIRST = (Answer.FAULT, Answer.BAD_NUMBER, Answer.CONGESTED)

HANG_UPS: dict[str, HangUp] = {
    "cannot_cancel_in_progress": HangUp.ANSWERED,
    "cannot_update_completed": HangUp.GONE,
}

CALL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
TO_ATTRIBUTE = re.compile(r"(?:.*[^A-Za-z0-9_])?to(?:[^A-Za-z0-9_]*|_number)", re.IGNORECASE)
LONGEST_WAIT = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class ApiError:
    """One complaint of the provider; `attribute` names the parameter it is about, if any."""

    code: str
    attribute: str | None = None

    @property
    def verdict(self) -> Answer:
        """What this complaint alone means. A bad number that is not `to` is our own caller id."""
        verdict = VERDICTS.get(self.code, Answer.FAULT)
        about_another = self.attribute is not None and not TO_ATTRIBUTE.fullmatch(self.attribute)
        return Answer.FAULT if verdict is Answer.BAD_NUMBER and about_another else verdict


def read_dial_answer(reply: Reply) -> DialAnswer:
    """Classify a complete answer to `dial`."""
    if reply.ok:
        return _accepted(reply)
    if reply.status == 429:
        return _answer(Answer.CONGESTED, reply)
    if reply.status in (400, 422):
        verdicts = {error.verdict for error in api_errors(reply.body)}
        worst = next((answer for answer in WORST_FIRST if answer in verdicts), Answer.FAULT)
        return _answer(worst, reply)
    if 400 <= reply.status < 500 and reply.status != 408:
        return _answer(Answer.FAULT, reply)
    return _answer(Answer.IN_DOUBT, reply)


def _accepted(reply: Reply) -> DialAnswer:
    body = decoded(reply.body)
    call_id = _call_id(body)
    if call_id is None:
        return DialAnswer(
            Answer.IN_DOUBT, reason="accepted without a call id", http_status=reply.status
        )
    return DialAnswer(
        Answer.ACCEPTED, call_id, reason=_phrase(body.get("status")), http_status=reply.status
    )


def _call_id(body: Mapping[str, Any]) -> str | None:
    for name in ("id", "call_id"):
        if is_call_id(body.get(name)):
            return str(body[name])
    return None


def is_call_id(value: object) -> bool:
    """Whether `value` can be a call's id: it goes into a URL and a database, so nothing odd."""
    return isinstance(value, str) and CALL_ID.fullmatch(value) is not None


def _answer(answer: Answer, reply: Reply) -> DialAnswer:
    wait = retry_after(reply.headers) if answer is Answer.CONGESTED else None
    return DialAnswer(answer, None, reason(reply), reply.status, wait)


def read_hang_up(reply: Reply) -> HangUp:
    """Classify a complete answer to a request to cancel or end a call."""
    if reply.ok:
        return HangUp.DONE
    if reply.status == 404:
        return HangUp.GONE
    known = [HANG_UPS[error.code] for error in api_errors(reply.body) if error.code in HANG_UPS]
    return known[0] if known else HangUp.FAILED


def reason(reply: Reply) -> str:
    """The provider's own codes, else its phrase, else the status: verbatim, for people."""
    codes = [error.code for error in api_errors(reply.body)]
    phrase = ", ".join(dict.fromkeys(codes)) or _phrase(decoded(reply.body).get("error"))
    return (phrase or f"HTTP {reply.status}")[:300]


def api_errors(body: bytes) -> list[ApiError]:
    """The complaints in an error body; empty when it has none that can be read."""
    return list(_errors(decoded(body)))


def _errors(body: Mapping[str, Any]) -> Iterator[ApiError]:
    items = body.get("errors")
    for item in [*(items if isinstance(items, list) else []), body]:
        code = _phrase(item.get("code")) if isinstance(item, dict) else ""
        if code:
            yield ApiError(code, _phrase(item.get("attribute")) or None)


def _phrase(value: object) -> str:
    """A provider's word, fit for a database and a log line."""
    if not isinstance(value, str):
        return ""
    return "".join(sign for sign in value[:200] if sign.isprintable())


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, or an empty one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or an HTTP date, between 0 and an hour; None when not said.

    A date is read against the answer's own `Date`, so that a clock difference cannot distort it.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        then = http_date(value)
        now = http_date(headers.get("date", "")) or datetime.now(UTC)
        seconds = (then - now).total_seconds() if then else math.nan
    return min(max(seconds, 0.0), LONGEST_WAIT) if not math.isnan(seconds) else None


def http_date(value: str) -> datetime | None:
    """The instant that a header such as `Date` names; None when it names none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
