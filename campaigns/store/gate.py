"""The gate lock: shared in every claim, exclusive in everything that must stop calls.

One lock for the whole installation rather than one per number or campaign: thousands of advisory
locks in one transaction exhaust PostgreSQL's shared memory, and a prefix has no number to lock.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

# Also written in the function claim_attempts (migrations 0002 and 0006): the two must be equal.
GATE_LOCK = 7420001


def close_gate(session: Session) -> None:
    """Wait for the claims under way, then hold every new one back until this transaction ends.

    Call it before the first statement that reads what is to be stopped: whatever was claimed
    before is visible afterwards, and nothing is claimed in between.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": GATE_LOCK})
