"""Why nobody of a running campaign is called, although it runs."""

from dataclasses import replace
from datetime import datetime

from campaigns.gates import AccountFacts, Installation, installation_refusal
from campaigns.gates.standing import judge_account
from campaigns.phrases import clause
from campaigns.store.histories import CampaignRow


def why_held(
    row: CampaignRow, here: Installation, backoff_until: datetime | None, now: datetime
) -> str | None:
    """What keeps a campaign's people from being called, to follow "but"; None when nothing does.

    The gates say it that the scheduler asks. What the account lacks comes first: it is nearer.
    """
    account = AccountFacts(
        name=row.account,
        status=row.account_status,
        status_reason=row.account_reason,
        live=row.live,
    )
    first = judge_account(account, here, now)
    if not first.passed:
        return clause(first.evidence)
    numbers = _no_number_left(row)
    if numbers is not None:
        return numbers
    blocked = installation_refusal(here)
    if blocked is not None:
        return f"nobody is called: {clause(blocked.evidence)}"
    later = judge_account(replace(account, backoff_until=backoff_until), here, now)
    return None if later.passed else clause(later.evidence)


def _no_number_left(row: CampaignRow) -> str | None:
    """Why none of its caller ids may be shown; None when one may."""
    total = len(row.caller_ids)
    if row.callers_paused + row.callers_used_up < total:
        return None
    one, last = total == 1, row.caller_ids[-1]
    if row.callers_paused == total:
        return f"the number {last} is paused" if one else f"all its {total} numbers are paused"
    if row.callers_used_up == total:
        made = "has made its calls for today"
        return f"the number {last} {made}" if one else f"each of its {total} numbers {made}"
    return f"its {total} numbers are paused or have made their calls for today"
