"""Reminder rules in words. Pure."""

from collections.abc import Mapping
from typing import Any

from campaigns.drafting.lengths import length_in_words, length_text
from campaigns.reminders import ReminderRule


def reminders_in_words(value: Mapping[str, Any]) -> str:
    """When people are reminded: "24 hours before the appointment, not later than 2 hours before
    it"."""
    rule = ReminderRule.parse(value)
    *front, last = [length_in_words(stage.offset) for stage in rule.stages]
    told = f"{', '.join(front)} and {last}" if front else last
    told += " before the appointment"
    deadline = rule.stages[-1].deadline
    if deadline:
        told += f", not later than {length_in_words(deadline)} before it"
    if rule.again_when_confirmed:
        told += "; those who confirmed as well"
    elif front:
        told += "; not those who confirmed"
    return told


def offsets_as_typed(value: Mapping[str, Any]) -> str:
    """How long before the appointment, as people type it: "3d, 24h, 2h"."""
    return ", ".join(length_text(stage.offset) for stage in ReminderRule.parse(value).stages)
