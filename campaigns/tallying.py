"""Keeping the tallies that reports read: folding what triggers noted, and proving the sums.

Reports read tallies instead of rows, so that a page costs the same for ten thousand recipients as
for ten million. A tally is right because a trigger counts in the transaction that changes a row;
that it is right is proved by counting the rows again, one campaign at a time.
"""

import logging
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from campaigns.db import database_now, transaction
from campaigns.store import dispatch, tallies
from campaigns.store.tallies import Difference

log = logging.getLogger(__name__)

# Deltas folded in one transaction; a backlog is folded in several.
FOLDED_AT_ONCE = 50_000
MOST_FOLDS = 20
SHOWN = 5  # differences named in the log's sentence


class _Abandoned(Exception):
    """The process is stopping: a proof begun is as good as none."""


def fold(engine: Engine) -> int:
    """Fold the deltas that are there now into their totals; returns how many there were."""
    folded = 0
    for _ in range(MOST_FOLDS):
        with transaction(engine) as session:
            count = tallies.fold_deltas(session, FOLDED_AT_ONCE)
        folded += count
        if count < FOLDED_AT_ONCE:
            break
    return folded


def forget_old_minutes(engine: Engine) -> None:
    """Drop the calls per minute of hours ago, which no report shows."""
    with transaction(engine) as session:
        tallies.forget_old_minutes(session, database_now(session))


def prove_next(engine: Engine, stopping: Callable[[], bool] = bool) -> list[Difference]:
    """Prove the campaign that was not proved for the longest time; returns what differed."""
    with transaction(engine) as session:
        campaign_id = tallies.longest_unproved(session)
    return [] if campaign_id is None else prove(engine, campaign_id, stopping)


def prove(
    engine: Engine, campaign_id: int, stopping: Callable[[], bool] = bool
) -> list[Difference]:
    """Count a campaign's rows, compare, put right what differs and say so in its log.

    Returns what differed; nothing at all when somebody else is proving at this moment, or when
    `stopping` says so half-way.
    """
    found: list[Difference] = []
    try:
        with transaction(engine) as session:
            tallies.only_prover(session)
            now = database_now(session)
            for differing in tallies.differences(session, campaign_id, now):
                found += differing
                if stopping():
                    raise _Abandoned
            tallies.put_right(session, campaign_id, found)
            tallies.note_proved(session, campaign_id, len(found), now)
            if found:
                dispatch.write_log(session, _sentence(found), now, campaign_id=campaign_id)
    except _Abandoned:
        return []
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":  # somebody else proves
            return []
        raise
    for one in found:
        log.error(
            "incident: tally %s of campaign %d was %d and its rows are %d",
            one.tally,
            campaign_id,
            one.kept,
            one.counted,
        )
    return found


def _sentence(found: list[Difference]) -> str:
    told = "; ".join(
        f"{one.tally} {' '.join(filter(None, one.key))}: {one.kept} instead of {one.counted}"
        for one in found[:SHOWN]
    )
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"Incident: {len(found)} of this campaign's counters differed from its rows and were put "
        f"right ({told}{more}). Reports since the last proof may have been wrong; calls were not "
        "affected, because nothing is dialled by counters."
    )
