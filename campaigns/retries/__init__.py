"""What follows from how an attempt ended: when to call again, and which number, or why not.

policy        what a campaign wants: waits and limits per ending, limits per number, voicemail
deciding      what follows from one ending
another_hour  a call on a later day goes out at an hour that was not tried yet

Times are instants before any calling window is applied; whoever plans the call moves them into
the next legal one.
"""

from campaigns.retries.another_hour import another_hour
from campaigns.retries.deciding import (
    CANCELS_BEFORE_REVIEW,
    RetryAt,
    Stop,
    cancel_backoff,
    choose_number,
    decide,
    used_up,
)
from campaigns.retries.policy import RETRYABLE, RetryPolicy

__all__ = [
    "CANCELS_BEFORE_REVIEW",
    "RETRYABLE",
    "RetryAt",
    "RetryPolicy",
    "Stop",
    "another_hour",
    "cancel_backoff",
    "choose_number",
    "decide",
    "used_up",
]
