"""Commands about people: lists, the export, one person's history, how a test call ended."""

import csv

import pytest
from sqlalchemy import text

from campaigns.db import transaction
from tests.integration.reporting.seed import (
    make_attempt,
    make_campaign,
    make_recipient,
    make_response,
    make_running_campaign,
)


@pytest.fixture
def called(engine):
    """A campaign with three people, of whom the last was called and pressed 9."""
    campaign = make_running_campaign(engine, people=2)
    with transaction(engine) as session:
        person = make_recipient(
            session, campaign, 30, status="completed", fields={"name": "=cmd|' /C calc'!A0"}
        )
        attempt = make_attempt(session, person, disposition="answered_human")
        make_response(session, attempt, "9", "opt_out")
    return campaign, person


def test_recipients_come_in_pages_and_by_status(outdial, as_json, called):
    campaign, person = called
    first = as_json("campaign", "recipients", campaign, "--limit", 2)
    rest = as_json("campaign", "recipients", campaign, "--after", first[-1]["id"])
    assert [one["id"] for one in rest] == [person]
    done = as_json("campaign", "recipients", campaign, "--status", "completed")
    assert [one["id"] for one in done] == [person]
    shown = outdial("campaign", "recipients", campaign, "--limit", 1).stdout
    assert f"--after {first[0]['id']}" in shown
    outdial("campaign", "recipients", campaign, "--status", "asleep", code=2)
    assert "no campaign 99" in outdial("campaign", "recipients", 99, code=1).stderr


def test_an_export_has_everybody_and_no_cell_that_runs(outdial, called, tmp_path):
    campaign, _ = called
    file = tmp_path / "out.csv"
    outdial("campaign", "export", campaign, "--out", file)
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 3
    assert rows[2]["disposition"] == "answered_human"
    assert not any(cell.startswith(("=", "+")) for row in rows for cell in row.values())


def test_an_export_that_cannot_be_written_says_so(outdial, called, tmp_path):
    nowhere = tmp_path / "missing" / "out.csv"
    assert (
        "cannot be written"
        in outdial("campaign", "export", called[0], "--out", nowhere, code=1).stderr
    )
    there = tmp_path / "out.csv"
    outdial("campaign", "export", 99, "--out", there, code=1)
    assert not there.exists()


def test_a_history_shows_local_times_and_keys(outdial, as_json, called):
    shown = outdial("recipient", "history", called[1]).stdout
    assert "in New York: ended (answered human)" in shown
    assert "pressed 9" in shown
    assert as_json("recipient", "history", called[1])["campaign_name"] == "Water is off"
    assert "no recipient 999" in outdial("recipient", "history", 999, code=1).stderr


def test_a_number_is_found_in_every_campaign_however_it_is_written(
    outdial, as_json, engine, called
):
    with transaction(engine) as session:
        other = make_campaign(session, name="another", status="draft")
        numbers = ["+12125550199", "+12125550130"]
        newer = make_recipient(session, other, 1, numbers=numbers)
    found = as_json("recipient", "find", "(212) 555-0130")
    assert [one["id"] for one in found] == [newer, called[1]]
    shown = outdial("recipient", "find", "+12125550130").stdout
    assert shown.index("another") < shown.index("Water is off")
    assert as_json("recipient", "find", "+12125550177") == []
    assert "not a telephone number" in outdial("recipient", "find", "%", code=1).stderr


def test_a_status_says_nothing_twice(outdial, engine):
    campaign = make_running_campaign(engine)
    shown = outdial("campaign", "status", campaign).stdout
    assert shown.count("no web process") == 1
    assert "can be called now" not in shown


def test_one_number_is_not_numbers(outdial, tmp_path):
    file = tmp_path / "numbers.txt"
    file.write_text("+12125550130\n")
    assert "1 opt-out was recorded" in outdial("optout", "import", file).stdout


TEST_CALL = ("test-call", "+12125550190", "--account", "sim", "--text", "Hi.", "--wait")


def test_a_test_call_that_does_not_end_in_time_says_where_it_stands(outdial, as_json, engine):
    make_running_campaign(engine)
    assert "did not end within 0.01 seconds" in outdial(*TEST_CALL, 0.01).stdout
    assert as_json(*TEST_CALL, 0.01)["history"]["status"] == "pending"


def test_a_test_call_is_waited_for_and_what_was_pressed_is_said(outdial, engine, monkeypatch):
    make_running_campaign(engine)

    def answered(_seconds: float) -> None:
        with transaction(engine) as session:
            person = session.execute(text("SELECT max(id) FROM recipients")).scalar_one()
            attempt = make_attempt(session, person, disposition="answered_human")
            make_response(session, attempt, "9", "opt_out")

    monkeypatch.setattr("campaigns.cli.test_call.time.sleep", answered)
    told = outdial(*TEST_CALL, 60).stdout
    assert "The call ended: answered human. Pressed: 9 (opt out)." in told
