"""How fast a campaign may call at this moment, and why not faster. Pure."""

from datetime import datetime, timedelta

from campaigns import pacing
from campaigns.pacing import Slowdown
from campaigns.store.histories import CampaignRow


def cps_now(row: CampaignRow, now: datetime) -> float:
    """Calls per second under every limit that holds at `now`."""
    account = pacing.slowed_cps(row.account_cps, _slowed(row), now)
    ramp = pacing.ramp_of(row.ramp, live=row.live)
    own = pacing.ramped_cps(row.max_cps, account, ramp, row.ramp_since, now)
    limits = (account, row.group_cps, row.callers_cps, own)
    return min(one for one in limits if one is not None)


def why_slower(row: CampaignRow, now: datetime) -> str:
    """What lowers its pace for a while, in sentences; empty when nothing does."""
    told = []
    ramp = pacing.ramp_of(row.ramp, live=row.live)
    if row.ramp_since is not None and ramp.part(row.ramp_since, now) < 1:
        full = row.ramp_since + timedelta(seconds=ramp.seconds)
        told.append(f"It has just begun and reaches its full pace {in_about(full - now)}.")
    slowed = _slowed(row)
    if slowed is not None and slowed.part_at(now) < 1:
        told.append(
            f"The provider refused calls, so the account {row.account} calls more slowly; it has "
            f"its full pace again {in_about(slowed.over_at - now)}."
        )
    return " ".join(told)


def in_about(time: timedelta) -> str:
    """ "in 40 seconds", "in 8 minutes": how long it takes from now on."""
    seconds = max(round(time.total_seconds()), 1)
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"in {round(seconds / size)} {word}s"
    return f"in {seconds} second{'' if seconds == 1 else 's'}"


def _slowed(row: CampaignRow) -> Slowdown | None:
    return Slowdown.of(row.slowed_part, row.slowed_at)
