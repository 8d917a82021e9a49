"""The state of the system as its rows have it, for reports and metrics."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store.tallies import sum_of_all_campaigns


@dataclass(frozen=True, slots=True)
class AttemptTotal:
    """How many attempts of the whole installation stand alike."""

    status: str
    disposition: str | None
    cancel_reason: str | None
    attempts: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sign of life of a process, or of the public URL's own probe."""

    name: str
    kind: str
    at: datetime
    ready: bool
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class System:
    """What everything depends on, as of one instant.

    `leader` leads until `leads_until`, if that lies ahead. `oldest_event_at` is when the oldest
    event came that is not applied yet; `event_delay` is how long the latest applied one took,
    in seconds. `backoffs` are accounts by name that dial nothing until an instant.
    """

    database: str
    enabled: bool
    leader: str | None
    leads_until: datetime | None
    beats: list[Beat]
    backoffs: dict[str, datetime]
    slots_missed: int
    oldest_event_at: datetime | None
    event_delay: float | None


_SYSTEM = TypeAdapter(System)
# More missed slots than this in a minute are as bad as these many.
MISSED_LIMIT = 1000

# One value: everything that the health of the system is told from.
SYSTEM_SQL = f"""
    SELECT json_build_object(
        'database', current_setting('server_version'),
        'enabled', coalesce((SELECT enabled FROM dialing_switch), false),
        'leader', (SELECT holder FROM leases WHERE name = 'scheduler'),
        'leads_until', (SELECT expires_at FROM leases
                        WHERE name = 'scheduler' AND isfinite(expires_at)),
        'beats', (SELECT coalesce(json_agg(json_build_object('name', name, 'kind', kind,
                'at', least(at, '9999-01-01'), 'ready', ready, 'detail', detail)
                ORDER BY at DESC), '[]') FROM heartbeats),
        'backoffs', (SELECT coalesce(json_object_agg(name, backoff_until), '{{}}') FROM accounts
                     WHERE backoff_until > CAST(:now AS timestamptz)),
        'slots_missed', (SELECT count(*) FROM (
            SELECT FROM attempts WHERE cancel_reason = 'late_slot'
                AND slot_at > CAST(:now AS timestamptz) - interval '1 minute'
            LIMIT {MISSED_LIMIT}) missed),
        'oldest_event_at', (SELECT received_at FROM call_events WHERE applied_at IS NULL
                            ORDER BY id LIMIT 1),
        'event_delay', (SELECT extract(epoch FROM applied_at - received_at) FROM (
            SELECT applied_at, received_at FROM call_events ORDER BY id DESC LIMIT 20) latest
            WHERE applied_at IS NOT NULL LIMIT 1)
    )
"""


def read_system(session: Session, now: datetime) -> System:
    """What everything depends on, at `now`."""
    return system_of(session.execute(text(SYSTEM_SQL), {"now": now}).scalar_one())


def system_of(found: object) -> System:
    """The value of `SYSTEM_SQL`."""
    return _SYSTEM.validate_python(found)


def scheduler_lease(session: Session) -> tuple[str, datetime | None] | None:
    """Who leads, or led last, and until when; None before anybody ever led."""
    row = session.execute(
        text("""
            SELECT holder, CASE WHEN isfinite(expires_at) THEN expires_at END
            FROM leases WHERE name = 'scheduler'
        """)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def all_recipients_by_status(session: Session) -> dict[str, int]:
    """How many recipients of all campaigns have which status."""
    counts: Counter[str] = Counter()
    for (status, _, _), people in sum_of_all_campaigns(session, "recipients"):
        counts[status] += people
    return dict(counts)


def all_attempts(session: Session) -> list[AttemptTotal]:
    """Every attempt there is, counted by how it stands."""
    found = []
    for key, n in sum_of_all_campaigns(session, "attempts"):
        status, disposition, cancel_reason, _, doubt, *_ = key
        live = status in ("dialing", "ringing", "in_progress")
        found.append(
            AttemptTotal(
                status=status,
                disposition=disposition or None,
                cancel_reason=cancel_reason or None,
                attempts=n,
                in_doubt=n if doubt == "true" and live else 0,
            )
        )
    return found
