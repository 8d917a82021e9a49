"""`outdial why`, `evidence` and `consent` as somebody with a complaint in hand uses them."""

import json

import pytest
from sqlalchemy import text

from campaigns.access import CLI
from campaigns.db import database_now, transaction
from campaigns.opting_out import NewOptOut, lift, opt_out
from campaigns.store.events import store_event
from tests.integration.core.conftest import said
from tests.integration.reporting.seed import (
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_response,
)

NUMBER = "+12125550143"


@pytest.fixture
def complained(engine):
    """Somebody who was called, pressed 9, was put back by an administrator, and complains."""
    with transaction(engine) as session:
        now = database_now(session)
        make_account(session)
        campaign = make_campaign(session)
        person = make_recipient(session, campaign, 43, status="completed")
        attempt = make_attempt(session, person, gate_inputs={"zones": ["America/Chicago"]})
        store_event(
            session, attempt, said("ringing"), '{"verbatim": "from the carrier"}', "webhook"
        )
        make_response(session, attempt, "9", "opt_out")
        new = [NewOptOut(NUMBER, evidence="key 9 during the call")]
        opt_out(session, new, "verbal", CLI, now)
        stopped = session.execute(text("SELECT id FROM opt_outs")).scalar_one()
        lift(session, stopped, CLI, "asked in writing", now, put_back=False)
    return campaign, person, attempt


def test_evidence_has_everything_about_a_number_and_nothing_about_others(
    engine, outdial, complained
):
    campaign, person, attempt = complained
    with transaction(engine) as session:
        other = make_recipient(session, campaign, 77, status="completed")
        make_attempt(session, other)
    found = json.loads(outdial("evidence", "212 555 0143", "--json").stdout)
    assert found["number"] == NUMBER
    assert found["opted_out_everywhere"] is False
    (listed,) = found["recipients"]
    assert (listed["recipient_id"], listed["came_from"]) == (person, None)
    (stopped,) = found["opt_outs"]
    assert (stopped["state"], stopped["lifted_why"]) == ("lifted", "asked in writing")
    (tried,) = found["attempts"]
    assert tried["id"] == attempt
    assert tried["rule_version"] == "practice@1"
    assert tried["local_times"] == {"America/Chicago": "2026-11-23T08:20:00-06:00"}
    assert [event["raw"] for event in tried["events"]] == ['{"verbatim": "from the carrier"}']
    assert [key["digit"] for key in tried["keypresses"]] == ["9"]
    assert [entry["action"] for entry in found["audit_log"]] == ["opt_out.add", "opt_out.lift"]
    told = outdial("evidence", NUMBER).stdout
    assert "has not opted out" in told
    assert "asked in writing" in told
    with transaction(engine) as session:
        taken = session.execute(
            text("SELECT count(*) FROM audit_log WHERE action = 'evidence.export'")
        ).scalar_one()
    assert taken == 2


def test_evidence_of_a_number_nobody_knows_is_empty_and_whole(outdial, engine):
    found = json.loads(outdial("evidence", "+12125550199", "--json").stdout)
    assert all(
        found[name] == []
        for name in ("opt_outs", "consents", "recipients", "attempts", "audit_log")
    )


def test_many_attempts_are_streamed_in_pieces_without_one_twice(
    engine, outdial, complained, monkeypatch
):
    monkeypatch.setattr("campaigns.reporting.evidence.PIECE", 3)
    with transaction(engine) as session:
        for _ in range(7):
            make_attempt(session, complained[1])
    found = json.loads(outdial("evidence", NUMBER, "--json").stdout)
    ids = [one["id"] for one in found["attempts"]]
    assert len(ids) == len(set(ids)) == 8
    assert ids == sorted(ids, reverse=True)


def test_where_somebody_came_from_is_a_file_and_its_line(engine, outdial, tmp_path):
    file = tmp_path / "patients.csv"
    file.write_text("name,phone\nAda,+12125550150\nGrace,+12125550151\n")
    with transaction(engine) as session:
        make_account(session)
        campaign = make_campaign(session)
    outdial("import", file, "--campaign", campaign)
    found = json.loads(outdial("evidence", "+12125550151", "--json").stdout)
    (listed,) = found["recipients"]
    assert listed["came_from"]["file"] == "patients.csv"
    assert listed["came_from"]["line"] == 3
    assert listed["fields"]["name"] == "Grace"


def test_why_tells_each_gate_and_takes_an_instant(outdial, as_json, engine, complained):
    campaign, person, _ = complained
    told = outdial("why", NUMBER).stdout
    assert "Is not called: no web process" in told
    assert "opt_out" in told
    found = as_json("why", NUMBER, "--campaign", campaign)
    assert found["campaigns"][0]["recipient_id"] == person
    past = as_json("why", NUMBER, "--at", "2026-11-23T09:20:10-05:00")
    assert past["past"] is True
    assert "no instant" in outdial("why", NUMBER, "--at", "yesterday", code=1).stderr
    assert "nobody with the number" in outdial("why", NUMBER, "--campaign", 99, code=1).stderr
    assert "No campaign has anybody" in outdial("why", "+12125550188").stdout


def test_consents_are_added_listed_and_revoked(outdial, as_json, recalled):
    added = as_json(
        *("consent", "add", NUMBER, "--evidence", "form 12", "--basis", "written"),
        *("--given", "2026-01-05", "--purpose", "marketing"),
    )
    assert added == {"numbers": [NUMBER], "recorded": 1, "revoked_since": [], "put_back": 0}
    (row,) = as_json("consent", "list", "0143")
    assert (row["state"], row["basis"], row["purpose"]) == ("live", "written", "marketing")
    outdial("consent", "revoke", row["id"], "--why", "letter of 9 March")
    assert as_json("consent", "list")[0]["revoked_why"] == "letter of 9 March"
    again = outdial(
        *("consent", "add", NUMBER, "--evidence", "form 12", "--given", "2026-01-05"), code=1
    )
    assert "has taken it back since" in again.stderr
    assert recalled


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--basis", "spoken"), "no basis of a consent"),
        (("--purpose", "fun"), "no purpose of calls"),
        (("--given", "2999-01-01"), "in the future"),
        (("--given", "soon"), "is no day"),
        (("--given", "2026-01-05", "--until", "2020-01-01"), "ended already"),
    ],
)
def test_a_consent_that_cannot_be_kept_is_refused(outdial, words, problem):
    told = outdial("consent", "add", NUMBER, "--evidence", "form", *words, code=1).stderr
    assert problem in told


def test_a_file_of_consents_keeps_the_good_lines(outdial, as_json, tmp_path):
    file = tmp_path / "agreed.csv"
    file.write_text(
        "phone,basis,evidence,given_at\n"
        "+12125550150,written,form 1,2026-02-01\n"
        "+12125550151,shouted,form 2,2026-02-01\n"
        "+12125550152,,,\n"
        "+12125550150,written,form 1,2026-02-01\n"
    )
    report = json.loads(outdial("consent", "import", file, "--json", code=1).stdout)
    assert (report["read"], report["recorded"]) == (3, 2)
    assert [one["line"] for one in report["unreadable"]] == [3]
    rows = as_json("consent", "list")
    assert {(row["number"], row["basis"], row["evidence"]) for row in rows} == {
        ("+12125550150", "written", "form 1"),
        ("+12125550152", "express", "agreed.csv"),
    }
