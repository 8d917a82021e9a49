"""A call to hear how it sounds, through the one door that every call takes."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import compliance, phone
from campaigns.campaigning import NewCampaign, account_named, create_campaign, start_campaign
from campaigns.errors import NotAllowed
from campaigns.flows.model import CallFlow
from campaigns.lifecycle import RecipientStatus
from campaigns.models import Campaign, Recipient
from campaigns.phone.masking import mask_number
from campaigns.store import opt_outs, recipients

ONE_ATTEMPT = {"max_attempts": 1, "waits": {}}


def place_test_call(
    session: Session,
    account_name: str,
    to: str,
    flow: CallFlow,
    now: datetime,
    *,
    default_country: str = "US",
) -> tuple[Campaign, Recipient]:
    """Have one number called once: a running `test` campaign with one recipient who is due now.

    The next tick does the rest, under the account's own rules and limits, so outside its calling
    hours the call waits for them. Raises `NotAPhoneNumber`, `NotFound`, and `NotAllowed` for a
    number that opted out, that is fiction on a live account, or that may be anywhere.
    """
    account = account_named(session, account_name)
    number = phone.parse_number(to, default_country)
    if opt_outs.is_opted_out(session, [number], now):
        raise NotAllowed(f"{number} has opted out and is not called, not even for a test.")
    if account.live and phone.is_fictional(number):
        raise NotAllowed(
            f"{number} is reserved for fiction, so a live account does not dial it. "
            "Use a number of your own, or an account on the simulator."
        )
    place = compliance.place_of(number)
    if not place.known:
        raise NotAllowed(f"Nobody can say where {number} is, so it is not called.")
    campaign = create_campaign(
        session,
        NewCampaign(
            name=f"Test call to {mask_number(number)}",
            kind="test",
            account=account.name,
            flow=flow,
            retry_policy=ONE_ATTEMPT,
        ),
    )
    recipient = Recipient(
        campaign_id=campaign.id,
        dedupe_key=number,
        numbers=[number],
        zone_key=recipients.zone_key_for(session, place),
        status=RecipientStatus.PENDING.value,
        next_attempt_at=now,
    )
    session.add(recipient)
    session.flush()
    session.refresh(recipient)
    return start_campaign(session, campaign.id, now), recipient
