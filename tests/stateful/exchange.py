"""A carrier in memory that keeps the truth: every request, every call, and how it really went.

What the product is told about a call is another matter: events are letters, and whoever drives
this carrier delivers them late, twice, in any order, or never.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.calls import (
    Answer,
    AnsweredBy,
    CallEvent,
    CallRequest,
    DialAnswer,
    EventKind,
    HangUp,
    LookupQuery,
    LookupResult,
    LookupState,
)
from campaigns.lifecycle import Disposition
from campaigns.links import Links
from campaigns.providers.base import Provider, Signature
from campaigns.provisioning import Carrier
from tests.stateful.moved_clock import MovedClock

RINGS = 45.0  # seconds until the carrier itself gives up
LASTS = 300.0
LIVE = ("waiting", "ringing", "answered")


class Killed(BaseException):
    """The process ends here: no handler for errors, and no `finally` that matters, sees it."""


@dataclass
class Call:
    """A call that exists at the carrier."""

    id: str
    attempt: int
    account: int
    to: str
    caller_id: str
    began: datetime
    began_boot: float
    listed_boot: float
    state: str = "waiting"
    rang: bool = False
    answered_boot: float | None = None
    answered_by: AnsweredBy | None = None
    ended_boot: float | None = None
    disposition: Disposition | None = None
    keys: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True)
class Post:
    """One request to place a call, as it arrived."""

    attempt: int
    account: int
    to: str
    caller_id: str
    at: datetime
    boot: float


@dataclass(frozen=True)
class Letter:
    """An event on its way to us."""

    attempt: int
    event: CallEvent


@dataclass
class Exchange:
    """The carrier behind every account. `answers` are used up, then every call is accepted."""

    clock: MovedClock
    posts: list[Post] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    mail: list[Letter] = field(default_factory=list)
    answers: deque[str] = field(default_factory=deque)
    listing_lag: float = 0.0  # seconds until a new call appears in the log
    reachable: bool = True
    seen: Callable[[Post], None] = lambda post: None
    overtaking: Callable[[Call], None] = lambda call: None

    def carrier(self, account: int) -> Carrier:
        """An account's carrier; an attempt's token is its id."""
        line: Provider = Line(self, account)
        return Carrier(line, lambda one: Links("https://public.example", "fake", str(one)), False)

    def take(self, account: int, request: CallRequest) -> DialAnswer:
        """Answer one request as planned, and remember it."""
        plan = self.answers.popleft() if self.answers else "accepted"
        if plan == "not_sent":
            return DialAnswer(Answer.NOT_SENT, reason="ConnectError")
        attempt = int(request.variables["outdial_attempt"])
        post = Post(
            attempt, account, request.to, request.caller_id, self.clock.now(), self.clock.boot
        )
        self.posts.append(post)
        self.seen(post)
        if plan in REFUSALS:
            return REFUSALS[plan]
        if plan == "doubt_lost":
            return DialAnswer(Answer.IN_DOUBT, reason="ReadTimeout")
        if plan == "killed_lost":
            raise Killed
        call = self._place(post)
        if plan == "overtaken":
            self.overtaking(call)
        if plan == "doubt_placed":
            return DialAnswer(Answer.IN_DOUBT, reason="ReadTimeout")
        if plan == "killed_placed":
            raise Killed
        return DialAnswer(Answer.ACCEPTED, None if plan == "nameless" else call.id)

    def _place(self, post: Post) -> Call:
        call = Call(
            f"call-{len(self.calls) + 1}",
            *(post.attempt, post.account, post.to, post.caller_id, post.at, post.boot),
            listed_boot=post.boot + self.listing_lag,
        )
        self.calls[call.id] = call
        return call

    def is_call_of(self, call_id: str, attempt: int) -> bool:
        return call_id in self.calls and self.calls[call_id].attempt == attempt

    def live(self) -> list[Call]:
        return [call for call in self.calls.values() if call.live]

    # What happens in the telephone network.

    def ring(self, call: Call) -> None:
        if call.state == "waiting":
            call.state, call.rang = "ringing", True
            self._write(call, EventKind.RINGING)

    def answer(self, call: Call, by: AnsweredBy) -> None:
        if call.state in ("waiting", "ringing"):
            self.ring(call)
            call.state, call.answered_by, call.answered_boot = "answered", by, self.clock.boot
            self._write(call, EventKind.ANSWERED)
            self._write(call, EventKind.DETECTED, answered_by=by)

    def end(self, call: Call, disposition: Disposition = Disposition.NO_ANSWER) -> None:
        """The call is over; one that was answered ended as that, whatever is wished for."""
        if not call.live:
            return
        answered = call.state == "answered"
        call.state, call.ended_boot = "ended", self.clock.boot
        call.disposition = Disposition.ANSWERED if answered else disposition
        proven = Disposition.UNKNOWN if answered else disposition  # it says "hangup", no more
        self._write(call, EventKind.ENDED, disposition=proven, end_reason="because")

    def pass_time(self) -> None:
        """No call rings, or lasts, for ever."""
        for call in self.live():
            since = call.answered_boot if call.answered_boot is not None else call.began_boot
            if self.clock.boot - since >= (LASTS if call.state == "answered" else RINGS):
                self.end(call, Disposition.NO_ANSWER if call.rang else Disposition.FAILED)

    def _write(self, call: Call, kind: EventKind, **facts: object) -> None:
        event = CallEvent(kind, f"{call.id}:{kind}", call.id, **facts)  # type: ignore[arg-type]
        self.mail.append(Letter(call.attempt, event))

    # What it is asked about calls.

    def hang_up(self, call_id: str, *, answered_too: bool) -> HangUp:
        call = self.calls.get(call_id)
        if not self.reachable:
            return HangUp.FAILED
        if call is None or not call.live:
            return HangUp.GONE
        if call.state == "answered" and not answered_too:
            return HangUp.ANSWERED
        self.end(call, Disposition.CANCELED)
        return HangUp.DONE

    def find(self, query: LookupQuery, account: int) -> LookupResult:
        """By id at once; by numbers as far as the log has got."""
        if not self.reachable:
            return LookupResult(LookupState.UNREACHABLE)
        if query.provider_call_id is not None:
            named = self.calls.get(query.provider_call_id)
            return _told(named) if named is not None else LookupResult(LookupState.ABSENT)
        found = [
            call
            for call in self.calls.values()
            if (call.to, call.caller_id, call.account) == (query.to, query.caller_id, account)
            and call.id not in query.known_call_ids
            and call.listed_boot <= self.clock.boot
            and -60 <= (call.began - query.posted_at).total_seconds() <= 120
        ]
        if len(found) > 1:
            return LookupResult(LookupState.AMBIGUOUS)
        return _told(found[0]) if found else LookupResult(LookupState.ABSENT)


REFUSALS = {
    "bad_number": DialAnswer(Answer.BAD_NUMBER, reason="not_found"),
    "fault": DialAnswer(Answer.FAULT, reason="insufficient_balance"),
    "congested": DialAnswer(Answer.CONGESTED, reason="429", retry_after=3.0),
}
PLACED = ("accepted", "nameless", "overtaken", "doubt_placed", "killed_placed")
PLANS = (*PLACED, *REFUSALS, "not_sent", "doubt_lost", "killed_lost")
_KINDS = {
    "waiting": EventKind.CREATED,
    "ringing": EventKind.RINGING,
    "answered": EventKind.ANSWERED,
    "ended": EventKind.ENDED,
}


def _told(call: Call) -> LookupResult:
    kind = _KINDS[call.state]
    event = CallEvent(
        kind,
        f"look-up:{call.id}:{kind}",
        call.id,
        disposition=call.disposition,
        answered_by=call.answered_by if call.state == "ended" else None,
    )
    return LookupResult(LookupState.LIVE if call.live else LookupState.ENDED, event)


@dataclass
class Line:
    """One account's provider: the product's side of the exchange."""

    exchange: Exchange
    account: int
    name: str = "fake"

    def warm_up(self) -> None:
        """There is always a line here."""

    def place_call(self, request: CallRequest, still: Callable[[], bool]) -> DialAnswer:
        if not still():
            return DialAnswer(Answer.TOO_LATE)
        return self.exchange.take(self.account, request)

    def cancel_call(self, provider_call_id: str) -> HangUp:
        return self.exchange.hang_up(provider_call_id, answered_too=False)

    def end_call(self, provider_call_id: str) -> HangUp:
        return self.exchange.hang_up(provider_call_id, answered_too=True)

    def look_up(self, query: LookupQuery) -> LookupResult:
        return self.exchange.find(query, self.account)

    def parse_events(self, body: bytes, content_type: str) -> list[CallEvent]:
        return []

    def check_signature(self, url: str, body: bytes, headers: Mapping[str, str]) -> Signature:
        return Signature.ABSENT
