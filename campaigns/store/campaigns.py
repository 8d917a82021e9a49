"""Campaigns: what the sweepers and the life cycle ask about them."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# The campaigns on the same subject as `c`, itself among them: those that name the same one, else
# those of its family that name none.
ON_SUBJECT = """
    ARRAY(SELECT s.id FROM campaigns s
          WHERE s.subject = c.subject
             OR (c.subject IS NULL AND s.subject IS NULL AND s.family_id = c.family_id))
"""


def campaigns_on_subject(session: Session, campaign_id: int) -> list[int]:
    """The campaigns on the same subject as one, itself among them."""
    return list(
        session.execute(
            text(f"SELECT {ON_SUBJECT} FROM campaigns c WHERE c.id = :id"), {"id": campaign_id}
        ).scalar_one()
    )


def has_recipients(session: Session, campaign_id: int) -> bool:
    """Whether anybody was imported into the campaign."""
    return bool(
        session.execute(
            text("SELECT EXISTS (SELECT 1 FROM recipients WHERE campaign_id = :id)"),
            {"id": campaign_id},
        ).scalar_one()
    )


def columns_of_imports(session: Session, campaign_id: int) -> list[list[str]]:
    """For each list imported into the campaign, the names its columns have in texts."""
    rows = session.execute(
        text("""
            SELECT mapping FROM imports
            WHERE campaign_id = :id AND status = 'done' AND rows_imported > 0 ORDER BY id
        """),
        {"id": campaign_id},
    )
    return [
        [*row[0]["fields"], *(["name"] if row[0]["name_column"] else [])] for row in rows if row[0]
    ]


def running_vtimes(session: Session, account_id: int) -> list[float]:
    """How far the account's running campaigns have used their shares."""
    rows = session.execute(
        text("SELECT vtime FROM campaigns WHERE account_id = :id AND status = 'running'"),
        {"id": account_id},
    )
    return [row[0] for row in rows]


def campaigns_to_start(session: Session, now: datetime) -> list[int]:
    """Scheduled campaigns whose start has come, and whose end has not."""
    due = "status = 'scheduled' AND starts_at <= :now AND (ends_at IS NULL OR ends_at > :now)"
    return _ids(session, due, now)


def campaigns_past_their_end(session: Session, now: datetime) -> list[int]:
    """Campaigns that are still active although their end has come."""
    return _ids(session, "status IN ('running', 'paused', 'scheduled') AND ends_at <= :now", now)


def _ids(session: Session, condition: str, now: datetime) -> list[int]:
    rows = session.execute(
        text(f"SELECT id FROM campaigns WHERE {condition} ORDER BY id"), {"now": now}
    )
    return [row[0] for row in rows]


_DRAINED = """
    NOT EXISTS (SELECT 1 FROM recipients r
        WHERE r.campaign_id = c.id AND r.status IN ('pending', 'in_flight'))
    AND NOT EXISTS (SELECT 1 FROM imports i
        WHERE i.campaign_id = c.id AND i.status IN ('waiting', 'running'))
"""


def drained_campaigns(session: Session) -> list[int]:
    """Running campaigns with nobody left to call and no import on its way."""
    rows = session.execute(
        text(f"""
            SELECT c.id FROM campaigns c WHERE c.status = 'running' AND {_DRAINED} ORDER BY c.id
        """)
    )
    return [row[0] for row in rows]


def is_drained(session: Session, campaign_id: int) -> bool:
    """The same question about one campaign, asked again under its lock."""
    return bool(
        session.execute(
            text(f"SELECT {_DRAINED} FROM campaigns c WHERE c.id = :id"), {"id": campaign_id}
        ).scalar_one()
    )
