"""A new campaign, noted in the audit log; what happens to it later is in `campaigns.changing`."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import auditing, campaigning
from campaigns.access import Actor
from campaigns.campaigning import NewCampaign
from campaigns.models import Account, Campaign
from campaigns.store import dispatch


def create_campaign(session: Session, new: NewCampaign, actor: Actor, now: datetime) -> Campaign:
    """Create a draft, as `campaigning.create_campaign` does."""
    campaign = campaigning.create_campaign(session, new)
    note_campaign_created(session, campaign, actor, now)
    return campaign


def note_campaign_created(
    session: Session, campaign: Campaign, actor: Actor, now: datetime
) -> None:
    """Write down that somebody began a draft."""
    account = session.get_one(Account, campaign.account_id).name
    after = {"name": campaign.name, "kind": campaign.kind, "account": account}
    subject = f"campaign:{campaign.id}"
    auditing.record(session, actor, "campaign.create", subject, now, after=after)
    told = f"{actor.subject} created the campaign, as a draft."
    dispatch.write_log(session, told, now, campaign_id=campaign.id)
