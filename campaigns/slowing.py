"""An account whose provider refuses, or whose calls meet a full network, calls more slowly.

Its rate is halved and grows back by the same amount in each second. Only the first halving of a
series and the full rate after it are told: what lies between is on the account's page.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import pacing
from campaigns.store import accounts, dispatch
from campaigns.store.accounts import AccountPressure


def slow_down(
    session: Session,
    account_id: int,
    known: AccountPressure,
    why: str,
    now: datetime,
    rest_until: datetime,
) -> None:
    """Halve the rate of an account, locked by the caller, because of `why`."""
    slowed = pacing.halve(known.slowed, now, rest_until)
    accounts.slow_account(session, account_id, slowed)
    if known.slowed is None or known.slowed.part_at(now) >= 1:
        rate = pacing.slowed_cps(known.cps, slowed, slowed.at)
        told = (
            f"{why}, so the account {known.name} goes on at {rate:.3g} of its {known.cps:g} calls "
            "a second and comes back to its full rate by itself while all is well."
        )
        dispatch.write_log(session, told, now, account_id=account_id)


def note_full_rates(session: Session, now: datetime) -> int:
    """Say of each account whose slowdown is over that it calls at its full rate again."""
    found = accounts.accounts_at_full_rate_again(session, now, pacing.REGAIN_SECONDS)
    for account_id, name, cps in found:
        told = f"The account {name} is back at its full rate, {cps:g} calls a second."
        dispatch.write_log(session, told, now, account_id=account_id)
    return len(found)
