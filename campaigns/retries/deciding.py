"""What follows from one ending: a next time, or a final status with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition, RecipientStatus
from campaigns.retries.policy import RetryPolicy

CANCELS_BEFORE_REVIEW = 20
CANCEL_WAIT_LIMIT = 60.0  # seconds
CANCEL_JITTER = 0.1

# After these another number of the same person may do better; the others say nothing about it.
_MOVES_ON = frozenset({Disposition.BUSY, Disposition.NO_ANSWER, Disposition.FAILED})

_SETTLED: dict[Disposition, tuple[RecipientStatus, str]] = {
    Disposition.ANSWERED_HUMAN: (RecipientStatus.COMPLETED, "answered by a person"),
    Disposition.ANSWERED: (RecipientStatus.COMPLETED, "answered"),
    Disposition.OPTED_OUT: (RecipientStatus.BLOCKED, "asked not to be called again"),
    Disposition.REJECTED: (RecipientStatus.EXHAUSTED, "declined"),
}
_HAS_MESSAGE = "a message was left on a machine; no person answered"


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Call again, not before `at`; with `next_number`, the recipient's next number in order."""

    at: datetime
    next_number: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """No further call by itself: the recipient's final status and the reason, for people."""

    status: RecipientStatus
    reason: str


def decide(
    policy: RetryPolicy,
    disposition: Disposition,
    *,
    attempts_spent: int,
    attempts_last_day: int,
    now: datetime,
    numbers_left: int,
    fraction: float,
    time_scale: float = 1.0,
    ended_alike: int = 1,
    message_left: bool = False,
) -> RetryAt | Stop:
    """What follows for a recipient whose attempt just ended with `disposition`.

    The counts include that attempt unless it was `CANCELED`, which spends nothing; `ended_alike`
    are those that ended with the same disposition. `numbers_left` counts the recipient's other
    numbers not known to be invalid. `message_left`: a machine has answered before, or just now.
    `fraction` (0 to 1) is the dice for the jitter. `time_scale` (above 0, at most 1) shortens
    waits and the day of `max_per_day`; the caller counts `attempts_last_day` over the same
    shortened day.
    """
    _check_unit("fraction", fraction, above_zero=False)
    _check_unit("time_scale", time_scale, above_zero=True)
    if disposition in _SETTLED:
        return Stop(*_SETTLED[disposition])
    if disposition is Disposition.CANCELED:
        return RetryAt(now)
    full_day = policy.max_per_day is not None and attempts_last_day >= policy.max_per_day
    # The times of the day's calls are not known here; a whole day later all of them have left it.
    day = timedelta(seconds=86400 * time_scale) if full_day else timedelta(0)
    if disposition is Disposition.INVALID_NUMBER:
        # Nobody was rung, so the limit on attempts does not keep a good number from its turn.
        if numbers_left > 0:
            return RetryAt(now + day, next_number=True)
        return _used_up(policy, "no valid number left", message_left=message_left)
    final = _no_retry(policy, disposition, attempts_spent, ended_alike, message_left=message_left)
    if final is not None:
        return final
    waits = policy.waits[disposition]
    seconds = waits[min(max(attempts_spent, 1), len(waits)) - 1]
    wait = timedelta(seconds=seconds * time_scale * (1 + policy.jitter * fraction))
    return RetryAt(now + max(wait, day), numbers_left > 0 and disposition in _MOVES_ON)


def choose_number(
    policy: RetryPolicy,
    numbers: Sequence[str],
    index: int,
    calls: Mapping[str, int],
    *,
    move_on: bool,
) -> int | None:
    """The place of the number to call next, by the order of `numbers`; None when all are used up.

    `index` is the number that was called last, or has the turn; `calls` are the counted calls of
    each. With `move_on` the others have their turn before it; without, it keeps its turn for as
    long as its limit allows.
    """
    count = len(numbers)
    first = index + 1 if move_on else index
    for step in range(count):
        place = (first + step) % count
        if calls.get(numbers[place], 0) < policy.most_calls_to(place):
            return place
    return None


def used_up(policy: RetryPolicy, *, message_left: bool) -> Stop:
    """What becomes of somebody whose every number was called as often as the policy allows."""
    return _used_up(
        policy, "every number was called as often as is allowed", message_left=message_left
    )


def cancel_backoff(
    reason: str, cancels_in_row: int, now: datetime, fraction: float
) -> RetryAt | Stop:
    """When a recipient whose attempt was cancelled for `reason` comes due again.

    1 s, doubling to 60 s, lengthened by up to a tenth (`fraction`, 0 to 1) so that a batch does
    not come back as one; never shortened by a time scale, since these are real conditions of this
    machine. From the 20th cancel in a row on a person has to look.
    """
    _check_unit("fraction", fraction, above_zero=False)
    if cancels_in_row >= CANCELS_BEFORE_REVIEW:
        return Stop(
            RecipientStatus.REVIEW,
            f"{cancels_in_row} attempts in a row were cancelled before any call: {reason}",
        )
    seconds = min(CANCEL_WAIT_LIMIT, 2.0 ** max(cancels_in_row - 1, 0))
    return RetryAt(now + timedelta(seconds=seconds * (1 + CANCEL_JITTER * fraction)))


def _no_retry(
    policy: RetryPolicy,
    disposition: Disposition,
    attempts_spent: int,
    ended_alike: int,
    *,
    message_left: bool,
) -> Stop | None:
    """Why a retryable ending is not retried, or None."""
    if disposition is Disposition.ANSWERED_MACHINE and policy.machine_is_enough:
        return Stop(RecipientStatus.COMPLETED, "answered by a machine")
    if disposition is Disposition.UNKNOWN and not policy.redial_unknown:
        return Stop(RecipientStatus.REVIEW, "a call may have been made; how it ended is not known")
    limit = policy.limits.get(disposition)
    if attempts_spent >= policy.max_attempts:
        reason = f"all {policy.max_attempts} attempts were made"
    elif limit is not None and ended_alike >= limit:
        reason = f"{disposition} {ended_alike} times, as often as is allowed"
    elif not policy.waits.get(disposition):
        reason = f"{disposition} is not retried"
    else:
        return None
    return _used_up(policy, reason, message_left=message_left)


def _used_up(policy: RetryPolicy, reason: str, *, message_left: bool) -> Stop:
    if policy.message_then_person and message_left:
        return Stop(RecipientStatus.COMPLETED, _HAS_MESSAGE)
    return Stop(RecipientStatus.EXHAUSTED, reason)


def _check_unit(name: str, value: float, *, above_zero: bool) -> None:
    if not 0 <= value <= 1 or (above_zero and value == 0):
        raise InvalidInput(f"{name} must be between 0 and 1, not {value}.")
