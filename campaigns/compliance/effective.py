"""Which windows bind a campaign: the seam that a full rule engine takes over."""

from collections.abc import Mapping
from typing import Any

from campaigns.compliance.rules import rule_set
from campaigns.compliance.windows import WeeklyWindows


def windows_for(
    rules: str, campaign_windows: Mapping[str, Any]
) -> tuple[WeeklyWindows, WeeklyWindows]:
    """The windows that must all hold: those of the rules, and the campaign's own.

    A campaign can only narrow what its rules allow, because both are asked.
    """
    return rule_set(rules).windows, WeeklyWindows.parse(campaign_windows)
