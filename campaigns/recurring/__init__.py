"""Recurring campaigns: at each firing a child campaign is made and its list read anew.

cron      cron expressions
rules     when a recurrence fires: wall times, zones, holidays
sources   where its list is read: a file below one directory, or an https address
plans     made, looked at, paused, resumed, ended
firing    what happens when it is due
"""

from campaigns.recurring.firing import note_due_firings, run_firing
from campaigns.recurring.plans import (
    NewRecurrence,
    create_recurrence,
    end_recurrence,
    list_firings,
    list_recurrences,
    pause_recurrence,
    recurrence_by_id,
    recurrence_of_campaign,
    resume_recurrence,
    source_of,
    upcoming,
)
from campaigns.recurring.rules import Firing, Rule, next_firings
from campaigns.recurring.sources import Reader, Source, SourceFailed

__all__ = [
    "Firing",
    "NewRecurrence",
    "Reader",
    "Rule",
    "Source",
    "SourceFailed",
    "create_recurrence",
    "end_recurrence",
    "list_firings",
    "list_recurrences",
    "next_firings",
    "note_due_firings",
    "pause_recurrence",
    "recurrence_by_id",
    "recurrence_of_campaign",
    "resume_recurrence",
    "run_firing",
    "source_of",
    "upcoming",
]
