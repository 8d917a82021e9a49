"""What a drill is asked to do."""

from dataclasses import dataclass

from campaigns.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """`minutes` is how long faults are thrown; then everything is brought to rest and checked.

    `kinds` are the faults to throw, all when empty: names, or groups like `redis`.
    """

    seed: int = 1
    minutes: float = 2.0
    kinds: tuple[str, ...] = ()
    cps: float = 12.0  # of each of the two accounts
    workers: int = 3
    time_scale: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= 24 * 60:
            raise InvalidInput("A drill lasts more than 0 minutes and at most a day.")

    @property
    def seconds(self) -> float:
        """How long faults are thrown."""
        return self.minutes * 60
