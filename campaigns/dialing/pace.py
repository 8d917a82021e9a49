"""Keeps the calls of one account apart within this process.

Slots are spaced by the tick. A batch that arrives late would be posted all at once to catch up;
instead each call goes at the later of its slot and the previous call plus the period, so a late
batch shifts. This is only smoothing: the slots themselves hold the limit.
"""

import threading


class Pace:
    """When each account's next call may go, in boot-time seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[int, float] = {}

    def next_free(self, account_id: int) -> float:
        """The earliest instant at which the account's next call may go."""
        with self._lock:
            return self._next.get(account_id, 0.0)

    def reserve(self, account_id: int, now: float, period: float, latest: float) -> float | None:
        """Reserve the next instant, at `now` or one period after the last; None past `latest`."""
        with self._lock:
            at = max(now, self._next.get(account_id, 0.0))
            if at > latest:
                return None
            self._next[account_id] = at + period
            return at
