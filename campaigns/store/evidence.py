"""What the books say, as a carrier's own log is compared with them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class BookedAttempt:
    """One attempt as the carrier's log is compared with it."""

    id: int
    number: str
    status: str
    disposition: str | None
    cancel_reason: str | None
    provider_call_id: str | None
    ever_in_doubt: bool
    claimed_at: datetime | None = None
    accepted_at: datetime | None = None


_BOOKED = """
    SELECT id, number, status, disposition, cancel_reason, provider_call_id,
           in_doubt_at IS NOT NULL, claimed_at, accepted_at
    FROM attempts
"""


def booked_attempts(session: Session) -> list[BookedAttempt]:
    """Every attempt there is."""
    return [BookedAttempt(*row) for row in session.execute(text(f"{_BOOKED} ORDER BY id"))]


def known_events(session: Session) -> set[tuple[int, str]]:
    """Which attempt has which kind of event."""
    rows = session.execute(
        text("SELECT DISTINCT attempt_id, kind FROM call_events WHERE source = 'webhook'")
    )
    return {(row[0], row[1]) for row in rows}


def campaign_stops(session: Session) -> list[tuple[int, datetime, datetime | None]]:
    """When each campaign was paused or stopped while it ran, and until when."""
    rows = session.execute(
        text("""
            SELECT subject_id, at, until FROM (
                SELECT subject_id, at, value ->> 'status' AS status,
                       lag(value ->> 'status') OVER w AS before,
                       lead(at) OVER w AS until
                FROM gate_history WHERE kind = 'campaign'
                WINDOW w AS (PARTITION BY subject_id ORDER BY id)
            ) changes WHERE before = 'running' AND status IN ('paused', 'stopped') ORDER BY at
        """)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def recipients_of_attempts(session: Session) -> dict[int, tuple[int, int]]:
    """For each attempt its recipient and its campaign."""
    rows = session.execute(text("SELECT id, recipient_id, campaign_id FROM attempts"))
    return {row[0]: (row[1], row[2]) for row in rows}


def opt_outs_in_force(session: Session) -> dict[str, datetime]:
    """Since when each number is opted out everywhere and for ever, as far as it still is."""
    rows = session.execute(
        text("""
            SELECT number, coalesce(in_force_at, created_at) FROM opt_outs
            WHERE NOT is_prefix AND campaign_id IS NULL AND expires_at IS NULL
              AND lifted_at IS NULL AND replaced_at IS NULL
        """)
    )
    return {row[0]: row[1] for row in rows}


def simulator_addresses(session: Session) -> list[str]:
    """Where the accounts that are not live send their calls."""
    rows = session.execute(
        text("SELECT DISTINCT base_url FROM accounts WHERE NOT live ORDER BY base_url")
    )
    return [row[0] for row in rows]
