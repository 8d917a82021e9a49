"""Commands that keep data: what they print, as text and as JSON, and how they refuse."""

import csv
import io

import pytest
from sqlalchemy import text

from campaigns import importing
from campaigns.db import transaction
from tests.integration.reporting.seed import (
    make_attempt,
    make_recipient,
    make_response,
    make_running_campaign,
)

ADD = (
    *("account", "add", "sim", "--simulator", "--base-url", "http://127.0.0.1:1"),
    *("--project-id", "p", "--api-token", "very-secret", "--caller-id", "+12125550100"),
)
CREATE = ("campaign", "create", "--name", "News", "--kind", "announcement", "--account", "sim")


@pytest.fixture
def people(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("name,phone\nAda,+12125550110\nBob,+12125550111\nNobody,12\n")
    return file


def test_from_nothing_to_a_running_campaign(outdial, as_json, people, tmp_path):
    outdial(*ADD)
    made = as_json(*CREATE, "--message", "Hello {name}.", "--windows", "daily 09:00-17:00")
    assert (made["status"], made["windows"]) == ("draft", "mon-sun 09:00-17:00")
    rejects = tmp_path / "rejects.csv"
    imported = as_json("import", people, "--campaign", made["id"], "--rejects", rejects)
    assert (imported["rows_imported"], imported["rows_rejected"]) == (2, 1)
    assert imported["already"] is False
    assert "short_number" in rejects.read_text()
    again = outdial("import", people, "--campaign", made["id"])
    assert "imported before" in again.stdout
    assert "is running" in outdial("campaign", "start", made["id"]).stdout
    status = as_json("campaign", "status", made["id"])
    assert status["recipients"]["pending"] == 2
    listed = as_json("campaign", "list")
    assert [one["name"] for one in listed] == ["News"]
    assert as_json("campaign", "list", "--status", "draft") == []


def test_tables_and_sentences_are_readable(outdial, engine):
    campaign = make_running_campaign(engine)
    with transaction(engine) as session:
        recipient = make_recipient(session, campaign, 30, status="completed")
        attempt = make_attempt(session, recipient, disposition="answered_human")
        make_response(session, attempt, "9", "opt_out")
    assert "Water is off" in outdial("campaign", "list").stdout
    assert "1 of 4 done" in outdial("campaign", "status", campaign).stdout
    report = outdial("campaign", "report", campaign).stdout
    assert "answered human" in report
    assert "opt_out" in report
    assert "active" in outdial("account", "list").stdout


def test_the_report_is_the_same_as_the_api_gives(as_json, engine):
    campaign = make_running_campaign(engine)
    report = as_json("campaign", "report", campaign)
    assert report["recipients"]["total"] == 3
    assert report["waiting"]["due"] + report["waiting"]["later"] == 3


def test_pause_resume_stop_and_what_is_taken_back(outdial, as_json, engine, recalled):
    campaign = make_running_campaign(engine)
    with transaction(engine) as session:
        recipient = make_recipient(session, campaign, 30, status="in_flight")
        ringing = make_attempt(session, recipient, "ringing")
    assert as_json("campaign", "pause", campaign, "--why", "lunch")["status_reason"] == (
        "paused by the command line: lunch"
    )
    assert recalled == [[]]
    outdial("campaign", "resume", campaign)
    outdial("campaign", "stop", campaign)
    assert recalled == [[], [ringing]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("campaign", "start", "99"), 1, "no campaign 99"),
        (("campaign", "status", "99"), 1, "no campaign 99"),
        (("campaign", "start", "0"), 2, "greater than or equal"),
        (("campaign", "start"), 2, "Missing argument"),
        ((*CREATE, "--message", "Hi.", "--windows", "[red]"), 1, "[red]"),
        ((*CREATE, "--message", "Hi.", "--starts-at", "2030-01-01"), 1, "starts_at"),
        ((*CREATE, "--message", "Hi.", "--retry-policy", "{"), 1, "not JSON"),
        ((*CREATE, "--flow", "@/nonexistent/file"), 1, "cannot be read"),
        (CREATE, 1, "needs a message"),
        (ADD, 1, "already"),
        (("account", "pause", "nobody"), 1, "no account"),
        (("optout", "add", "hello"), 1, "not a telephone number"),
        (("key", "revoke", "7"), 1, "no API key 7"),
        (("key", "create", "  "), 1, "name"),
        (("import", "/nonexistent.csv", "--campaign", "1"), 2, "does not exist"),
        (("test-call", "+12125550190", "--account", "sim"), 1, "--text or --flow"),
        (("test-call", "x", "--account", "sim", "--text", "Hi."), 1, "telephone number"),
    ],
)
def test_a_refusal_is_one_sentence_on_stderr(outdial, engine, words, code, said):
    make_running_campaign(engine)
    result = outdial(*words, code=code)
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_campaign_that_is_over_takes_no_file(outdial, engine, people):
    campaign = make_running_campaign(engine, status="stopped")
    assert "stopped" in outdial("import", people, "--campaign", campaign, code=1).stderr


def test_a_file_that_is_no_list_fails_with_exit_code_1(outdial, as_json, engine, tmp_path):
    campaign = make_running_campaign(engine)
    file = tmp_path / "poem.csv"
    file.write_text("roses,red\nviolets,blue\n")
    result = as_json("import", file, "--campaign", campaign, code=1)
    assert result["status"] == "failed"
    assert "telephone" in result["sentence"]


def test_a_preview_stores_nothing(outdial, as_json, engine, people):
    campaign = make_running_campaign(engine)
    found = as_json("import", people, "--campaign", campaign, "--dry-run")
    assert {column["header"]: column["meaning"] for column in found["columns"]} == {
        "name": "name",
        "phone": "phone",
    }
    shown = outdial("import", people, "--campaign", campaign, "--preview").stdout
    assert "{name}" in shown
    assert "2 of the first 3 rows are good" in shown
    with transaction(engine) as session:
        assert session.execute(text("SELECT count(*) FROM imports")).scalar_one() == 0


def test_columns_can_be_said(as_json, engine, tmp_path):
    campaign = make_running_campaign(engine)
    file = tmp_path / "odd.csv"
    file.write_text("a;b;c\nAda;+12125550110;+12125550112\n")
    words = ("--phone-column", "c", "--phone-column", "b", "--name-column", "a")
    assert as_json("import", file, "--campaign", campaign, *words)["rows_imported"] == 1
    with transaction(engine) as session:
        numbers = session.execute(text("SELECT numbers FROM recipients ORDER BY id DESC LIMIT 1"))
        assert numbers.scalar_one() == ["+12125550112", "+12125550110"]


def test_accounts_show_no_secret(outdial, as_json):
    added = outdial(*ADD, "--json")
    listed = outdial("account", "list", "--json")
    assert "very-secret" not in added.output + listed.output
    assert as_json("account", "pause", "sim")["status"] == "paused"
    assert as_json("account", "list")[0]["status"] == "paused"
    outdial("account", "resume", "sim")
    assert as_json("account", "list")[0]["status"] == "active"


def test_opt_outs_are_added_imported_listed_and_exported(outdial, as_json, tmp_path):
    assert as_json("optout", "add", "(212) 555-0101")["numbers"] == ["+12125550101"]
    plain = tmp_path / "numbers.txt"
    plain.write_text("+12125550102\n\n2125550103\nnot a number\n")
    found = as_json("optout", "import", plain, code=1)
    assert found["recorded"] == 2
    assert [one["line"] for one in found["unreadable"]] == [4]
    table = tmp_path / "list.csv"
    table.write_text("who,phone,note\nAda,+12125550104,=1+1\n")
    outdial("optout", "import", table, "--evidence", "=list()")
    listed = as_json("optout", "list", "--limit", "2")
    assert [one["number"] for one in listed] == ["+12125550101", "+12125550102"]
    exported = list(csv.DictReader(io.StringIO(outdial("optout", "export").stdout)))
    assert [row["number"] for row in exported] == [f"'+1212555010{n}" for n in (1, 2, 3, 4)]
    assert exported[3]["evidence"] == "'=list()"
    out = tmp_path / "export.csv"
    outdial("optout", "export", "--out", out)
    assert as_json("optout", "import", out)["unreadable"] == []
    assert len(as_json("optout", "export")) == 4


def test_one_bad_number_and_none_is_recorded(outdial, as_json):
    outdial("optout", "add", "+12125550101", "nonsense", code=1)
    assert as_json("optout", "list") == []


def test_a_key_is_shown_once_and_revoked(outdial, as_json):
    made = as_json("key", "create", "tests")
    assert made["key"].startswith("odk_")
    assert made["key"] not in outdial("key", "list").output
    assert as_json("key", "list")[0]["revoked_at"] is None
    assert as_json("key", "revoke", made["id"])["revoked_at"] is not None
    assert outdial("key", "create", "other").stdout.strip().startswith("odk_")


def test_a_test_call_waits_for_the_next_tick(as_json, engine):
    make_running_campaign(engine)
    made = as_json("test-call", "+12125550190", "--account", "sim", "--text", "Hi.")
    assert made["campaign"]["kind"] == "test"
    assert made["campaign"]["status"] == "running"


def test_imports_are_listed_shown_and_undone(outdial, as_json, engine, tmp_path):
    campaign = make_running_campaign(engine)
    file = tmp_path / "people.csv"
    file.write_text("name,phone\nAda,1.2125550110E+10\nNobody,12\n")
    told = outdial("import", file, "--campaign", campaign).stdout
    assert "Repaired: 1 numbers in scientific notation" in told
    (listed,) = as_json("imports", "list", "--campaign", campaign)
    assert (listed["status"], listed["rows_imported"]) == ("done", 1)
    shown = outdial("imports", "show", listed["import_id"]).stdout
    assert "+12125550110" in shown
    assert as_json("imports", "show", listed["import_id"])["repairs"][0]["line"] == 2
    out = tmp_path / "rejects.csv"
    outdial("imports", "rejects", listed["import_id"], out)
    assert "short_number" in out.read_text()
    assert "removed" in outdial("imports", "undo", listed["import_id"]).stdout
    again = outdial("imports", "undo", listed["import_id"], code=1)
    assert "Only a finished one" in again.stderr
    assert as_json("import", file, "--campaign", campaign)["already"] is False


def test_a_file_that_waits_is_discarded(outdial, as_json, engine, tmp_path):
    campaign = make_running_campaign(engine)
    with transaction(engine) as session:
        waiting = importing.hand_in(
            session,
            campaign,
            file_name="people.csv",
            file=importing.Fingerprint("0" * 64, 1),
            stored_at="uploads/nothing",
        ).row.id
    assert "discarded" in outdial("imports", "discard", waiting).stdout
    assert as_json("imports", "list") == []


def test_how_a_file_is_written_can_be_said(as_json, engine, tmp_path):
    campaign = make_running_campaign(engine)
    file = tmp_path / "bare.csv"
    file.write_bytes("Zoé|12125550110\n".encode("utf-16"))
    words = ("--no-header", "--encoding", "utf-16", "--delimiter", "pipe")
    found = as_json("import", file, "--campaign", campaign, *words, "--dry-run")
    assert (found["headers"], found["header"]) == (["column 1", "column 2"], False)
    assert as_json("import", file, "--campaign", campaign, *words)["rows_imported"] == 1
