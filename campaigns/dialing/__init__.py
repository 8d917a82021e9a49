"""Dialling: the one door through which calls are placed.

clock    the database's clock as this process knows it, and a clock that counts sleep
steady   whether that clock has run evenly, for waits that no step of it may end
dialer   wait for the slot, claim, POST once, record
"""

from campaigns.dialing.clock import DatabaseClock, boot_seconds
from campaigns.dialing.dialer import Dialer, DialRules
from campaigns.dialing.steady import SteadyClock

__all__ = ["DatabaseClock", "DialRules", "Dialer", "SteadyClock", "boot_seconds"]
