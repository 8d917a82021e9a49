"""How each reminder of a campaign went, counted when somebody asks."""

from datetime import datetime

from pydantic import Field
from sqlalchemy.orm import Session

from campaigns import phrases
from campaigns.campaigning import campaign_by_id
from campaigns.errors import NotAllowed
from campaigns.reminders import ReminderRule
from campaigns.reporting.values import Value
from campaigns.retries import RetryPolicy
from campaigns.store import reminded
from campaigns.store.imports import allow_long_work


class ReminderCounts(Value):
    """One reminder of a campaign, and its people, each once."""

    stage: int = Field(description="From 0, the earliest.")
    ahead: str = Field(description="So long before the appointment.", examples=["3 days"])
    due: int = Field(description="Whose time for it has come.")
    called: int = Field(description="Who were called for it.")
    reached: int = Field(description="Who answered, or a machine where that counts as reached.")


def reminder_counts(session: Session, campaign_id: int, now: datetime) -> list[ReminderCounts]:
    """How many people each reminder was due for, called, reached. Reads all of the campaign.

    Raises `NotFound`, and `NotAllowed` for a campaign that is no reminder.
    """
    campaign = campaign_by_id(session, campaign_id)
    if campaign.kind != "reminder" or campaign.reminder is None:
        raise NotAllowed(f"“{campaign.name}” is no reminder: it has no appointments.")
    stages = ReminderRule.parse(campaign.reminder).stages
    policy = RetryPolicy.parse(campaign.retry_policy)
    allow_long_work(session)
    rows = reminded.people_by_stage(
        session,
        campaign_id,
        [stage.offset for stage in stages],
        now,
        machines_too=policy.machine_counts_as_reached,
    )
    return [
        ReminderCounts(
            stage=row.stage,
            ahead=phrases.length(stages[row.stage].offset),
            due=row.due,
            called=row.called,
            reached=row.reached,
        )
        for row in rows
    ]
