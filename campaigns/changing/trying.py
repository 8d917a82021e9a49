"""How hard a campaign that runs or is to run tries: retries, caps, shared numbers, reminders.

What is not dialled yet follows the change: retries and households are decided by the campaign as it
is when a call ends or is about to be made; reminders are planned anew; what is queued is put back
and judged by the new caps before it gets another slot.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns import auditing, gates
from campaigns.access import Actor
from campaigns.changing.limits import changeable_campaign
from campaigns.drafting.asking import Length, rule_asked
from campaigns.drafting.reminding import reminders_in_words
from campaigns.drafting.retrying import policy_in_words, preset_named
from campaigns.errors import InvalidInput
from campaigns.models import Campaign
from campaigns.outcomes import release_cancelled
from campaigns.reminders import ReminderRule
from campaigns.retries import RetryPolicy
from campaigns.store import attempts, changes, dispatch, gate


class TryingChange(BaseModel):
    """How hard to try; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"retry_policy": "gentle", "offsets": ["24h", "2h"]}]},
    )

    retry_policy: dict[str, Any] | str | None = Field(
        None, description="A name or a table, as when a campaign is created."
    )
    household: Literal["wait", "merge"] | None = None
    caps: list[dict[str, Any] | str] | None = Field(
        None,
        max_length=gates.MOST_CAPS,
        description="In place of the caps of its own that there were, as when a campaign is "
        'created: "3 in 24h to a number". Empty: none but those of the rules.',
    )
    offsets: list[Length] | None = Field(
        None, min_length=1, max_length=10, description="Reminders only: so long before each."
    )
    deadlines: list[Length] | None = Field(
        None, max_length=10, description="Reminders only: one for all `offsets`, or one for each."
    )
    again_when_confirmed: bool | None = None


def change_trying(
    session: Session, campaign_id: int, change: TryingChange, actor: Actor, now: datetime
) -> Campaign:
    """Try otherwise from now on. Raises `NotFound`, `NotAllowed` for a draft or a campaign that is
    over, and `InvalidInput`; then nothing was changed."""
    gate.close_gate(session)  # a queued call about a reminder that is put off must not go out
    campaign = changeable_campaign(session, campaign_id)
    for part in (_retries, _caps, _household, _reminders):
        sentence, before, after = part(session, campaign, change, now) or ("", None, None)
        if sentence:
            told = f"{sentence} by {actor.by}."
            dispatch.write_log(session, told, now, campaign_id=campaign_id)
            subject = f"campaign:{campaign_id}"
            action = "campaign.change_trying"
            auditing.record(session, actor, action, subject, now, before=before, after=after)
    session.flush()
    return campaign


_Told = tuple[str, dict[str, Any], dict[str, Any]] | None
_Part = Callable[[Session, Campaign, TryingChange, datetime], _Told]


def _retries(_: Session, campaign: Campaign, change: TryingChange, __: datetime) -> _Told:
    if change.retry_policy is None:
        return None
    asked = change.retry_policy
    policy = preset_named(asked) if isinstance(asked, str) else RetryPolicy.parse(asked)
    before = RetryPolicy.parse(campaign.retry_policy)
    if policy == before:
        return None
    campaign.retry_policy = policy.serialise()
    told = " ".join(policy_in_words(policy)).rstrip(".")
    return (
        f"The retries were changed (“{told}”)",
        {"retry_policy": before.serialise()},
        {"retry_policy": policy.serialise()},
    )


def _caps(session: Session, campaign: Campaign, change: TryingChange, now: datetime) -> _Told:
    if change.caps is None:
        return None
    before, after = gates.caps_as_kept(campaign.caps), gates.caps_as_kept(change.caps)
    if after == before:
        return None
    campaign.caps = after
    session.flush()
    queued = attempts.cancel_queued_attempts_of(
        session, now, "caps_changed", campaign_id=campaign.id
    )
    release_cancelled(session, queued, now)
    told = "The campaign's own caps were taken away"
    if after:
        told = f"The campaign's own caps were changed to “{gates.caps_as_typed(after)}”"
    return told, {"caps": before}, {"caps": after}


def _household(_: Session, campaign: Campaign, change: TryingChange, __: datetime) -> _Told:
    if change.household is None or change.household == campaign.household:
        return None
    before, campaign.household = campaign.household, change.household
    how = "get one call for all of them" if change.household == "merge" else "are each called"
    return (
        f"People who share a number {how} from now on; that was changed",
        {"household": before},
        {"household": change.household},
    )


def _reminders(session: Session, campaign: Campaign, change: TryingChange, now: datetime) -> _Told:
    if change.offsets is None and change.deadlines is None and change.again_when_confirmed is None:
        return None
    if campaign.kind != "reminder" or campaign.reminder is None:
        raise InvalidInput("Only a reminder has reminders of appointments. Nothing was changed.")
    before = ReminderRule.parse(campaign.reminder)
    rule = rule_asked(
        change.offsets or [stage.offset for stage in before.stages],
        change.deadlines,
        again=before.again_when_confirmed
        if change.again_when_confirmed is None
        else change.again_when_confirmed,
    )
    if rule == before:
        return None
    kept = {key: value for key, value in campaign.reminder.items() if key == "date_format"}
    campaign.reminder = {**rule.serialise(), **kept}
    session.flush()
    if rule.stages != before.stages:
        queued = attempts.cancel_queued_attempts_of(
            session, now, "reminders_changed", campaign_id=campaign.id
        )
        release_cancelled(session, queued, now)
        changes.plan_reminders_anew(session, campaign.id, now)
    told = reminders_in_words(rule.serialise())
    return (
        f"The reminders were changed ({told})",
        {"reminder": before.serialise()},
        {"reminder": rule.serialise()},
    )
