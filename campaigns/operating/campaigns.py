"""A new campaign, noted in the audit log; what happens to it later is in `campaigns.changing`."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import auditing, campaigning
from campaigns.access import Actor
from campaigns.campaigning import NewCampaign
from campaigns.models import Campaign


def create_campaign(session: Session, new: NewCampaign, actor: Actor, now: datetime) -> Campaign:
    """Create a draft, as `campaigning.create_campaign` does."""
    campaign = campaigning.create_campaign(session, new)
    after = {"name": campaign.name, "kind": campaign.kind, "account": new.account}
    subject = f"campaign:{campaign.id}"
    auditing.record(session, actor, "campaign.create", subject, now, after=after)
    return campaign
