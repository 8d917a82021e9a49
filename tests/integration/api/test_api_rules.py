"""The calling rules over the API, as a page, and on the command line without a database."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.cli import rules as rules_cli

OUTDIAL = Path(sys.executable).with_name("outdial")
EVENING = "2026-12-01T20:30:00-05:00"


def cli(*words: str, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(rules_cli.app, list(words))
    assert result.exit_code == code, result.output
    return result.output


def test_the_same_answer_by_every_road(client, running):
    over_api = client.get("/api/v1/rules/check", params={"number": "+13055550123", "at": EVENING})
    assert over_api.status_code == 200, over_api.text
    asked = over_api.json()
    told = json.loads(cli("check", "+13055550123", "--at", EVENING, "--json"))
    assert asked.pop("version") == "law@1"
    assert told.pop("version") == "law@shipped"
    assert asked == told
    assert told["allowed"] is False
    assert told["next_allowed"] == "2026-12-02T13:00:00Z"
    assert told["zones"] == ["America/New_York"]
    assert "us.fl.ftsa" in told["rules"]
    assert told["reasons"][0].startswith("us.fl.ftsa: open mon-sun 08:00-20:00, and it is 20:30")
    assert {"consent:written", "identify", "opt_out"} <= set(told["needs"])


def test_a_number_that_may_be_anywhere_is_answered_with_no(client, running):
    told = json.loads(cli("check", "+18005550123", "--json", "--zone", "America/New_York"))
    assert told["allowed"] is False
    assert told["next_allowed"] is None
    assert "toll-free" in told["reasons"][0]


@pytest.mark.parametrize(
    "words",
    [
        ("hello",),
        ("911",),
        ("+12125550123", "--at", "2026-12-01T20:30:00"),
        ("+12125550123", "--at", "tomorrow"),
        ("+12125550123", "--at", "0001-01-01T00:00:00+14:00"),
        ("+12125550123", "--at", "9999-12-31T23:59:59-12:00"),
        ("+12125550123", "--zone", "Mars/Olympus"),
        ("+12125550123", "--purpose", "fun"),
        ("+12125550123", "--voice", "loud"),
        ("+12125550123", "--rule-set", "mine"),
    ],
)
def test_what_cannot_be_asked_is_an_error(words: tuple[str, ...]):
    cli("check", *words, code=1)


def test_the_command_needs_no_database(tmp_path):
    clean = {name: value for name, value in os.environ.items() if "OUTDIAL" not in name}
    env = {**clean, "OUTDIAL_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    done = subprocess.run(
        [OUTDIAL, "rules", "check", "+12125550123", "--at", "2026-12-01T12:00:00-05:00", "--json"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["allowed"] is True
    assert list(tmp_path.iterdir()) == []


def test_rules_are_listed_by_country(client, running):
    found = client.get("/api/v1/rules", params={"country": "de"}).json()
    codes = {one["code"] for one in found["items"]}
    assert {"de.uwg.7", "eu.eprivacy.13", "house.anywhere"} <= codes
    assert not any(code.startswith("us.") for code in codes)
    assert client.get("/api/v1/rules", params={"country": "1!"}).status_code == 422
    listed = json.loads(cli("list", "--country", "PR", "--json"))
    assert "us.tcpa.hours" in {one["code"] for one in listed}
    assert len(json.loads(cli("list", "--json"))) == len(
        client.get("/api/v1/rules").json()["items"]
    )


def test_a_bad_question_over_the_api_is_a_problem(client, running):
    answer = client.get("/api/v1/rules/check", params={"number": "x"})
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_a_campaign_says_why_it_calls(client, running):
    body = {
        "name": "Sale",
        "kind": "announcement",
        "account": "sim",
        "message": "Hello {name}.",
        "purpose": "marketing",
        "voice_type": "ai",
        "subject": "winter sale",
    }
    made = client.post("/api/v1/campaigns", json=body).json()
    assert (made["purpose"], made["voice_type"], made["subject"]) == (
        "marketing",
        "ai",
        "winter sale",
    )
    copy = client.post(f"/api/v1/campaigns/{made['id']}/clone", json={}).json()
    assert (copy["purpose"], copy["voice_type"], copy["subject"]) == (
        "marketing",
        "ai",
        "winter sale",
    )
    plain = {key: body[key] for key in ("name", "kind", "account", "message")}
    assert client.post("/api/v1/campaigns", json=plain).json()["purpose"] == "informational"
    assert client.post("/api/v1/campaigns", json=body | {"purpose": "fun"}).status_code == 422


def test_a_pushed_address_decides_the_place(client, running, engine):
    people = [
        {"numbers": ["+12125550171"], "postal_code": "79901"},
        {"numbers": ["+12125550172"], "state": "Florida"},
        {"numbers": ["+12125550173"], "country": "Canada"},
    ]
    answer = client.post(f"/api/v1/campaigns/{running}/recipients", json={"recipients": people})
    assert answer.status_code in (200, 201), answer.text
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("""
            SELECT r.numbers[1], r.status, k.subdivisions, k.zones FROM recipients r
            LEFT JOIN zone_keys k ON k.id = r.zone_key
            WHERE starts_with(r.numbers[1], '+1212555017') ORDER BY 1
        """).all()
    assert rows[0][2:] == (["NY", "TX"], ["America/Denver"])
    assert rows[1][2:] == (["FL", "NY"], ["America/Chicago", "America/New_York"])
    assert rows[2][1] == "review"
