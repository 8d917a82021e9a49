"""Time as a dial worker needs it."""

import threading
import time
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from campaigns.crash_points import wall_clock

# A worker whose own clock is further off than this is not fit to dial: something is wrong with
# the machine, and what else is wrong with it nobody knows.
MOST_SKEW_SECONDS = 2.0
SAMPLES = 3


def boot_seconds() -> float:
    """Seconds since boot, counting the time the machine or this process was suspended.

    A monotonic clock may stand still while a machine sleeps; a claim must grow old meanwhile.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


class DatabaseClock:
    """The database's clock, carried on by the boot-time clock between measurements.

    Carrying it on by boot time rather than by this machine's wall clock makes it immune to steps
    of that clock. Slots are on the database's time, so every wait uses this.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._origin: float | None = None
        self.skew = 0.0

    @property
    def ready(self) -> bool:
        """Whether the clock was measured and this machine's own clock is near it."""
        return self._origin is not None and abs(self.skew) <= MOST_SKEW_SECONDS

    def measure(self) -> None:
        """Ask the database for the time; the sample with the shortest round trip counts."""
        best: tuple[float, float] | None = None
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for _ in range(SAMPLES):
                before = boot_seconds()
                stamp: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
                trip = boot_seconds() - before
                if best is None or trip < best[0]:
                    best = trip, stamp.timestamp() - (before + trip / 2)
        assert best is not None
        with self._lock:
            self._origin = best[1]
            self.skew = self._origin + boot_seconds() - wall_clock()

    def now(self) -> datetime:
        """The database's time now, aware UTC. Measure first."""
        return datetime.fromtimestamp(self.at(boot_seconds()), UTC)

    def at(self, boot: float) -> float:
        """The database's time, in seconds since 1970, at an instant of the boot-time clock."""
        with self._lock:
            assert self._origin is not None, "measure() comes first"
            return self._origin + boot

    def boot_at(self, instant: datetime) -> float:
        """The boot-time instant at which the database's clock shows `instant`."""
        with self._lock:
            assert self._origin is not None, "measure() comes first"
            return instant.timestamp() - self._origin
