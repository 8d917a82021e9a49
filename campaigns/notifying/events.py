"""Every kind of event there is, and how an event is written on the wire."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

# Raised when a field changes its meaning or goes away; new fields may come at any time.
VERSION = 1
TEST = "webhook.test"

EVENT_TYPES: dict[str, str] = {
    "attempt.ended": "A call is over, with how it ended, who answered, and what was pressed.",
    "attempt.corrected": "A late word has changed how an ended call is known to have ended.",
    "attempt.responded": "A key was pressed, told at once.",
    "recipient.completed": "A person was reached, as the campaign defines it.",
    "recipient.exhausted": "A person was not reached, and the retry policy has no further call.",
    "recipient.expired": "A person was not reached before the deadline.",
    "recipient.blocked": "A person opted out, or lacks a consent that a rule needs: not called.",
    "recipient.review": "Somebody must decide about a person; the reason says why.",
    "recipient.removed": "Somebody took a person out of a campaign in which they had been called.",
    "campaign.started": "A campaign began to dial.",
    "campaign.paused": "Somebody paused a campaign.",
    "campaign.paused_itself": "A campaign stands still: its account paused by itself, or it did.",
    "campaign.resumed": "Somebody resumed a campaign.",
    "campaign.stopped": "A campaign was stopped for good, by somebody or by its end.",
    "campaign.completed": "Nobody in a campaign is left to be called.",
    "account.paused": "An account dials no more; told is whether somebody or itself paused it.",
    "account.resumed": "Somebody let an account dial again.",
    "caller_id.paused": "A number is shown no more; told is whether somebody or itself paused it.",
    "caller_id.resumed": "Somebody let a number be shown again.",
}


def message_id(key: UUID) -> str:
    """The event's `webhook-id`: the same for every try and every endpoint."""
    return f"msg_{key.hex}"


def body_of(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The body of a webhook. What is signed is exactly this text."""
    return json.dumps(
        {"type": kind, "version": VERSION, "timestamp": at.isoformat(), "data": data},
        ensure_ascii=False,
        separators=(",", ":"),
    )
