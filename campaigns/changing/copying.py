"""New drafts from campaigns that exist: a copy, or one for those who were not reached."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from campaigns import auditing
from campaigns.access import Actor
from campaigns.campaigning import campaign_by_id
from campaigns.errors import NotAllowed
from campaigns.lifecycle import CampaignStatus, RecipientStatus
from campaigns.models import Campaign
from campaigns.store import caller_ids, changes, dispatch
from campaigns.store.changes import Copied
from campaigns.store.imports import allow_long_work

LONGEST_NAME = 200

_SAME = (
    *("kind", "account_id", "caller_id_id", "flow_id", "rule_set", "purpose", "max_cps", "weight"),
    *("ramp", "local_presence"),
    *("voice", "subject", "windows", "ring_timeout", "retry_policy", "reminder"),
    *("default_country", "household", "caps"),
)


class RedialRequest(BaseModel):
    """Whom to call again in a campaign of their own, beside those who were not reached."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] | None = Field(
        None, description="Of the new campaign. Unset: the old one's, with “(redial)”."
    )
    include_unknown: bool = Field(
        False,
        description="Also those who may have been called, nobody can say how it ended: they may "
        "be called twice.",
    )
    include_waiting: bool = Field(
        False, description="Also those who were not called any more. Only of a stopped campaign."
    )


@dataclass(frozen=True, slots=True)
class Redialled:
    """The new draft, and how many people are in it."""

    campaign: Campaign
    people: int


def clone_campaign(
    session: Session, campaign_id: int, actor: Actor, now: datetime, name: str | None = None
) -> Campaign:
    """A new draft with the settings and texts of a campaign, without its people.

    A start or an end that has passed is left open. Raises `NotFound`, and `NotAllowed` for a
    test call.
    """
    source = campaign_by_id(session, campaign_id)
    copy = _copy(session, source, name or f"{source.name} (copy)", "clone", now)
    _tell(session, source, copy, f"{actor.subject} copied it into a new draft, “{copy.name}”.", now)
    _record(session, actor, "campaign.clone", source, copy, now)
    return copy


def redial_unreached(
    session: Session, campaign_id: int, wanted: RedialRequest, actor: Actor, now: datetime
) -> Redialled:
    """A new draft with the people whom a campaign did not reach, each of them once.

    Those are the ones that no attempt reached and the ones that came too late; never who was
    reached, has opted out, is still to be called, or is in another redial of it. A
    reminder is repeated only while it is of use. Raises `NotFound`, and
    `NotAllowed` when there is nobody.
    """
    # Locked, so that two redials at the same time see each other's people.
    source = campaign_by_id(session, campaign_id, lock=True)
    if source.status == CampaignStatus.DRAFT:
        raise NotAllowed(
            "The campaign is a draft: nobody was called yet. Nothing was created. Start it first."
        )
    statuses = [RecipientStatus.EXHAUSTED, RecipientStatus.EXPIRED]
    if wanted.include_waiting:
        if source.status != CampaignStatus.STOPPED:
            raise NotAllowed(
                "Those who wait are still called by this campaign. Nothing was created. Stop it "
                "first, or leave them out."
            )
        statuses.append(RecipientStatus.PENDING)
    draft = _copy(session, source, wanted.name or f"{source.name} (redial)", "redial", now)
    whom = Copied([status.value for status in statuses], wanted.include_unknown)
    allow_long_work(session)
    people = changes.copy_people(session, source.id, draft.id, whom, now)
    if not people:
        raise NotAllowed(
            "There is nobody to call again: everybody was reached, has opted out, waits to be "
            "called, is in another redial of this campaign, or would be called too late. Nothing "
            "was created."
        )
    one = "1 person" if people == 1 else f"{people:,} people"
    sentence = f"{actor.subject} made a new draft with {one} who were not reached, “{draft.name}”."
    _tell(session, source, draft, sentence, now)
    _record(session, actor, "campaign.redial", source, draft, now, people=people)
    return Redialled(draft, people)


def _copy(session: Session, source: Campaign, name: str, how: str, now: datetime) -> Campaign:
    if source.kind == "test":
        raise NotAllowed("A test call cannot be copied. Nothing was created.")
    ahead = {
        when: at
        for when in ("starts_at", "ends_at")
        if (at := getattr(source, when)) is not None and at > now
    }
    draft = {**source.draft, "seen": []} if source.draft is not None else None
    copy = Campaign(
        name=name.strip()[:LONGEST_NAME] or "Copy",
        copied_from=source.id,
        copied_how=how,
        draft=draft,
        **{column: getattr(source, column) for column in _SAME},
        **ahead,
    )
    session.add(copy)
    session.flush()
    caller_ids.copy_pool(session, source.id, copy.id)
    session.refresh(copy)
    return copy


def _tell(session: Session, source: Campaign, copy: Campaign, sentence: str, now: datetime) -> None:
    dispatch.write_log(session, sentence, now, campaign_id=source.id)
    made = f"The draft was made from “{source.name}”."
    dispatch.write_log(session, made, now, campaign_id=copy.id)


def _record(
    session: Session,
    actor: Actor,
    action: str,
    source: Campaign,
    copy: Campaign,
    now: datetime,
    **more: int,
) -> None:
    after = {"campaign": copy.id, "name": copy.name, **more}
    auditing.record(session, actor, action, f"campaign:{source.id}", now, after=after)
