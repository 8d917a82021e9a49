"""Numbers that must not be called."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


def insert_opt_out(
    session: Session, number: str, source: str, evidence: str | None, attempt_id: int | None
) -> None:
    """Remember an opt-out; the first record of a number is the one that is kept."""
    session.execute(
        text("""
            INSERT INTO opt_outs (number, source, evidence, attempt_id)
            VALUES (:number, :source, :evidence, :attempt_id) ON CONFLICT (number) DO NOTHING
        """),
        {"number": number, "source": source, "evidence": evidence, "attempt_id": attempt_id},
    )


def insert_opt_outs(session: Session, numbers: Sequence[str], source: str, evidence: str) -> None:
    """Remember many opt-outs in one statement: the gate is closed while this runs."""
    session.execute(
        text("""
            INSERT INTO opt_outs (number, source, evidence)
            SELECT number, :source, :evidence FROM unnest(CAST(:numbers AS text[])) AS n (number)
            ON CONFLICT (number) DO NOTHING
        """),
        {"numbers": list(numbers), "source": source, "evidence": evidence},
    )


def is_opted_out(session: Session, numbers: Sequence[str]) -> bool:
    """Whether any of the numbers is opted out."""
    return bool(
        session.execute(
            text("SELECT EXISTS (SELECT 1 FROM opt_outs WHERE number = ANY (:numbers))"),
            {"numbers": list(numbers)},
        ).scalar_one()
    )


def list_opt_outs(
    session: Session, after: str, limit: int
) -> list[tuple[str, str, str | None, datetime]]:
    """Opted-out numbers in order, the first one after `after`: number, source, evidence, at."""
    rows = session.execute(
        text("""
            SELECT number, source, evidence, created_at FROM opt_outs
            WHERE number > :after ORDER BY number LIMIT :limit
        """),
        {"after": after, "limit": limit},
    )
    return [(r[0], r[1], r[2], r[3]) for r in rows]
