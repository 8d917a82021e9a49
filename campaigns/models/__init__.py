"""The tables. Concurrency rules stand here as constraints, so no code path can get around them."""

from campaigns.models.accounts import (
    Account,
    AccountPace,
    CallerId,
    CampaignCallerId,
    GroupPace,
    PacingGroup,
)
from campaigns.models.attempts import Attempt, AttemptNumber, CallEventRow, Response
from campaigns.models.audio import AudioFile, FlowAudio
from campaigns.models.base import LIVE_SQL, Base, Row
from campaigns.models.campaigns import Campaign, CampaignLog, Flow, LateRisk
from campaigns.models.consents import Consent
from campaigns.models.outgoing import OutgoingEvent, WebhookDelivery, WebhookEndpoint
from campaigns.models.people import ApiKey, AuditEntry, SignedInSession, User
from campaigns.models.recipients import Import, ImportReject, ImportRepair, Recipient, ZoneKey
from campaigns.models.recurrences import Recurrence, RecurrenceFiring, RemindedAppointment
from campaigns.models.requests import IdempotentRequest
from campaigns.models.rules import CallingRules, RuleActivation
from campaigns.models.safety import (
    DialingSwitch,
    GateHistory,
    Heartbeat,
    Installation,
    Lease,
    OptOut,
    Restoration,
    SchemaLine,
)
from campaigns.models.tallies import (
    CampaignTally,
    LastAnswer,
    SearchWord,
    TallyDelta,
    TallyProof,
)

__all__ = [
    "LIVE_SQL",
    "Account",
    "AccountPace",
    "ApiKey",
    "Attempt",
    "AttemptNumber",
    "AudioFile",
    "AuditEntry",
    "Base",
    "CallEventRow",
    "CallerId",
    "CallingRules",
    "Campaign",
    "CampaignCallerId",
    "CampaignLog",
    "CampaignTally",
    "Consent",
    "DialingSwitch",
    "Flow",
    "FlowAudio",
    "GateHistory",
    "GroupPace",
    "Heartbeat",
    "IdempotentRequest",
    "Import",
    "ImportReject",
    "ImportRepair",
    "Installation",
    "LastAnswer",
    "LateRisk",
    "Lease",
    "OptOut",
    "OutgoingEvent",
    "PacingGroup",
    "Recipient",
    "Recurrence",
    "RecurrenceFiring",
    "RemindedAppointment",
    "Response",
    "Restoration",
    "Row",
    "RuleActivation",
    "SchemaLine",
    "SearchWord",
    "SignedInSession",
    "TallyDelta",
    "TallyProof",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
    "ZoneKey",
]
