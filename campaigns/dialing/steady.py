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
        self._first: tuple[datetime, float] | None = None
        self._last: tuple[datetime, float] | None = None
        self._since: datetime | None = None

    def steady_since(self, now: datetime, boot: float, newest: datetime | None) -> datetime:
        """Since when the database's clock has run evenly, as far as this process has seen.

        That may lie ahead: a clock that was put back shows a time once more, and nothing that
        carries it can be told from what carried it before. So it is steady only when it is
        beyond whatever it has shown.

        Args:
            now: the database's time.
            boot: seconds since boot, at the same moment.
            newest: the latest time of it that is on record, if any.
        """
        looks = [look for look in (self._first, self._last) if look is not None]
        steady = looks and all(self._even(now - at, boot - then) for at, then in looks)
        if not steady or (newest is not None and newest > now + TOLERANCE):
            shown = [*(at for at, _ in looks), newest, self._since]
            self._since = max(at for at in (now, *shown) if at is not None)
            self._first = now, boot
        self._last = now, boot
        assert self._since is not None
        return self._since

    @staticmethod
    def _even(passed: timedelta, boot: float) -> bool:
        apart = passed - timedelta(seconds=boot)
        return abs(apart) <= TOLERANCE + timedelta(seconds=DRIFT * boot)
