"""When a number may be called: weekly windows, rule sets, and the instants that follow from them.

Allowed means allowed by every window set in every zone the number may be in. Whatever is unknown
(no zone, no windows) is never allowed.
"""

from campaigns.compliance.effective import windows_for
from campaigns.compliance.holidays import HolidayCalendar, Holidays, holiday_calendars
from campaigns.compliance.hours import LOOKS_AHEAD, allowed, next_allowed, open_until
from campaigns.compliance.rules import (
    RULE_SETS,
    RuleSet,
    check_account,
    rule_set,
    zones_of,
)
from campaigns.compliance.windows import WeeklyWindows
from campaigns.compliance.zones import zone_named, zone_names

__all__ = [
    "LOOKS_AHEAD",
    "RULE_SETS",
    "HolidayCalendar",
    "Holidays",
    "RuleSet",
    "WeeklyWindows",
    "allowed",
    "check_account",
    "holiday_calendars",
    "next_allowed",
    "open_until",
    "rule_set",
    "windows_for",
    "zone_named",
    "zone_names",
    "zones_of",
]
