"""Why nobody of a running campaign is called, although it runs."""

from collections.abc import Mapping
from datetime import datetime

from campaigns.reporting import words
from campaigns.store.histories import CampaignRow


def why_held(
    row: CampaignRow,
    blocked: str | None,
    backoffs: Mapping[str, datetime],
    now: datetime,
    *,
    live_allowed: bool,
) -> str | None:
    """What keeps a campaign's people from being called, to follow "but"; None when nothing does."""
    if row.account_status != "active":
        why = row.account_reason or f"it is {row.account_status}"
        return f"the account {row.account} is {row.account_status}: {why.rstrip('.')}"
    if row.live and not live_allowed:
        return "live dialling is switched off (OUTDIAL_LIVE_DIALLING)"
    if blocked is not None:
        return f"nobody is called: {blocked}"
    if row.account in backoffs:
        again = words.until(backoffs[row.account], now)
        return f"the account {row.account} is backing off and dials again {again}"
    return None
