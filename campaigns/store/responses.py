"""What callees answered."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


def insert_response(
    session: Session, attempt_id: int, digit: str, meaning: str, now: datetime
) -> None:
    """Store a keypress; the same key on the same call is stored once."""
    session.execute(
        text("""
            INSERT INTO responses (attempt_id, recipient_id, campaign_id, digit, meaning, at)
            SELECT id, recipient_id, campaign_id, :digit, :meaning, :now
            FROM attempts WHERE id = :attempt
            ON CONFLICT (attempt_id, digit) DO NOTHING
        """),
        {"attempt": attempt_id, "digit": digit, "meaning": meaning, "now": now},
    )


def meanings_of(session: Session, attempt_id: int) -> set[str]:
    """What the keys pressed during an attempt meant."""
    rows = session.execute(
        text("SELECT meaning FROM responses WHERE attempt_id = :id"), {"id": attempt_id}
    )
    return {row[0] for row in rows}
