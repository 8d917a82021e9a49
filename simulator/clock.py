"""Wall clock, monotonic clock and the scale that shortens calls."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: `wall` is aware UTC, `ticks` are monotonic seconds."""

    wall: datetime
    ticks: float

    @classmethod
    def now(cls) -> "Instant":
        return cls(datetime.now(UTC), time.monotonic())

    def iso(self) -> str:
        return iso(self.wall)


def iso(moment: datetime) -> str:
    """ISO 8601 with microseconds and offset, so that texts sort like the moments they name."""
    return moment.isoformat(timespec="microseconds")


LEAST_LIMIT = 20.0  # seconds
LEAST_PAUSE = 1.0  # seconds


class Clock:
    """Turns seconds in the life of a call into real seconds.

    Only what people and telephones do is scaled. Network time-outs, the dial rate and every knob
    given in seconds are real seconds, since they meet a product that runs on real time.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def real(self, seconds: float) -> float:
        return max(0.0, seconds) * self.scale

    def longest(self, seconds: float) -> float:
        """A limit on a whole call, in real seconds.

        A call also waits for documents and requests, and those waits are real: scaled down as far
        as speech is, the limit would cut off calls whose product merely took a breath.
        """
        return max(self.real(seconds), min(seconds / 10, LEAST_LIMIT))

    async def pass_between_tries(self, seconds: float) -> None:
        """Wait to ask a product again that did not answer.

        It starts anew in real seconds. Scaled down as far as speech is, the tries would be over
        before it is back.
        """
        await asyncio.sleep(max(self.real(seconds), min(seconds, LEAST_PAUSE)))

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(self.real(seconds))
