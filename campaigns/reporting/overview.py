"""Everything on one page."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput
from campaigns.lifecycle import CampaignStatus
from campaigns.reporting.campaigns import counted
from campaigns.reporting.health import Surroundings, system_health
from campaigns.reporting.values import Overview
from campaigns.store import histories
from campaigns.store.histories import CampaignRow

SHOWN = 30  # campaigns on one page

_FIRST = (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.SCHEDULED)


def overview(
    session: Session, now: datetime, around: Surroundings, after: str | None = None
) -> Overview:
    """The system's health and the campaigns that matter most now, with their counts.

    `after` is that of the page before. Raises `InvalidInput` when it is not one.
    """
    rows = histories.shown_campaigns(session, SHOWN + 1, _place(after))
    more = len(rows) > SHOWN
    return Overview(
        as_of=now,
        health=system_health(session, now, around),
        campaigns=counted(session, rows[:SHOWN], now, around),
        more=more,
        after=_after(rows[SHOWN - 1]) if more else None,
    )


def _after(row: CampaignRow) -> str:
    rank = 0 if row.status in _FIRST else 1 if row.status == CampaignStatus.DRAFT else 2
    return f"{rank}-{row.id}"


def _place(after: str | None) -> tuple[int, int] | None:
    if after is None:
        return None
    rank, dash, campaign_id = after.partition("-")
    if not dash or rank not in ("0", "1", "2") or not campaign_id.isascii():
        raise InvalidInput("This is no place in the list of campaigns. Begin at its start.")
    if not campaign_id.isdigit() or len(campaign_id) > 18:
        raise InvalidInput("This is no place in the list of campaigns. Begin at its start.")
    return int(rank), int(campaign_id)
