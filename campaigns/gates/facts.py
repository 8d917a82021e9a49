"""All that is known of one person, campaign, account and installation at one instant.

Plain values: whoever judges asks nobody else. Loaded in batches for a tick, from the books for a
question about the past, made up for a forecast.
"""

from dataclasses import dataclass, field
from datetime import datetime

from campaigns.compliance import Applied, Cap, Hours, Place, WeeklyWindows
from campaigns.lifecycle import RecipientStatus


@dataclass(frozen=True, slots=True)
class Installation:
    """The whole installation. None: not known, as of signs of life in the past."""

    dialling: bool
    off_reason: str | None = None
    web_alive: bool | None = True
    url_answers: bool | None = True
    live_allowed: bool = False
    heartbeat_limit: float = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The account a campaign dials through. `time_scale` shortens gaps and caps, never slots."""

    name: str
    status: str = "active"
    status_reason: str | None = None
    live: bool = False
    backoff_until: datetime | None = None
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """A campaign, as far as its own settings decide whether somebody may be called."""

    id: int
    name: str
    status: str = "running"
    status_reason: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    windows: WeeklyWindows | None = None
    max_attempts: int = 3
    max_per_day: int | None = None
    caps: tuple[Cap, ...] = ()
    purpose: str | None = None
    subject: str | None = None  # what it is about; None: only itself and its family


@dataclass(frozen=True, slots=True)
class OptOutFact:
    """An opt-out that covered one of the person's numbers at that instant."""

    id: int
    shown: str
    since: datetime
    source: str
    campaign_id: int | None = None
    expires_at: datetime | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentFact:
    """A consent that was ever given for the number, whatever became of it."""

    id: int
    basis: str
    given_at: datetime
    purpose: str | None = None
    subject: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_why: str | None = None


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A recipient and the number whose turn it is."""

    id: int
    number: str
    status: RecipientStatus = RecipientStatus.PENDING
    reason: str | None = None
    next_attempt_at: datetime | None = None
    deadline_at: datetime | None = None
    attempts_spent: int = 0
    opt_outs: tuple[OptOutFact, ...] = ()
    refused: OptOutFact | None = None  # the latest stop they said, in whatever campaign
    consents: tuple[ConsentFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call that counts in the caps: one that was made, or may have been."""

    attempt_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that bear on a person, newest first, as many as the largest cap can ask for."""

    to_number: tuple[Call, ...] = ()
    about_subject: tuple[Call, ...] = ()  # to that number
    to_person: tuple[Call, ...] = ()
    last_ended: Call | None = None  # to that number; `at` is when it ended
    holding: int | None = None  # the attempt that holds the number now
    last_abandoned: Call | None = None  # to that number; `at` is when it ended


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls the account may start now, and who is ahead. Only told, never gated on."""

    free: int
    told: str
    next_slot: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides whether one person may be called at one instant.

    `open_until` is what was worked out before for this instant and this place; None: work it out.
    `past`: these are the facts of an instant that is over. What the books do not keep about it is
    named in `only_today`, by gate, and is today's value.
    """

    installation: Installation
    account: AccountFacts
    campaign: CampaignFacts
    person: PersonFacts
    place: Place
    rules: Applied
    hours: Hours
    calls: Calls = field(default_factory=Calls)
    open_until: datetime | None = None
    pace: Pace | None = None
    past: bool = False
    only_today: frozenset[str] = frozenset()
