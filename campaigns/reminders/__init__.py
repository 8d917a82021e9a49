"""Appointment reminders.

dates     reading dates without guessing
stages    when the reminders of an appointment are due, and until when they are of use
speaking  instants as people say them
"""

from campaigns.reminders.dates import (
    FORMATS,
    detect_date_format,
    nearly_fitting,
    parse_appointment,
)
from campaigns.reminders.speaking import spoken_time
from campaigns.reminders.stages import Due, ReminderRule, Stage, TooLate, due_times

__all__ = [
    "FORMATS",
    "Due",
    "ReminderRule",
    "Stage",
    "TooLate",
    "detect_date_format",
    "due_times",
    "nearly_fitting",
    "parse_appointment",
    "spoken_time",
]
