"""When a delivery that failed is tried again. Pure: times and chance are arguments."""

# Seconds after the first, second, ... failed try. Ten tries in all, within some three days.
WAITS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
JITTER = 0.2  # each wait is longer by up to this share, so that what failed together comes apart
LONGEST_ASKED = 86400.0  # of the wait a receiver may ask for (Retry-After)


def next_wait(tries: int, fraction: float, asked: float | None = None) -> float | None:
    """Seconds until the next try after `tries` failed ones; None when there is none.

    `fraction` (0 to 1) is chance; `asked` is what the receiver asked us to wait.
    """
    if tries > len(WAITS):
        return None
    wait = WAITS[tries - 1] * (1 + JITTER * fraction)
    return max(wait, min(asked or 0.0, LONGEST_ASKED))
