"""A provider in memory: it notes what it is asked, with the time, and answers as it is told."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from campaigns.calls import (
    Answer,
    CallEvent,
    CallRequest,
    DialAnswer,
    HangUp,
    LookupQuery,
    LookupResult,
    LookupState,
)
from campaigns.links import Links
from campaigns.providers.base import Provider, Signature
from campaigns.provisioning import Carrier


def accepted(request: CallRequest) -> DialAnswer:
    """The call is placed; its id tells which attempt it is of."""
    return DialAnswer(Answer.ACCEPTED, f"call {request.variables['outdial_attempt']}")


@dataclass
class FakeProvider:
    """Answers by functions that a test replaces. Thread-safe."""

    answer: Callable[[CallRequest], DialAnswer] = accepted
    hang_up: Callable[[str, str], HangUp] = lambda verb, call_id: HangUp.DONE
    found: Callable[[LookupQuery], LookupResult] = lambda query: LookupResult(LookupState.ABSENT)
    requests: list[CallRequest] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    hung_up: list[tuple[str, str]] = field(default_factory=list)
    queries: list[LookupQuery] = field(default_factory=list)
    connecting: Callable[[], None] = lambda: None
    warmed_up: int = 0
    name: str = "fake"

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        self.warmed_up += 1

    def place_call(self, request: CallRequest, still: Callable[[], bool]) -> DialAnswer:
        self.connecting()
        if not still():
            return DialAnswer(Answer.TOO_LATE)
        with self._lock:
            self.times.append(time.monotonic())
            self.requests.append(request)
        return self.answer(request)

    def cancel_call(self, provider_call_id: str) -> HangUp:
        self.hung_up.append(("cancel", provider_call_id))
        return self.hang_up("cancel", provider_call_id)

    def end_call(self, provider_call_id: str) -> HangUp:
        self.hung_up.append(("end", provider_call_id))
        return self.hang_up("end", provider_call_id)

    def look_up(self, query: LookupQuery) -> LookupResult:
        self.queries.append(query)
        return self.found(query)

    def parse_events(self, body: bytes, content_type: str) -> list[CallEvent]:
        return []

    def check_signature(self, url: str, body: bytes, headers: Mapping[str, str]) -> Signature:
        return Signature.ABSENT

    def carrier(self, *, live: bool = False) -> Carrier:
        """An account's carrier that ends here; an attempt's token is its id."""
        provider: Provider = self
        return Carrier(
            provider=provider,
            links_of=lambda attempt: Links("https://public.example", "fake", str(attempt)),
            live=live,
        )

    def dialled(self) -> list[int]:
        """Which attempts were posted, in order; one twice if it was posted twice."""
        return [int(request.variables["outdial_attempt"]) for request in self.requests]
