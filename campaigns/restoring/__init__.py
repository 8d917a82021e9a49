"""Databases that went back in time: how that is noticed, and what it takes to dial again.

A restored database has forgotten calls and opt-outs. Calling on from it would call people twice.

noticing      whether the database is older than what is known outside it; then nothing is dialled
copying       backups, written and put back
reconciling   what the providers' logs know of the lost time becomes part of the books again
"""

from campaigns.restoring.copying import create_backup, restore_backup
from campaigns.restoring.noticing import HighWater, look, note_lost_attempt, note_restored
from campaigns.restoring.reconciling import Reconciled, allow_long_work, reconcile

__all__ = [
    "HighWater",
    "Reconciled",
    "allow_long_work",
    "create_backup",
    "look",
    "note_lost_attempt",
    "note_restored",
    "reconcile",
    "restore_backup",
]
