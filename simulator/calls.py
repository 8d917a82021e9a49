"""A call as the carrier knows it: who is called, where it is, and how it ended."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any
from uuid import UUID

from simulator.books import CallRow
from simulator.clock import Instant, iso
from simulator.personas import Persona

NODE_ID = "6b1f7c1e-5d5a-4b1c-9a37-000000000001@simulator"
SPACE_ID = "00000000-0000-4000-8000-00000000005a"


class Status(StrEnum):
    """The statuses a call leg passes through (SignalWire documents: `status_events`)."""

    QUEUED = "queued"
    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a call ended, as the REST and Relay constants of the official SDK spell it."""

    HANGUP = "hangup"
    CANCEL = "cancel"
    BUSY = "busy"
    NO_ANSWER = "noAnswer"
    DECLINE = "decline"
    ERROR = "error"
    MAX_DURATION = "max_duration"
    NOT_FOUND = "not_found"


SWML_SPELLINGS = {EndReason.NO_ANSWER: "no_answer", EndReason.DECLINE: "declined"}
UNANSWERED_LOG_STATUS = {
    EndReason.HANGUP: "canceled",
    EndReason.CANCEL: "canceled",
    EndReason.BUSY: "busy",
    EndReason.DECLINE: "busy",
    EndReason.NO_ANSWER: "no-answer",
    EndReason.ERROR: "failed",
    EndReason.MAX_DURATION: "failed",
    EndReason.NOT_FOUND: "failed",
}


@dataclass(frozen=True, slots=True)
class DialRequest:
    """The parameters of an accepted `dial`, validated. `timeout` is in whole seconds."""

    from_number: str
    to_number: str
    url: str | None
    swml: dict[str, Any] | None
    url_method: str
    fallback_url: str | None
    status_url: str | None
    status_events: frozenset[str]
    timeout: int | None
    custom_variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call came to its end, and who made it end."""

    reason: EndReason
    by: str


@dataclass(slots=True, eq=False)
class Call:
    """One accepted call. `moments` holds when each status was reached."""

    id: str
    request: DialRequest
    persona: Persona
    row: CallRow
    accepted: Instant
    rng: Random
    project: str
    status: Status = Status.QUEUED
    moments: dict[Status, Instant] = field(default_factory=dict)
    ending: Ending | None = None
    hidden_from_logs: bool = False
    mute: bool = False  # none of its callbacks is ever sent
    task: "asyncio.Task[Ending] | None" = None
    ordered: Ending | None = None
    redirect: DialRequest | None = None
    last_parcel: Any = None  # the newest callback, to keep the next one behind it
    held_parcels: list[Any] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Real seconds from answer to end, or to now; 0 when nobody answered."""
        answered = self.moments.get(Status.ANSWERED)
        if answered is None:
            return 0.0
        return self.moments.get(Status.ENDED, Instant.now()).ticks - answered.ticks

    def status_at(self, ticks: float) -> Status | None:
        """The status the call had then; None before it existed."""
        reached = [status for status, moment in self.moments.items() if moment.ticks <= ticks]
        return reached[-1] if reached else None

    def leg(self) -> dict[str, Any]:
        """The Call Leg that answers a command."""
        return {**self._facts(), "status": self.status.value, **self._durations()}

    def log(self, status: Status) -> dict[str, Any]:
        """The voice log of the call while it had `status`."""
        ended = status is Status.ENDED
        durations = self._durations() if ended else dict.fromkeys(_DURATIONS)
        return {**self._facts(), "status": self._log_status(status), **durations}

    def _log_status(self, status: Status) -> str:
        if status is not Status.ENDED or self.ending is None:
            return status.value
        if Status.ANSWERED in self.moments:
            return "completed"
        return UNANSWERED_LOG_STATUS[self.ending.reason]

    def _facts(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "from": self.request.from_number,
            "to": self.request.to_number,
            "direction": "outbound-api",
            "source": "realtime_api",
            "url": self.request.url,
            "charge": 0.0,
            "charge_details": [],
            "created_at": iso(self.accepted.wall).replace("+00:00", "Z"),
            "type": "relay_pstn_call",
            "parent_id": None,
        }

    def _durations(self) -> dict[str, int | None]:
        if self.status is not Status.ENDED:
            return dict.fromkeys(_DURATIONS)
        seconds = self.duration
        milliseconds = math.ceil(seconds * 1000)
        values = (math.ceil(seconds), milliseconds, milliseconds)
        return dict(zip(_DURATIONS, values, strict=True))


_DURATIONS = ("duration", "duration_ms", "billing_ms")


def new_call_id(rng: Random) -> str:
    """A version 4 UUID from the given generator."""
    return str(UUID(int=rng.getrandbits(128), version=4))
