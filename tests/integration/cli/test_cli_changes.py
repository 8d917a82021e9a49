"""Pace, copy and redial on the command line."""

from campaigns.db import transaction
from tests.integration.reporting.seed import (
    make_account,
    make_campaign,
    make_recipient,
    make_running_campaign,
)


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


def test_a_running_campaign_is_changed_and_archived(outdial, as_json, engine, recalled):
    campaign = make_running_campaign(engine)
    words = (
        "--windows",
        "mon-fri 09:00-17:30",
        "--cap",
        "3 in 24h to a number; 5 in 7d per person",
    )
    changed = as_json("campaign", "change", campaign, *words, "--retry-policy", "once")
    assert (changed["windows"], len(changed["caps"])) == ("mon-fri 09:00-17:30", 2)
    assert changed["retry_policy"]["max_attempts"] == 1
    assert as_json("campaign", "change", campaign, "--cap", "none")["caps"] == []
    told = outdial("campaign", "change", campaign, "--ends-at", "2099-01-01T00:00:00Z").stdout
    assert "It holds for all that is not dialled" in told
    assert as_json("campaign", "change", campaign, "--ends-at", "never")["ends_at"] is None
    refused: list[tuple[tuple[str, ...], str]] = [
        ((), "Say what is to be different"),
        (("--cap", "often"), "is no cap"),
        (("--household", "never"), "household"),
        (("--offsets", "24h"), "Only a reminder"),
        (("--ends-at", "2020-01-01T00:00:00Z"), "must lie ahead"),
    ]
    for wrong, why in refused:
        assert why in outdial("campaign", "change", campaign, *wrong, code=1).stderr
    assert "stop it first" in outdial("campaign", "archive", campaign, code=1).stderr
    outdial("campaign", "stop", campaign)
    assert "is in the archive" in outdial("campaign", "archive", campaign).stdout
    assert "is out of the archive" in outdial("campaign", "unarchive", campaign).stdout


def test_a_further_list_is_compared_before_it_is_imported(outdial, as_json, engine, tmp_path):
    with transaction(engine) as session:
        make_account(session)
        campaign = make_campaign(session, kind="reminder")
    head = "phone,appointment\n"
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(f"{head}+12125550143,2099-04-13 10:00\n+12125550144,2099-04-13 11:00\n")
    second.write_text(f"{head}+12125550143,2099-04-14 10:00\n")
    assert as_json("import", first, "--campaign", campaign, "--dry-run")["comparison"] is None
    outdial("import", first, "--campaign", campaign)
    words = ("import", second, "--campaign", campaign, "--missing", "cancel", "--dry-run")
    found = as_json(*words)["comparison"]
    assert (found["moved"], found["missing"], found["missing_cancelled"]) == (1, 1, True)
    assert "1 appointment would be moved." in outdial(*words).stdout
    assert "1 appointment was moved." in outdial(*words[:-1]).stdout
    (reminder,) = as_json("campaign", "reminders", campaign)
    assert (reminder["ahead"], reminder["due"], reminder["called"]) == ("1 day", 0, 0)
    assert "1 day before" in outdial("campaign", "reminders", campaign).stdout
