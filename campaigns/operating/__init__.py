"""What people do to accounts, and new campaigns; each noted in the audit log.

accounts    added, changed, paused, switched off; credentials checked
caller_ids  added, limited, paused, resumed, removed
campaigns   created
"""

from campaigns.operating.accounts import (
    AccountChange,
    account_by_id,
    add_account,
    change_account,
    check_account,
    pause_account_named,
    resume_account,
    switch_account_off_named,
)
from campaigns.operating.caller_ids import (
    CallerIdLimits,
    add_caller_id,
    limit_caller_id,
    pause_caller_id,
    remove_caller_id,
    resume_caller_id,
)
from campaigns.operating.campaigns import create_campaign

__all__ = [
    "AccountChange",
    "CallerIdLimits",
    "account_by_id",
    "add_account",
    "add_caller_id",
    "change_account",
    "check_account",
    "create_campaign",
    "limit_caller_id",
    "pause_account_named",
    "pause_caller_id",
    "remove_caller_id",
    "resume_account",
    "resume_caller_id",
    "switch_account_off_named",
]
