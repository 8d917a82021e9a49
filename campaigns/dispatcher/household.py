"""People who share a number, in a campaign that merges them: one call for all of them.

Nobody is looked for when somebody is reached. Whoever is due is looked at then, so it makes no
difference who was imported when, and in which order a person's numbers have their turn.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.lifecycle import Disposition, RecipientStatus
from campaigns.outcomes import turn_to_number
from campaigns.retries import RetryPolicy
from campaigns.store import households
from campaigns.store.dispatch import RunningCampaign
from campaigns.store.recipients import DueRecipient, Fate

# How long somebody waits whose turn has passed to another number: until the next tick.
SOON = timedelta(seconds=0.2)


def merged_by_household(
    session: Session,
    campaign: RunningCampaign,
    policy: RetryPolicy,
    ready: Sequence[DueRecipient],
    now: datetime,
) -> list[Fate]:
    """What becomes of those at whose next number somebody else was reached about the same thing.

    Who has another number, at which nobody was reached, is called there; everybody else counts as
    reached together with that person.
    """
    reached = [Disposition.ANSWERED_HUMAN, Disposition.ANSWERED]
    if policy.machine_is_enough:
        reached.append(Disposition.ANSWERED_MACHINE)
    ids = [one.id for one in ready]
    met: dict[int, dict[str, int]] = {}
    for one in households.reached_together(session, campaign.id, ids, reached):
        met.setdefault(one.recipient_id, {})[one.number] = one.reached_id
    fates = []
    for due in ready:
        known = met.get(due.id, {})
        if due.number not in known:
            continue
        place = _another_number(due, known)
        if place is None:
            told = f"reached together with recipient {known[due.number]}"
            fates.append(Fate(due.id, RecipientStatus.COMPLETED, told))
        else:
            fates.append(turn_to_number(session, due.id, place, now + SOON, now))
    return fates


def _another_number(due: DueRecipient, known: dict[str, int]) -> int | None:
    """The place of the next number in order at which nobody was reached."""
    count = len(due.numbers)
    for step in range(1, count):
        place = (due.number_index + step) % count
        if due.numbers[place] not in known:
            return place
    return None
