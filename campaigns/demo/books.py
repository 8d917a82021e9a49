"""Our own books, as the audit compares them with the carrier's log."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

MISSED_REASONS = ("late_slot", "stale_claim")


def recipients_by_status(session: Session) -> dict[str, int]:
    """How many recipients are in which status."""
    rows = session.execute(text("SELECT status, count(*) FROM recipients GROUP BY status"))
    return {row[0]: row[1] for row in rows}


def answers(session: Session) -> dict[str, int]:
    """How often each answer was given."""
    rows = session.execute(
        text("SELECT meaning, count(*) FROM responses GROUP BY meaning ORDER BY meaning")
    )
    return {row[0]: row[1] for row in rows}


def opted_out_numbers(session: Session) -> set[str]:
    """Every number on the list of opt-outs."""
    return {row[0] for row in session.execute(text("SELECT number FROM opt_outs"))}


def zones_by_number(session: Session) -> dict[str, str]:
    """The zone each recipient's numbers were imported with, where one was given."""
    rows = session.execute(
        text("SELECT unnest(numbers), zone FROM recipients WHERE zone IS NOT NULL")
    )
    return {row[0]: row[1] for row in rows}


def due_behind_closed_windows(session: Session, open_zones: list[str], now: datetime) -> int:
    """Pending recipients who are due, and whose zone is not among the open ones."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM recipients
                WHERE status = 'pending' AND next_attempt_at <= :now AND zone <> ALL (:open)
            """),
            {"now": now, "open": open_zones},
        ).scalar_one()
    )


def due_and_opted_out(session: Session, now: datetime) -> int:
    """Pending recipients who are due although a number of theirs is opted out."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM recipients r
                WHERE status = 'pending' AND next_attempt_at <= :now
                  AND EXISTS (SELECT 1 FROM opt_outs o WHERE o.number = ANY (r.numbers))
            """),
            {"now": now},
        ).scalar_one()
    )


def unfinished(session: Session, open_zones: list[str] | None) -> int:
    """Recipients still to be called, leaving out those behind a closed window."""
    return int(
        session.execute(
            text("""
                SELECT count(*) FROM recipients
                WHERE status = 'in_flight' OR (status = 'pending'
                    AND (CAST(:open AS text[]) IS NULL OR zone = ANY (:open)))
            """),
            {"open": open_zones},
        ).scalar_one()
    )
