"""What a list would move and leave out is said before it is imported, and comes true."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns import importing
from campaigns.db import database_now, transaction
from campaigns.importing import Comparison, ImportOptions
from campaigns.models import Campaign
from tests.factories import fiction_number, make_account, make_campaign
from tests.integration.core.conftest import Bench
from tests.integration.importing.test_relisted import RULE, in_days, read

ANA, BOB, EVE = "+12025550143", "+12025550144", "+12025550145"


@pytest.fixture
def bench(engine: Any) -> Bench:
    return Bench(engine)


@pytest.fixture
def visits(bench: Bench, tmp_path: Path) -> Campaign:
    """A reminder campaign in which Ana, Bob and Eve have appointments in three days."""
    made = bench.run(lambda s: make_campaign(s, make_account(s), kind="reminder", reminder=RULE))
    three = in_days(bench, 3)
    read(bench, made, tmp_path / "first.csv", *((one, three, "Grey") for one in (ANA, BOB, EVE)))
    return made


def compared(bench: Bench, campaign: Campaign, path: Path, **options: Any) -> Comparison | None:
    asked = ImportOptions(**{"date_format": "YYYY-MM-DD HH:MM", **options})
    with transaction(bench.engine) as session:
        now = database_now(session)
        return importing.compare_list(session, campaign.id, path, asked, now)


def listed(path: Path, *rows: tuple[str, Any]) -> Path:
    lines = [f"{number},{at.isoformat()},House" for number, at in rows]
    path.write_text("\n".join(["phone,appointment,doctor", *lines, lines[-1]]) + "\n")
    return path


@pytest.mark.parametrize("missing", ["keep", "cancel"])
def test_what_is_said_before_is_what_happens(
    bench: Bench, visits: Campaign, tmp_path: Path, missing: str
) -> None:
    three, five = in_days(bench, 3), in_days(bench, 5)
    rows = ((ANA, five), (BOB, three), (fiction_number(), five))
    path = listed(tmp_path / "next.csv", *rows)
    people = bench.rows("SELECT * FROM recipients ORDER BY id")
    before = compared(bench, visits, path, missing=missing)
    assert before is not None
    assert (before.listed, before.moved, before.missing) == (3, 1, 1)
    assert before.missing_cancelled is (missing == "cancel")
    what = "would be cancelled" if missing == "cancel" else "stays"
    assert before.sentence == (
        f"1 appointment would be moved. 1 appointment ahead is not in this list and {what}."
    )
    assert bench.rows("SELECT * FROM recipients ORDER BY id") == people
    assert bench.value("SELECT count(*) FROM import_rejects") == 0
    done = read(bench, visits, path, *((*row, "House") for row in rows), missing=missing)
    assert (done.rows_moved, done.rows_missing) == (before.moved, before.missing)
    again = compared(bench, visits, path, missing=missing)
    assert again is not None
    assert (again.moved, again.missing) == (0, 0 if missing == "cancel" else 1)


def test_further_appointments_are_not_taken_for_moved_ones(
    bench: Bench, visits: Campaign, tmp_path: Path
) -> None:
    path = listed(tmp_path / "next.csv", (ANA, in_days(bench, 5)))
    found = compared(bench, visits, path, moved="add")
    assert found is not None
    assert (found.moved, found.missing) == (0, 3)


def test_there_must_be_something_to_compare_with(bench: Bench, tmp_path: Path) -> None:
    soon = bench.now() + timedelta(days=2)
    path = listed(tmp_path / "next.csv", (ANA, soon))
    for kind in ({"kind": "reminder", "reminder": RULE}, {}):
        empty = bench.run(lambda s, kind=kind: make_campaign(s, make_account(s), **kind))
        assert compared(bench, empty, path) is None
