"""Campaigns before they start: asked for, begun as a draft, changed, looked over.

lengths    lengths of time, as people write them
wording    what people hear, and the call flow that comes of it
asking     a campaign as a person asks for it
editing    a draft is begun, changed, thrown away
estimating how long the first round of calls takes
review     what would happen on the start, and what stands in its way
hours_in_words  calling hours as people say them
"""

from sqlalchemy.orm import Session

from campaigns.campaigning import campaign_by_id
from campaigns.drafting.asking import CampaignDraft, CampaignEdit, explained, problems_of
from campaigns.drafting.editing import (
    begin_draft,
    delete_draft,
    edit_draft,
    is_written,
    seen_steps,
    settings_of,
)
from campaigns.drafting.lengths import seconds_of
from campaigns.importing import ImportOptions


def options_for_campaign(
    session: Session, campaign_id: int, options: ImportOptions
) -> ImportOptions:
    """Import options, completed by what the campaign says about its lists. Raises `NotFound`."""
    reminder = campaign_by_id(session, campaign_id).reminder or {}
    if options.date_format is None and reminder.get("date_format"):
        return options.model_copy(update={"date_format": reminder["date_format"]})
    return options


__all__ = [
    "CampaignDraft",
    "CampaignEdit",
    "begin_draft",
    "delete_draft",
    "edit_draft",
    "explained",
    "is_written",
    "options_for_campaign",
    "problems_of",
    "seconds_of",
    "seen_steps",
    "settings_of",
]
