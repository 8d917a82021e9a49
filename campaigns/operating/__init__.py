"""What people do to accounts, and new campaigns; each noted in the audit log.

accounts   added, changed, paused, switched off; caller ids; credentials checked
campaigns  created
"""

from campaigns.operating.accounts import (
    AccountChange,
    account_by_id,
    add_account,
    add_caller_id,
    change_account,
    check_account,
    pause_account_named,
    remove_caller_id,
    resume_account,
    switch_account_off_named,
)
from campaigns.operating.campaigns import create_campaign

__all__ = [
    "AccountChange",
    "account_by_id",
    "add_account",
    "add_caller_id",
    "change_account",
    "check_account",
    "create_campaign",
    "pause_account_named",
    "remove_caller_id",
    "resume_account",
    "switch_account_off_named",
]
