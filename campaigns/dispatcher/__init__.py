"""The dispatcher: turns due recipients into queued attempts with slots, one tick at a time.

tick      the transaction: lease, release of what is overdue, reasons not to dial, accounts
account   one account: how many slots, shared by which campaigns, in which order
campaign  one campaign: who is due, who is turned away and until when
facts     all that is known of those who are due, in a few statements
standing  what is the same for everybody in a campaign
callers   which number a call shows
slots     slots that satisfy every limit on their way
hours     which zone keys are open now, and until when
"""

from campaigns.dispatcher.hours import OpenHours
from campaigns.dispatcher.tick import (
    PROBE_SECONDS,
    WAITING_SECONDS,
    Leadership,
    TickReport,
    TickRules,
    blocked_by,
    tick,
    why_blocked,
)

__all__ = [
    "PROBE_SECONDS",
    "WAITING_SECONDS",
    "Leadership",
    "OpenHours",
    "TickReport",
    "TickRules",
    "blocked_by",
    "tick",
    "why_blocked",
]
