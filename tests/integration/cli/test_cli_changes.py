"""Pace, copy and redial on the command line."""

from campaigns.db import transaction
from tests.integration.reporting.seed import make_recipient, make_running_campaign


def test_pace_copy_and_redial(outdial, as_json, engine):
    campaign = make_running_campaign(engine)
    with transaction(engine) as session:
        make_recipient(session, campaign, 30, status="exhausted")
    assert as_json("campaign", "pace", campaign, "2.5")["max_cps"] == 2.5
    assert "its account's own pace" in outdial("campaign", "pace", campaign).stdout
    assert "calls per second at most" in outdial("campaign", "pace", campaign, "9", code=1).stderr
    assert "above 0" in outdial("campaign", "pace", campaign, "0", code=1).stderr
    copy = as_json("campaign", "clone", campaign)
    assert (copy["status"], copy["name"]) == ("draft", "Water is off (copy)")
    redial = as_json("campaign", "redial", campaign, "--name", "Once more")
    assert (redial["status"], redial["name"]) == ("draft", "Once more")
    assert as_json("campaign", "status", redial["id"])["recipients"]["pending"] == 1
    refused = outdial("campaign", "redial", campaign, "--waiting", code=1)
    assert "Stop it first" in refused.stderr
