"""When a process that is alive does no work: what counts, and after how long. Pure.

A worker may beat and answer and still take nothing from its queue, when its connection to the
broker has died without a word. So the leading scheduler sends pings through every queue, and a
worker that hears none of them, although they were sent, is not fit to live.
"""

from dataclasses import dataclass

PING_SECONDS = 15.0
# Without any message for as long as this, a queue that was pinged all the time was not read.
SILENT_SECONDS = 90.0
# Pings older than this have stopped: nobody leads, or the broker is away. Silence proves nothing.
PINGED_SECONDS = 45.0
# A process whose sign of life is older than this hangs; those who start it start it again.
FROZEN_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Pings:
    """Pings through one queue: seconds since the last, and since they began without a gap."""

    last: float
    unbroken: float


def consumes_nothing(pings: Pings | None, silent: float) -> bool:
    """Whether a worker that took no message for `silent` seconds has missed what was sent."""
    if pings is None or pings.last > PINGED_SECONDS:
        return False
    return min(silent, pings.unbroken) > SILENT_SECONDS
