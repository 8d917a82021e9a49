"""SignalWire's voice logs: what its own records say about a call whose fate we do not know.

The logs can be filtered by date only, not by number (SignalWire documents: "List voice logs"), so a
call without a known id is searched for page by page. "Absent" releases a number to be called
again; it is answered only when the whole span in question was read and understood.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from campaigns.calls import (
    CallEvent,
    EventKind,
    LoggedCall,
    LookupQuery,
    LookupResult,
    LookupState,
)
from campaigns.errors import Unavailable
from campaigns.providers.base import Credentials
from campaigns.providers.http import NoAnswer, NotSent, Reply
from campaigns.providers.signalwire.answers import decoded, http_date, is_call_id, reason
from campaigns.providers.signalwire.calling import CallingApi
from campaigns.providers.signalwire.words import DETECTIONS, STATES, how_it_ended, plain

# Around the instant of the POST by the provider's clock, see `_search`.
SLACK_BEFORE = timedelta(seconds=60)  # a `Date` is cut to seconds, and its answer may be slow
SLACK_AFTER = timedelta(seconds=120)  # the same, and the POST may have been slow
# And this share of the time since: a clock that is being set right runs up to so much faster or
# slower (chrony's `maxslewrate`), and ours looks steady meanwhile.
SLEW = 0.1
# Before, when nobody can say what the provider's clock showed at the POST.
SLACK_UNSURE = timedelta(days=1)
PAGE_SIZE = 1000  # the largest that the documents allow
MOST_PAGES = 100
MOST_PAGES_OF_A_LIST = 5000

Entry = Mapping[str, Any]


class NotReadable(Exception):
    """The logs answered something that proves nothing."""


class Refused(NotReadable):
    """The logs were not shown, for whatever call: an error, too many requests, a redirect."""


class TooLong(NotReadable):
    """The logs have no end that could be reached."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the provider's time; without an end: until now."""

    start: datetime
    end: datetime | None = None

    def __contains__(self, moment: datetime | None) -> bool:
        """A record without a readable time cannot be ruled out."""
        if moment is None:
            return True
        return self.start <= moment and (self.end is None or moment <= self.end)


@dataclass(frozen=True, slots=True)
class _Search:
    """Where a call is to be found: the logs are read from `start` on, and `near` is when it must
    have been created; if that is `sure`, whatever lies elsewhere is not it."""

    start: datetime
    near: _Span
    sure: bool


def look_up(api: CallingApi, query: LookupQuery) -> LookupResult:
    """What the records say about one call. Never raises for I/O: that is UNREACHABLE, or
    UNREADABLE if something was answered."""
    try:
        if query.provider_call_id is not None:
            return _by_id(api, query.provider_call_id)
        return _by_numbers(api, query)
    except (NotSent, NoAnswer, Refused) as error:
        return LookupResult(LookupState.UNREACHABLE, detail=str(error)[:300])
    except NotReadable as error:
        return LookupResult(LookupState.UNREADABLE, detail=str(error)[:300])


def _by_id(api: CallingApi, call_id: str) -> LookupResult:
    reply = api.log(call_id)
    if reply.status == 404:
        return LookupResult(LookupState.ABSENT, detail="no voice log has this id")
    entry = _body(reply)
    if not isinstance(entry.get("status"), str):
        raise NotReadable("the voice log has no status")
    return _found(entry, call_id)


def _by_numbers(api: CallingApi, query: LookupQuery) -> LookupResult:
    first = _first_query(query.posted_at - SLACK_BEFORE)
    reply = api.logs(first)
    _body(reply)  # or there is nothing to be read, and no clock to be told by
    search = _search(query, _ahead(reply, query.asked_at))
    if _first_query(search.start) != first:
        first = _first_query(search.start)
        reply = api.logs(first)
    try:
        return _found_among(_entries(api, search.start, first, reply), query, search)
    except TooLong as error:
        if search.sure:
            raise
        # A day of a busy account: too much to say that the call is not in it, and it ends in doubt.
        return LookupResult(LookupState.AMBIGUOUS, detail=str(error))


def _found_among(entries: Iterable[Entry], query: LookupQuery, search: _Search) -> LookupResult:
    wanted = (same_number(query.caller_id), same_number(query.to))
    near: dict[str, Entry] = {}
    elsewhere: dict[str, Entry] = {}
    for entry in entries:
        numbers = (same_number(entry.get("from")), same_number(entry.get("to")))
        created_at = _moment(entry.get("created_at"))
        if numbers != wanted or created_at not in _Span(search.start):
            continue
        call_id = entry.get("id")
        if not is_call_id(call_id):
            raise NotReadable("a voice log that may be ours has no usable id")
        if call_id not in query.known_call_ids:
            (near if created_at in search.near else elsewhere)[str(call_id)] = entry
    return _judged(near, elsewhere, sure=search.sure)


def _judged(
    near: Mapping[str, Entry], elsewhere: Mapping[str, Entry], *, sure: bool
) -> LookupResult:
    """What follows from calls to that number that no other attempt goes by.

    One at another time may be ours all the same (a POST that the network delivered late): it is
    never adopted, or we should hang up on whom we have really called, and never taken for none.
    """
    if not near and not elsewhere:
        return LookupResult(LookupState.ABSENT, detail="no voice log matches")
    if len(near) != 1 or (elsewhere and not sure):
        ids = ", ".join(sorted({*near, *elsewhere}))
        return LookupResult(LookupState.AMBIGUOUS, detail=ids[:300])
    ((call_id, entry),) = near.items()
    return _found(entry, call_id)


def _ahead(reply: Reply, asked_at: datetime) -> timedelta | None:
    """How far the provider's clock is ahead of ours, by the `Date` of its answer."""
    theirs = http_date(reply.headers.get("date", ""))
    return None if theirs is None else theirs - asked_at


def _search(query: LookupQuery, ahead: timedelta | None) -> _Search:
    """When the call was made, if it was, by the provider's clock.

    An empty answer is taken for proof that there was no call, and a clock of ours that is a minute
    wrong would empty every answer: so the POST's instant is told by the provider's clock. Where
    that is not possible (no `Date`, or our clock was put elsewhere since the POST) a day is read:
    a call too many in it leaves the attempt in doubt, one too few calls somebody twice.
    """
    sure = ahead is not None and query.steady
    slewed = max(query.asked_at - query.posted_at, timedelta()) * SLEW
    try:
        theirs = query.posted_at + (ahead or timedelta())
        posted = (theirs,) if sure else (theirs, query.posted_at)
        near = _Span(min(posted) - SLACK_BEFORE - slewed, max(posted) + SLACK_AFTER + slewed)
        return _Search(near.start if sure else near.start - SLACK_UNSURE, near, sure)
    except OverflowError as error:
        raise NotReadable("the date of the voice logs' answer is out of reach") from error


def calls_since(credentials: Credentials, since: datetime) -> list[LoggedCall]:
    """Every call that was made since then; raises `Unavailable` unless all of them were read."""
    api = CallingApi(credentials)
    found: dict[str, LoggedCall] = {}
    try:
        first = _first_query(since)
        pages = _entries(api, since, first, api.logs(first), most_pages=MOST_PAGES_OF_A_LIST)
        for entry in pages:
            call = _logged(entry)
            if call is not None and call.created_at >= since:
                found[call.id] = call
    except (NotSent, NoAnswer, NotReadable) as error:
        raise Unavailable(
            f"The call log at {credentials.base_url} could not be read to its end ({error}). "
            "Nothing was changed. Try again in a minute."
        ) from error
    return list(found.values())


def _logged(entry: Entry) -> LoggedCall | None:
    """One record as a call that we made; None for one that was made to us."""
    call_id, moment = entry.get("id"), _moment(entry.get("created_at"))
    to, caller = same_number(entry.get("to")), same_number(entry.get("from"))
    if plain(str(entry.get("direction") or "")).startswith("inbound"):
        return None
    if not is_call_id(call_id) or moment is None or not to or not caller:
        raise NotReadable("a voice log has no usable id, time or number")
    return LoggedCall(str(call_id), f"+{to}", f"+{caller}", moment, read_entry(entry, str(call_id)))


def _first_query(start: datetime) -> dict[str, str]:
    """What asks for every record from `start` on.

    The documents show `created_after` with a date and do not say whether that day is included, so
    the day before is asked for. There is no upper bound: cut to a date it could exclude the call.
    """
    day_before = (start.astimezone(UTC) - timedelta(days=1)).date()
    return {"created_after": day_before.isoformat(), "page_size": str(PAGE_SIZE)}


def _entries(
    api: CallingApi,
    start: datetime,
    query: dict[str, str],
    reply: Reply,
    most_pages: int = MOST_PAGES,
) -> Iterator[Entry]:
    """Every record from `start` on; raises `NotReadable` unless all of them were read.

    `reply` is the answer to `query`, the first page.
    """
    times: list[datetime | None] = []
    for number in range(most_pages):
        body = _body(reply if number == 0 else api.logs(query))
        page = _page(body)
        yield from page
        times = [*times[-1:], *(_moment(entry.get("created_at")) for entry in page)]
        next_query = _next_query(body)
        if next_query is None or _all_older(times, start):
            return
        if next_query == query:
            raise NotReadable("the voice logs' next page is the same page")
        query = next_query
    raise TooLong(f"more than {most_pages} pages of voice logs")


def _all_older(times: list[datetime | None], start: datetime) -> bool:
    """Whether a page ran from newer to older and has passed `start`: the rest is older still."""
    known = [moment for moment in times if moment is not None]
    falling = len(known) == len(times) > 1 and all(a >= b for a, b in pairwise(known))
    return falling and known[0] > known[-1] and known[-1] < start


def _page(body: Entry) -> list[Entry]:
    items = body.get("data")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NotReadable("the voice logs have no list of records")
    return items


def _next_query(body: Entry) -> dict[str, str] | None:
    """The query of the next page. Only its query: our credentials go to no other address."""
    links = body.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    if not link:
        return None
    try:
        query = dict(parse_qsl(urlsplit(link).query))
    except (ValueError, TypeError, AttributeError) as error:
        raise NotReadable("the voice logs' next page cannot be read") from error
    if not query:
        raise NotReadable("the voice logs' next page has no query")
    return query


def _body(reply: Reply) -> dict[str, Any]:
    if not reply.ok:
        raise Refused(reason(reply))
    body = decoded(reply.body)
    if not body:
        raise NotReadable("the voice logs did not answer with an object")
    return body


def _found(entry: Entry, call_id: str) -> LookupResult:
    event = read_entry(entry, call_id)
    state = LookupState.ENDED if event.kind is EventKind.ENDED else LookupState.LIVE
    return LookupResult(state, event, detail=str(entry.get("status"))[:300])


def read_entry(entry: Entry, call_id: str) -> CallEvent:
    """One voice log as an event. A status we do not know proves only that the call exists."""
    status = plain(entry["status"]) if isinstance(entry.get("status"), str) else ""
    kind = STATES.get(status, EventKind.CREATED)
    duration = _seconds(entry)
    if kind is EventKind.OTHER:
        kind = EventKind.ANSWERED if duration else EventKind.CREATED
    ended = kind is EventKind.ENDED
    answered_by = DETECTIONS.get(plain(str(entry.get("answered_by") or "")))
    return CallEvent(
        kind=kind,
        dedupe_key=f"lookup:{call_id}:{status[:40]}",
        provider_call_id=call_id,
        disposition=how_it_ended((status,), duration=duration, answered_by=answered_by)
        if ended
        else None,
        answered_by=answered_by,
        end_reason=status[:40] if ended else None,
        duration_seconds=duration,
    )


def _seconds(entry: Entry) -> float | None:
    for name, unit in (("duration_ms", 0.001), ("duration", 1.0)):
        value = entry.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
            return value * unit
    return None


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def same_number(value: object) -> str:
    """A number as digits only, since some records lose the plus sign and others are SIP URIs."""
    if not isinstance(value, str):
        return ""
    user = re.sub(r"^(?:sips?|tel):", "", value.strip(), flags=re.IGNORECASE).partition("@")[0]
    return re.sub(r"\D", "", user).lstrip("0")
