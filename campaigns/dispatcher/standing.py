"""What is the same for everybody in a running campaign, as the gates need it."""

from campaigns import gates, retries
from campaigns.compliance import WeeklyWindows
from campaigns.dispatcher.facts import Standing
from campaigns.gates import AccountFacts, CampaignFacts, Installation
from campaigns.store.dispatch import RunningCampaign


def standing_of(
    campaign: RunningCampaign,
    here: Installation,
    time_scale: float,
) -> Standing:
    """The campaign and its account. Raises `InvalidInput` when its own rules cannot be read."""
    policy = retries.RetryPolicy.parse(campaign.retry_policy)
    return Standing(
        installation=here,
        account=AccountFacts(
            name=campaign.account,
            status=campaign.account_status,
            live=campaign.live,
            backoff_until=campaign.backoff_until,
            time_scale=time_scale,
        ),
        campaign=CampaignFacts(
            id=campaign.id,
            name=campaign.name,
            status=campaign.status,
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
            windows=WeeklyWindows.parse(campaign.windows),
            max_attempts=policy.max_attempts,
            max_per_day=policy.max_per_day,
            caps=gates.read_caps(campaign.caps),
            purpose=campaign.purpose,
            subject=campaign.subject,
        ),
        same_subject=tuple(campaign.same_subject),
    )
