"""Whether the database's clock can be trusted to have measured a wait."""

from datetime import datetime, timedelta

# Two clocks of one age may differ by this much between two looks, and by this share of the time.
TOLERANCE = timedelta(seconds=1)
DRIFT = 0.01


class SteadyClock:
    """Compares the database's clock with the time since boot, which no step of a clock changes.

    What has to be waited for because others are slow (a provider's queue, its log) is not over
    because a clock was put ahead. In the memory of one process, and safe there: a process that
    has not seen the whole wait lets it begin again.
    """

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None
        self._since: datetime | None = None

    def steady_since(self, now: datetime, boot: float) -> datetime:
        """Since when the database's clock has run evenly, as far as this process has seen.

        Args:
            now: the database's time.
            boot: seconds since boot, at the same moment.
        """
        if self._last is None or not self._even(now - self._last[0], boot - self._last[1]):
            self._since = now
        self._last = now, boot
        assert self._since is not None
        return self._since

    @staticmethod
    def _even(passed: timedelta, boot: float) -> bool:
        apart = passed - timedelta(seconds=boot)
        return abs(apart) <= TOLERANCE + timedelta(seconds=DRIFT * boot)
