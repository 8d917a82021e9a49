"""What every telephony provider must do for us. One file (or folder) per provider implements it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from campaigns.calls import CallEvent, CallRequest, DialAnswer, HangUp, LookupQuery, LookupResult


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach and prove ourselves to one provider account. Never logged."""

    base_url: str  # e.g. https://example.signalwire.com, no trailing slash
    project_id: str
    api_token: str
    signing_key: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(base_url={self.base_url!r})"


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """What a provider says to credentials: known (True), not (False), or it could not be asked."""

    accepted: bool | None
    sentence: str


class Signature(StrEnum):
    """What the signature headers of a request to us prove."""

    ABSENT = "absent"
    VALID = "valid"
    WRONG = "wrong"


class Provider(Protocol):
    """One provider account, spoken to in our own words. Thread-safe; never retries a request."""

    name: str

    def warm_up(self) -> None:
        """Have a line to the provider open, since a claim does not outlast a handshake.

        Never raises for I/O, and asks the provider for nothing.
        """

    def place_call(self, request: CallRequest, still: Callable[[], bool]) -> DialAnswer:
        """Write the one POST that places a call and classify the answer. Never raises for I/O.

        `still` is asked when everything is ready and the first byte comes next: whether the call
        may still be placed. If not, nothing is written and the answer is TOO_LATE.
        """

    def cancel_call(self, provider_call_id: str) -> HangUp:
        """Cancel a call that nobody has answered yet."""

    def end_call(self, provider_call_id: str) -> HangUp:
        """End a call in whatever state it is."""

    def look_up(self, query: LookupQuery) -> LookupResult:
        """Ask the provider's own records about one call."""

    def parse_events(self, body: bytes, content_type: str) -> list[CallEvent]:
        """The events in one webhook body; raises `InvalidInput` for anything that is not one."""

    def check_signature(self, url: str, body: bytes, headers: Mapping[str, str]) -> Signature:
        """Check a request to us. `url` is the public URL as configured; header names any case."""
