"""The provider's own queue: accepted calls leave it in order, at most so many a second."""

import asyncio
from collections import deque
from collections.abc import Callable

from simulator.calls import Call, Status
from simulator.faults import Faults


class Pacer:
    """Starts calls at the rate of the `cps` knob; what comes faster waits its turn.

    A call that was cancelled while it waited costs no place.
    """

    def __init__(self, faults: Faults, start: Callable[[Call], None]) -> None:
        self._faults = faults
        self._start = start
        self._timer: asyncio.TimerHandle | None = None
        self.reset()

    def reset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._waiting: deque[Call] = deque()
        self._next_at = 0.0

    @property
    def full(self) -> bool:
        backlog = self._faults.knobs.backlog
        if len(self._waiting) < backlog:
            return False
        self._waiting = deque(call for call in self._waiting if call.status is Status.QUEUED)
        return len(self._waiting) >= backlog and not self._free()

    def submit(self, call: Call) -> None:
        self._waiting.append(call)
        if self._timer is None:
            self._release()

    def _free(self) -> bool:
        return not self._waiting and asyncio.get_running_loop().time() >= self._next_at

    def _release(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self._waiting[0].status is not Status.QUEUED:
                self._waiting.popleft()
                continue
            now = loop.time()
            if now < self._next_at:
                self._timer = loop.call_later(self._next_at - now, self._release)
                return
            period = 1.0 / self._faults.knobs.cps
            # A late timer may make up for at most one place, never for a burst of them.
            self._next_at = max(self._next_at, now - period) + period
            self._start(self._waiting.popleft())
