"""Dialling: the one door through which calls are placed.

clock    the database's clock as this process knows it, and a clock that counts sleep
dialer   wait for the slot, claim, POST once, record
"""

from campaigns.dialing.clock import DatabaseClock, boot_seconds
from campaigns.dialing.dialer import Dialer, DialRules

__all__ = ["DatabaseClock", "DialRules", "Dialer", "boot_seconds"]
