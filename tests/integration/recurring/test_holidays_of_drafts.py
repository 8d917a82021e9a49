"""Holidays as they are asked for: kept beside the week, and changed without it."""

import pytest

from campaigns.access import CLI
from campaigns.campaigning import create_campaign
from campaigns.compliance import WeeklyWindows
from campaigns.db import database_now, transaction
from campaigns.drafting import CampaignDraft, CampaignEdit, edit_draft, settings_of
from campaigns.errors import InvalidInput
from campaigns.models import Campaign
from tests.integration.reporting.seed import make_account

ASKED = {
    "name": "Closed",
    "kind": "announcement",
    "account": "sim",
    "message": "Hello.",
    "windows": "mon-fri 09:00-17:00",
    "holidays": "US-CA",
}


@pytest.fixture
def campaign_id(engine) -> int:
    with transaction(engine) as session:
        make_account(session)
        return create_campaign(session, CampaignDraft.read(ASKED).as_new_campaign()).id


def edited(engine, campaign_id: int, **changes) -> str:
    with transaction(engine) as session:
        now = database_now(session)
        edit_draft(session, campaign_id, CampaignEdit.read(changes), CLI, now)
        campaign = session.get_one(Campaign, campaign_id)
        return str(WeeklyWindows.parse(campaign.windows))


def test_an_edit_changes_the_week_or_the_holidays_and_keeps_the_other(engine, campaign_id):
    with transaction(engine) as session:
        asked = settings_of(session, session.get_one(Campaign, campaign_id))
    assert asked["holidays"] == {"country": "US", "subdivision": "CA"}
    assert "holidays" not in asked["windows"]
    week = edited(engine, campaign_id, windows="sat 10:00-12:00")
    assert week == "sat 10:00-12:00, closed on US-CA holidays"
    assert edited(engine, campaign_id, weight=2.0) == week
    week = edited(engine, campaign_id, holidays="DE 2026-12-24")
    assert week == "sat 10:00-12:00, closed on DE holidays and 2026-12-24"
    assert edited(engine, campaign_id, holidays=None) == "sat 10:00-12:00"
    week = edited(engine, campaign_id, windows="daily 09:00-10:00, closed on FR")
    assert week == "mon-sun 09:00-10:00, closed on FR holidays"


def test_holidays_that_are_not_known_are_refused(engine, campaign_id):
    with pytest.raises(InvalidInput, match="not known"):
        edited(engine, campaign_id, holidays="XQ")
