"""The tables. Concurrency rules stand here as constraints, so no code path can get around them."""

from campaigns.models.accounts import Account, AccountPace, CallerId, PacingGroup
from campaigns.models.attempts import Attempt, AttemptNumber, CallEventRow, Response
from campaigns.models.base import LIVE_SQL, Base, Row
from campaigns.models.campaigns import Campaign, CampaignLog, Flow
from campaigns.models.recipients import Import, ImportReject, Recipient, ZoneKey
from campaigns.models.safety import ApiKey, DialingSwitch, Heartbeat, Lease, OptOut

__all__ = [
    "LIVE_SQL",
    "Account",
    "AccountPace",
    "ApiKey",
    "Attempt",
    "AttemptNumber",
    "Base",
    "CallEventRow",
    "CallerId",
    "Campaign",
    "CampaignLog",
    "DialingSwitch",
    "Flow",
    "Heartbeat",
    "Import",
    "ImportReject",
    "Lease",
    "OptOut",
    "PacingGroup",
    "Recipient",
    "Response",
    "Row",
    "ZoneKey",
]
