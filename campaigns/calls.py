"""Calls as values, in our own words: what is asked of a provider and what it answers.

Every provider adapter translates these to and from its wire format (`campaigns.providers`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from campaigns.lifecycle import Disposition


class AnsweredBy(StrEnum):
    """Who or what picked up, as far as the provider can tell."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to be placed. Times are whole seconds; URLs are absolute and public.

    `to` and `caller_id` are E.164. `flow_url` serves the call-flow document, `status_url`
    receives the provider's status events; both carry the signed attempt token.
    """

    to: str
    caller_id: str
    flow_url: str
    status_url: str
    ring_timeout: int
    fallback_url: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class Answer(StrEnum):
    """What a provider's answer to the one POST means for the attempt."""

    ACCEPTED = "accepted"  # the provider has the call and (usually) told us its id
    BAD_NUMBER = "bad_number"  # this number cannot be called; the recipient's number ends
    FAULT = "fault"  # caller id, credentials, balance, permission: the account must pause
    CONGESTED = "congested"  # refused unprocessed; back off, nothing was spent
    NOT_SENT = "not_sent"  # the request provably never left; back off, nothing was spent
    TOO_LATE = "too_late"  # we let it be just before the first byte; nothing was sent
    IN_DOUBT = "in_doubt"  # anything else: a call may exist


@dataclass(frozen=True, slots=True)
class DialAnswer:
    """A provider's answer to one dial request, classified.

    `reason` is a short code or phrase kept verbatim for people; `retry_after` is in seconds.
    """

    answer: Answer
    provider_call_id: str | None = None
    reason: str = ""
    http_status: int | None = None
    retry_after: float | None = None


class EventKind(StrEnum):
    """What a provider's notification says about a call."""

    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    DETECTED = "detected"  # answering-machine detection has a result
    OTHER = "other"  # kept, but says nothing about the status


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One notification about one call, parsed. `dedupe_key` is equal for equal notifications.

    `disposition` is set only on ENDED and only as far as the event itself proves it: the end
    reason "hangup" without any sign of an answer is UNKNOWN. `occurred_at` is the provider's
    clock and is never used for ordering.
    """

    kind: EventKind
    dedupe_key: str
    provider_call_id: str | None = None
    disposition: Disposition | None = None
    answered_by: AnsweredBy | None = None
    end_reason: str | None = None
    occurred_at: datetime | None = None
    duration_seconds: float | None = None


class LookupState(StrEnum):
    """What the provider's own records say about a call."""

    LIVE = "live"
    ENDED = "ended"
    ABSENT = "absent"
    AMBIGUOUS = "ambiguous"  # several calls match: one of them may be ours
    UNREACHABLE = "unreachable"  # no answer; nothing is known
    UNREADABLE = "unreadable"  # an answer that proves nothing


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What a look-up at the provider found. `event` is set for LIVE and ENDED."""

    state: LookupState
    event: CallEvent | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LookupQuery:
    """Which call to look for: by id when known, else by numbers and the time of the request.

    `posted_at` and `asked_at` (now) are readings of our clock, which need not be the provider's.
    `steady` says whether our clock is known to have run evenly between the two.
    """

    provider_call_id: str | None
    to: str
    caller_id: str
    posted_at: datetime
    asked_at: datetime
    steady: bool
    known_call_ids: Sequence[str] = ()  # calls of other attempts: never adopt these


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A call that we made, as it stands in the provider's log; numbers are E.164."""

    id: str
    to: str
    caller_id: str
    created_at: datetime
    event: CallEvent


class HangUp(StrEnum):
    """What came of asking the provider to cancel or end a call."""

    DONE = "done"
    GONE = "gone"  # it had ended already, or does not exist
    ANSWERED = "answered"  # too late to cancel: somebody picked up
    FAILED = "failed"  # no usable answer; ask again


JSON = dict[str, Any]
