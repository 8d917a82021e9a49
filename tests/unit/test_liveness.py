"""When silence proves that a worker is deaf."""

import pytest

from campaigns.liveness import PINGED_SECONDS, SILENT_SECONDS, Pings, consumes_nothing

LONG = SILENT_SECONDS + 1


@pytest.mark.parametrize(
    ("pings", "silent", "deaf"),
    [
        (Pings(last=5, unbroken=LONG), LONG, True),
        (Pings(last=5, unbroken=LONG), SILENT_SECONDS - 1, False),  # heard something
        (Pings(last=5, unbroken=SILENT_SECONDS - 1), LONG, False),  # was not pinged long enough
        (Pings(last=PINGED_SECONDS + 1, unbroken=LONG), LONG, False),  # pings have stopped
        (None, LONG, False),  # nobody ever pinged
    ],
)
def test_only_pings_that_were_sent_all_the_time_make_silence_a_proof(pings, silent, deaf):
    assert consumes_nothing(pings, silent) is deaf
