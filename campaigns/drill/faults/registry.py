"""What a fault is, and the list of all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from campaigns.drill.stage import Stage

Begin = Callable[[Stage], str | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind. `rest` is how many seconds it needs before the next heavy one may begin."""

    name: str
    group: str
    begin: Begin
    rest: float = 1.5
    knob: str | None = None  # the carrier counts how often this struck


FAULTS: dict[str, Fault] = {}


def fault(group: str, rest: float = 1.5) -> Callable[[Begin], Begin]:
    def register(begin: Begin) -> Begin:
        FAULTS[begin.__name__] = Fault(begin.__name__, group, begin, rest)
        return begin

    return register
