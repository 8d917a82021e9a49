"""A list that is read once more: appointments at other times move, those that are gone are told."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns import importing
from campaigns.importing import ImportOptions, Summary
from campaigns.models import Campaign, Recipient
from tests.factories import make_account, make_attempt, make_campaign
from tests.integration.core.conftest import Bench

RULE = {"offset": 86400, "deadline": 0}
ANA, BOB, EVE = "+12025550143", "+12025550144", "+12025550145"


@pytest.fixture
def bench(engine: Any) -> Bench:
    return Bench(engine)


@pytest.fixture
def visits(bench: Bench) -> Campaign:
    """A running reminder campaign, a day before each appointment."""
    return bench.run(lambda s: make_campaign(s, make_account(s), kind="reminder", reminder=RULE))


def in_days(bench: Bench, days: int) -> datetime:
    return (bench.now() + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)


def read(
    bench: Bench, visits: Campaign, path: Path, *rows: tuple[Any, ...], **options: Any
) -> Summary:
    """A list of number, time, perhaps the appointment's id, and the doctor."""
    head = "phone,appointment" + (",appointment id" if len(rows[0]) == 4 else "") + ",doctor"
    lines = [",".join([r[0], r[1].isoformat(), *r[2:]]) for r in rows]
    path.write_text("\n".join([head, *lines]) + "\n")
    file = importing.fingerprint(path)
    asked = ImportOptions(**{"date_format": "YYYY-MM-DD HH:MM", **options})
    row = bench.run(
        lambda s: (
            importing.register(s, visits.id, file_name=path.name, file=file, options=asked).row.id
        )
    )
    summary = importing.run(bench.engine, row, path)
    assert summary.status == "done", summary.sentence
    return summary


def times(bench: Bench) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for row in bench.rows(
        "SELECT numbers[1] AS number, appointment_at FROM recipients"
        " WHERE status = 'pending' ORDER BY appointment_at"
    ):
        found.setdefault(row.number, []).append(row.appointment_at)
    return found


def test_the_one_appointment_of_a_person_moves_with_the_list(bench, visits, tmp_path):
    three, five = in_days(bench, 3), in_days(bench, 5)
    read(bench, visits, tmp_path / "a.csv", (ANA, three, "Grey"), (BOB, three, "Grey"))
    done = read(bench, visits, tmp_path / "b.csv", (ANA, five, "House"), (BOB, three, "Grey"))
    assert (done.rows_imported, done.rows_moved, done.rows_missing) == (0, 1, 0)
    assert "1 appointment was moved." in done.sentence
    assert times(bench) == {ANA: [five], BOB: [three]}
    log = [row.sentence for row in bench.rows("SELECT sentence FROM campaign_log ORDER BY id")]
    assert log[0] == "“a.csv”: 2 of 2 rows were imported."
    assert log[-1].endswith("1 appointment was moved.")
    row = bench.rows("SELECT * FROM recipients WHERE numbers[1] = :n", n=ANA)[0]
    assert row.next_attempt_at == five - timedelta(days=1)
    assert row.fields["doctor"] == "House"
    assert bench.value(
        "SELECT count(*) FROM campaign_log WHERE sentence LIKE '1 appointment was moved%'"
    )


def test_several_appointments_of_a_person_are_never_guessed(bench, visits, tmp_path):
    three, four, five = (in_days(bench, days) for days in (3, 4, 5))
    read(bench, visits, tmp_path / "a.csv", (ANA, three, "A"), (ANA, four, "B"))
    done = read(bench, visits, tmp_path / "b.csv", (ANA, five, "A"))
    assert (done.rows_imported, done.rows_moved, done.rows_missing) == (1, 0, 2)
    assert times(bench) == {ANA: [three, four, five]}


def test_a_further_appointment_is_added_where_that_is_said(bench, visits, tmp_path):
    three, five = in_days(bench, 3), in_days(bench, 5)
    read(bench, visits, tmp_path / "a.csv", (ANA, three, "A"))
    done = read(bench, visits, tmp_path / "b.csv", (ANA, five, "A"), moved="add")
    assert (done.rows_imported, done.rows_moved) == (1, 0)
    assert times(bench) == {ANA: [three, five]}


def test_an_appointment_is_known_by_its_id(bench, visits, tmp_path):
    """Several of one person, and one that has gone to another person's telephone."""
    three, four, five = (in_days(bench, days) for days in (3, 4, 5))
    read(bench, visits, tmp_path / "a.csv", (ANA, three, "v1", "A"), (ANA, four, "v2", "B"))
    done = read(
        bench,
        visits,
        tmp_path / "b.csv",
        *((ANA, five, "v1", "A"), (ANA, four, "v2", "B"), (ANA, three, "v3", "C")),
    )
    # v1 has moved out of the way; its old time is a new appointment's now.
    assert (done.rows_moved, done.rows_missing) == (1, 0)
    keys = dict(
        bench.rows(
            "SELECT appointment_key, appointment_at FROM recipients WHERE status = 'pending'"
        )
    )
    assert keys["v1"] == five
    assert keys["v2"] == four


def test_who_is_missing_is_kept_unless_asked_otherwise(bench, visits, tmp_path):
    three = in_days(bench, 3)
    people = [(ANA, three, "A"), (BOB, three, "B"), (EVE, three, "C")]
    read(bench, visits, tmp_path / "a.csv", *people)
    kept = read(bench, visits, tmp_path / "b.csv", people[0], people[1])
    assert "1 appointment is no longer in the list." in kept.sentence
    assert set(times(bench)) == {ANA, BOB, EVE}
    recipient = bench.value("SELECT id FROM recipients WHERE numbers[1] = :n", n=EVE)
    call = bench.run(lambda s: make_attempt(s, s.get_one(Recipient, recipient), "queued"))
    gone = read(bench, visits, tmp_path / "c.csv", people[0], missing="cancel")
    assert gone.rows_missing == 2
    assert set(times(bench)) == {ANA}
    assert bench.attempt(call.id).cancel_reason == "appointment_cancelled"
    assert bench.recipient(recipient).status == "removed"


def test_whoever_opted_out_or_was_taken_out_is_not_moved_back_in(bench, visits, tmp_path):
    three, five = in_days(bench, 3), in_days(bench, 5)
    read(bench, visits, tmp_path / "a.csv", (ANA, three, "A"), (BOB, three, "A"))
    bench.rows("UPDATE recipients SET status = 'removed', next_attempt_at = NULL WHERE id = 1")
    bench.rows("UPDATE recipients SET status = 'blocked', next_attempt_at = NULL WHERE id = 2")
    bench.rows("INSERT INTO opt_outs (number, source) VALUES (:n, 'api')", n=BOB)
    done = read(bench, visits, tmp_path / "b.csv", (BOB, five, "A"))
    assert (done.rows_moved, done.rows_opted_out) == (0, 1)
    assert bench.recipient(1).status == "removed"
    assert times(bench) == {}
