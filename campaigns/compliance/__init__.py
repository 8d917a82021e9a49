"""When and how a number may be called: calling rules as data, places, and the hours that follow.

Allowed means allowed by every rule that binds in every zone the number may be in. Whatever is
unknown (no country, no zone, no windows) is never allowed.

rule, rulefile   one rule, and the reviewed file of them
answers          may this number be called at this instant, and why not
rulebook         every rule of one version, and which of them bind a call
place            where a number's owner may be
hours            whether an instant is inside the windows, and when that next changes
effective        what binds a campaign
"""

from campaigns.compliance.addresses import is_country, is_state
from campaigns.compliance.answers import Answer, Question, answer, needs_of, why_unknown
from campaigns.compliance.effective import (
    Ruled,
    applied_to,
    check_account,
    hours_for,
    purpose_named,
    voice_named,
)
from campaigns.compliance.holidays import HolidayCalendar, Holidays, holiday_calendars
from campaigns.compliance.hours import (
    LOOKS_AHEAD,
    Era,
    Hours,
    allowed,
    next_allowed,
    open_until,
)
from campaigns.compliance.place import (
    ANYWHERE_ELSE,
    COUNTRIES_DIFFER,
    NOWHERE,
    ZONE_UNKNOWN,
    Place,
    PostalAddress,
    place_of,
)
from campaigns.compliance.rule import Rule, RuleStatus
from campaigns.compliance.rulebook import (
    HOUSE,
    LAW,
    PRACTICE,
    RULE_SETS,
    Applied,
    Rulebook,
    check_rule_set,
)
from campaigns.compliance.rulefile import (
    RuleDocument,
    UnreadableRules,
    read_rulebook,
    rule_document,
    shipped_rulebook,
    shipped_rules,
)
from campaigns.compliance.terms import (
    AbandonLimit,
    Cap,
    CapScope,
    ConsentNeed,
    Cooloffs,
    Duties,
    Line,
    Purpose,
    Voice,
)
from campaigns.compliance.windows import WeeklyWindows, narrowed
from campaigns.compliance.zones import zone_named, zone_names

__all__ = [
    "ANYWHERE_ELSE",
    "COUNTRIES_DIFFER",
    "HOUSE",
    "LAW",
    "LOOKS_AHEAD",
    "NOWHERE",
    "PRACTICE",
    "RULE_SETS",
    "ZONE_UNKNOWN",
    "AbandonLimit",
    "Answer",
    "Applied",
    "Cap",
    "CapScope",
    "ConsentNeed",
    "Cooloffs",
    "Duties",
    "Era",
    "HolidayCalendar",
    "Holidays",
    "Hours",
    "Line",
    "Place",
    "PostalAddress",
    "Purpose",
    "Question",
    "Rule",
    "RuleDocument",
    "RuleStatus",
    "Rulebook",
    "Ruled",
    "UnreadableRules",
    "Voice",
    "WeeklyWindows",
    "allowed",
    "answer",
    "applied_to",
    "check_account",
    "check_rule_set",
    "holiday_calendars",
    "hours_for",
    "is_country",
    "is_state",
    "narrowed",
    "needs_of",
    "next_allowed",
    "open_until",
    "place_of",
    "purpose_named",
    "read_rulebook",
    "rule_document",
    "shipped_rulebook",
    "shipped_rules",
    "voice_named",
    "why_unknown",
    "zone_named",
    "zone_names",
]
