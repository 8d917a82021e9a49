"""The list of all campaigns, with what goes on in each."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.reporting.campaigns import counted
from campaigns.reporting.health import Surroundings
from campaigns.reporting.values import CampaignCounts
from campaigns.store import changes


def campaign_list(
    session: Session,
    before: int | None,
    limit: int,
    now: datetime,
    around: Surroundings,
    *,
    statuses: Sequence[str] = (),
    archived: bool = False,
) -> list[CampaignCounts]:
    """Campaigns with their counts, newest first, older than `before`; no test calls.

    Of the given statuses, or of any; archived ones only when they are asked for.
    """
    rows = changes.listed_campaigns(session, before, limit, statuses=statuses, archived=archived)
    return counted(session, rows, now, around)


def campaigns_by_status(session: Session) -> dict[str, int]:
    """How many campaigns there are of each status; archived ones count as `archived`."""
    return changes.campaigns_with_status(session)


def campaign_choices(session: Session, limit: int = 100) -> list[tuple[int, str]]:
    """Id and name of the latest campaigns that had started, for a choice among them."""
    return changes.started_campaigns(session, limit)
