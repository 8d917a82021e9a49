"""Taking calls back: asking the provider to cancel what somebody has stopped meanwhile."""

import logging
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from campaigns.calls import HangUp
from campaigns.crash_points import crash_point
from campaigns.db import database_now, transaction
from campaigns.provisioning import Carrier
from campaigns.store import call_status, recalls
from campaigns.store.recalls import RecallTarget

log = logging.getLogger(__name__)

# A slow provider must not keep a worker's threads from dialling, nor the worker from stopping:
# calls that were not asked for after this many seconds are first in line when the sweeper repeats.
ROUND_SECONDS = 5.0


def recall(
    engine: Engine, attempt_ids: Sequence[int], carrier_of: Callable[[int], Carrier]
) -> dict[int, HangUp]:
    """Ask the providers to cancel these attempts' calls, as far as they are to be recalled.

    The calls end by their own events; until then the sweeper asks again. A call that somebody
    answered meanwhile is ended: its document would say nothing any more. No transaction is held
    across a request.
    """
    with transaction(engine) as session:
        targets = recalls.recallable(session, attempt_ids)
        recalls.note_recalled(session, [t.attempt_id for t in targets], database_now(session))
    if targets:
        crash_point("recall_noted")
    results = {}
    until = time.monotonic() + ROUND_SECONDS
    for place, target in enumerate(targets):
        if time.monotonic() > until:
            _postpone(engine, targets[place:])
            break
        result = _take_back(target, carrier_of)
        results[target.attempt_id] = result
        crash_point("recall_sent")
        log.info("recall attempt=%d result=%s", target.attempt_id, result)
    gone = [attempt for attempt, result in results.items() if result is HangUp.GONE]
    if gone:
        with transaction(engine) as session:
            now = database_now(session)
            for attempt_id in gone:  # it ended and nobody told us: have it looked up
                call_status.note_in_doubt(session, attempt_id, "gone when it was recalled", now)
    return results


def _postpone(engine: Engine, targets: Sequence[RecallTarget]) -> None:
    with transaction(engine) as session:
        recalls.note_recalled(session, [t.attempt_id for t in targets], None)


def _take_back(target: RecallTarget, carrier_of: Callable[[int], Carrier]) -> HangUp:
    try:
        provider = carrier_of(target.account_id).provider
        result = provider.cancel_call(target.provider_call_id)
        if result is HangUp.ANSWERED:
            result = provider.end_call(target.provider_call_id)
    except Exception:  # one account that cannot be asked must not keep the others' calls ringing
        log.exception("attempt %d cannot be recalled", target.attempt_id)
        return HangUp.FAILED
    return result
