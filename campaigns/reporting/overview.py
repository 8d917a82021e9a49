"""Everything on one page."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.reporting.campaigns import counted
from campaigns.reporting.health import Surroundings, system_health
from campaigns.reporting.values import Overview
from campaigns.store import histories

SHOWN = 30  # campaigns; the rest is a list of the API


def overview(session: Session, now: datetime, around: Surroundings) -> Overview:
    """The system's health and the campaigns that matter most now, with their counts."""
    rows = histories.shown_campaigns(session, SHOWN + 1)
    return Overview(
        as_of=now,
        health=system_health(session, now, around),
        campaigns=counted(session, rows[:SHOWN], now, around),
        more=len(rows) > SHOWN,
    )
