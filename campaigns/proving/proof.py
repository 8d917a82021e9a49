"""One promise, how many rows it was proved over, and those that break it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

NAMED = 20  # rows that are named; the others are counted


@dataclass(slots=True)
class Proof:
    """`broken` counts what breaks the promise, `examples` names the first of it."""

    name: str
    says: str
    rows: int = 0
    broken: int = 0
    examples: list[str] = field(default_factory=list)

    def blame(self, sentences: Iterable[str]) -> Self:
        """Count what breaks it."""
        for sentence in sentences:
            self.broken += 1
            if len(self.examples) < NAMED:
                self.examples.append(sentence)
        return self
