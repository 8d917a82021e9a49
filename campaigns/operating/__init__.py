"""What people do to accounts, new campaigns, and lists; each noted in the audit log.

accounts    added, changed, paused, switched off; credentials checked
caller_ids  added, limited, paused, resumed, removed
campaigns   created
imports     lists handed in, imported, discarded, undone; people pushed
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
from campaigns.operating.campaigns import create_campaign, note_campaign_created
from campaigns.operating.imports import note_import, push_recipients, undo_import

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
    "note_campaign_created",
    "note_import",
    "pause_account_named",
    "pause_caller_id",
    "push_recipients",
    "remove_caller_id",
    "resume_account",
    "resume_caller_id",
    "switch_account_off_named",
    "undo_import",
]
