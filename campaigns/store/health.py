"""The state of the system as its rows have it, for reports and metrics."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class AttemptTotal:
    """How many attempts of the whole installation stand alike."""

    status: str
    disposition: str | None
    cancel_reason: str | None
    attempts: int
    in_doubt: int


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
    rows = session.execute(text("SELECT status, count(*) FROM recipients GROUP BY status"))
    return {row[0]: row[1] for row in rows}


def all_attempts(session: Session) -> list[AttemptTotal]:
    """Every attempt there is, counted by how it stands."""
    rows = session.execute(
        text("""
            SELECT status, disposition, cancel_reason, count(*),
                count(*) FILTER (WHERE in_doubt_at IS NOT NULL
                    AND status IN ('dialing', 'ringing', 'in_progress'))
            FROM attempts GROUP BY 1, 2, 3
        """)
    )
    return [AttemptTotal(*row) for row in rows]
