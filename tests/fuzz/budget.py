"""How long to search: a little in the suite and always the same, as long as one likes by hand.

`OUTDIAL_FUZZ=50 pytest tests/fuzz` tries fifty times as many examples, different ones each time.
"""

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

from campaigns.errors import InvalidInput, OutdialError

TIMES = float(os.environ.get("OUTDIAL_FUZZ", "1"))


def search(examples: int) -> settings:
    """Try this many examples, or as many times more as were asked for."""
    return settings(
        max_examples=max(1, int(examples * TIMES)),
        deadline=None,
        derandomize=TIMES == 1,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )


T = TypeVar("T")


def understood(read: Callable[[], T], *refusals: type[OutdialError]) -> T | None:
    """What `read` understood; None when it refused with one of these errors (`InvalidInput` if
    none is given), which must have something to say. Whatever else it raises fails the test."""
    try:
        return read()
    except OutdialError as error:
        if not isinstance(error, refusals or InvalidInput):
            raise
        told = str(error)
    assert told
    return None


def calls_made(work: Callable[[], object]) -> int:
    """How many functions `work` calls, in Python and in C: its work, whatever the machine does."""
    made = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold a text: no NUL, and nothing that is no character."""
    return "\0" not in text and text.encode("utf-8", "replace").decode() == text
