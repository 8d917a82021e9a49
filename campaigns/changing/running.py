"""Campaigns started, paused, resumed, stopped, archived; and the kill switch."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import auditing, campaigning, stopping
from campaigns.access import Actor
from campaigns.campaigning import campaign_by_id
from campaigns.changing.pausing import last_pause
from campaigns.errors import NotAllowed
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Campaign
from campaigns.store import dispatch, installation

OVER = frozenset({CampaignStatus.COMPLETED, CampaignStatus.STOPPED})


def start(session: Session, campaign_id: int, actor: Actor, now: datetime) -> Campaign:
    """Start a draft now, or at its start time when that lies ahead."""
    before = campaign_by_id(session, campaign_id).status
    campaign = campaigning.start_campaign(session, campaign_id, now, by=actor)
    _record(session, campaign, actor, "start", before, now)
    return campaign


def pause(session: Session, campaign_id: int, actor: Actor, now: datetime, why: str) -> list[int]:
    """Pause, and write down what that did; returns the calls to be recalled after the commit."""
    before = campaign_by_id(session, campaign_id).status
    recalled = campaigning.pause_campaign(session, campaign_id, now, why, by=actor)
    campaign = campaign_by_id(session, campaign_id)
    # Nothing is claimed any more, so what the rows say about the last call stays true.
    report = last_pause(session, campaign)
    if report is not None:
        dispatch.write_log(session, report.sentence, now, campaign_id=campaign_id)
    _record(session, campaign, actor, "pause", before, now, why)
    return recalled


def resume(session: Session, campaign_id: int, actor: Actor, now: datetime) -> Campaign:
    """Run a paused campaign again, at its pace."""
    before = campaign_by_id(session, campaign_id).status
    campaign = campaigning.resume_campaign(session, campaign_id, now, by=actor)
    _record(session, campaign, actor, "resume", before, now)
    return campaign


def stop(session: Session, campaign_id: int, actor: Actor, now: datetime, why: str) -> list[int]:
    """Stop for good; returns the calls to be recalled after the commit."""
    before = campaign_by_id(session, campaign_id).status
    recalled = campaigning.stop_campaign(session, campaign_id, now, why, by=actor)
    _record(session, campaign_by_id(session, campaign_id), actor, "stop", before, now, why)
    return recalled


def archive(session: Session, campaign_id: int, actor: Actor, now: datetime) -> Campaign:
    """Keep a campaign that is over out of lists; raises `NotAllowed` for any other."""
    campaign = campaign_by_id(session, campaign_id, lock=True)
    if campaign.status not in OVER:
        raise NotAllowed(
            f"The campaign is {campaign.status}. Nothing was changed. Only one that is over can "
            "be archived; stop it first."
        )
    if campaign.archived_at is None:
        campaign.archived_at = now
        session.flush()
        auditing.record(session, actor, "campaign.archive", f"campaign:{campaign_id}", now)
        told = f"{actor.subject} put the campaign into the archive."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)
    return campaign


def unarchive(session: Session, campaign_id: int, actor: Actor, now: datetime) -> Campaign:
    """Show an archived campaign in lists again."""
    campaign = campaign_by_id(session, campaign_id, lock=True)
    if campaign.archived_at is not None:
        campaign.archived_at = None
        session.flush()
        auditing.record(session, actor, "campaign.unarchive", f"campaign:{campaign_id}", now)
        told = f"{actor.subject} took the campaign out of the archive."
        dispatch.write_log(session, told, now, campaign_id=campaign_id)
    return campaign


def switch_off(session: Session, actor: Actor, now: datetime, why: str) -> list[int]:
    """The kill switch: nobody is dialled any more; returns the calls to be recalled."""
    recalled = stopping.switch_dialling_off(session, why, now, by=actor)
    after = {"dialling": "off", "why": why, "recalled": len(recalled)}
    auditing.record(session, actor, "dialling.switch_off", "dialling", now, after=after)
    return recalled


def switch_on(session: Session, actor: Actor, now: datetime) -> None:
    """Let running campaigns dial again. Raises `NotAllowed` while a restored database waits."""
    restoration = installation.open_restoration(session)
    if restoration is not None:
        raise NotAllowed(
            f"{restoration.why} People may have been called since "
            f"{restoration.lost_since:%Y-%m-%d %H:%M} UTC of whom this database knows nothing. "
            "Nothing was switched on. Run `outdial reconcile`: it asks the providers, and switches "
            "dialling on again."
        )
    stopping.switch_dialling_on(session, now, by=actor)
    after = {"dialling": "on"}
    auditing.record(session, actor, "dialling.switch_on", "dialling", now, after=after)


def _record(
    session: Session,
    campaign: Campaign,
    actor: Actor,
    verb: str,
    status_before: str,
    now: datetime,
    why: str | None = None,
) -> None:
    session.flush()
    after = {"status": campaign.status} | ({"why": why} if why else {})
    auditing.record(
        session,
        actor,
        f"campaign.{verb}",
        f"campaign:{campaign.id}",
        now,
        before={"status": status_before},
        after=after,
    )
