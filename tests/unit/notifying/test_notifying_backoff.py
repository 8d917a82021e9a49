"""When a failed delivery is tried again."""

import pytest

from campaigns.notifying.backoff import LONGEST_ASKED, WAITS, next_wait


def test_the_waits_grow_and_come_to_an_end():
    waits = [next_wait(tries, 0.0) for tries in range(1, len(WAITS) + 2)]
    assert waits == [*WAITS, None]
    assert list(WAITS) == sorted(WAITS)
    assert sum(WAITS) > 3 * 86400


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_chance_only_lengthens_a_wait(fraction):
    wait = next_wait(4, fraction)
    assert wait is not None
    assert WAITS[3] <= wait <= WAITS[3] * 1.2


def test_a_receiver_may_ask_for_longer_but_not_for_ever():
    assert next_wait(1, 0.0, 60.0) == 60.0
    assert next_wait(2, 0.0, 1.0) == WAITS[1]
    assert next_wait(1, 0.0, 1e12) == LONGEST_ASKED
