"""Opt-outs found, taken out, and taken in from files; no page reads more than it shows."""

import csv
import io
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns import opting_out
from campaigns.access import CLI
from campaigns.db import database_now, transaction
from campaigns.errors import NotFound, Unavailable
from campaigns.models import Account, Campaign
from campaigns.opting_out import NewOptOut, Search, recording
from campaigns.store import gate
from tests.factories import make_attempt, make_recipient
from tests.integration.core.conftest import Bench
from tests.integration.core.test_claim import claim

MANY = 20_000


def add(bench: Bench, *numbers: str, source: str = "api", **columns: Any) -> None:
    for number in numbers:
        one = opting_out.read_number(number, "US")
        new = NewOptOut(one.number, one.is_prefix, **columns)
        bench.run(lambda s, new=new: opting_out.opt_out(s, [new], source, CLI, database_now(s)))


def found(bench: Bench, typed: str = "", **filters: Any) -> list[str]:
    search = opting_out.read_search(typed, "US")
    wanted = Search(
        **{"found": search.found, "number": search.number, "order": search.order} | filters
    )
    page = bench.run(lambda s: opting_out.search(s, wanted, database_now(s), 50))
    return [row.shown for row in page.rows]


def test_by_number_by_its_beginning_and_by_its_end(bench: Bench) -> None:
    add(bench, "+12025550143", "+12025550199", "+12035550143", "+1202*", "+1203556*")
    assert found(bench, "202 555 0143") == ["+1202*", "+12025550143"]
    assert found(bench, "+1203") == ["+12035550143", "+1203556*"]
    assert found(bench, "0143") == ["+12025550143", "+12035550143"]
    assert found(bench, "(203) 555-0199") == []


def test_by_state_and_source(bench: Bench) -> None:
    now = bench.now()
    add(bench, "+12025550101")
    add(bench, "+12025550102", source="verbal", expires_at=now + timedelta(days=1))
    add(bench, "+12025550103", "+12025550104")
    bench.run(lambda s: opting_out.lift(s, 3, CLI, "asked", database_now(s), put_back=False))
    bench.rows("UPDATE opt_outs SET expires_at = :at WHERE id = 4", at=now)
    assert found(bench) == ["+12025550101", "+12025550102"]
    assert found(bench, source="verbal") == ["+12025550102"]
    assert found(bench, state="lifted") == ["+12025550103"]
    assert found(bench, state="expired") == ["+12025550104"]
    assert found(bench, state="any", order="newest") == [f"+1202555010{n}" for n in (4, 3, 2, 1)]


@pytest.mark.parametrize(("typed", "order"), [("", "number"), ("", "newest"), ("555", "ending")])
def test_pages_follow_each_other_without_gap_or_repeat(
    bench: Bench, typed: str, order: str
) -> None:
    add(bench, *(f"+1202556{n}555" for n in range(7)), "+12025560*")
    kind = "ends" if typed else "everything"
    wanted = Search(kind, typed, order=order)
    seen: list[str] = []
    after: int | None = None
    while True:
        page = bench.run(
            lambda s, after=after: opting_out.search(s, wanted, database_now(s), 3, after)
        )
        seen += [row.shown for row in page.rows]
        after = page.next
        if after is None:
            break
    assert len(seen) == len(set(seen)) == (7 if typed else 8)


@pytest.fixture
def many(bench: Bench) -> Bench:
    # What an earlier test deleted is in the index still, until a vacuum that nothing disturbs.
    bench.rows("TRUNCATE opt_outs CASCADE")
    bench.rows(
        """
        INSERT INTO opt_outs (number, source, is_prefix, lifted_at, lifted_by, lifted_why,
                              expires_at)
        SELECT '+1' || (2000000000 + n * 7919 % 7999999999), 'import', false,
               CASE WHEN n % 10 = 0 THEN now() END, CASE WHEN n % 10 = 0 THEN 'x' END,
               CASE WHEN n % 10 = 0 THEN 'x' END,
               CASE WHEN n % 10 = 5 THEN now() - interval '1 day' END
        FROM generate_series(1, :many) AS n
        """,
        many=MANY,
    )
    seen = "SELECT relallvisible = relpages FROM pg_class WHERE oid = 'opt_outs'::regclass"
    with bench.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(20):
            connection.execute(text("VACUUM ANALYZE opt_outs"))
            if connection.execute(text(seen)).scalar_one():
                break
            time.sleep(0.5)  # the server's own vacuum looks at the table meanwhile
    return bench


READS = """
    SELECT seq_scan, seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables
    WHERE relname = 'opt_outs'
"""


@pytest.mark.parametrize(
    "wanted",
    [
        Search("exact", "+12000007919"),
        Search("begins", "+1200"),
        Search("ends", "7919", order="ending"),
        Search(),
        Search(order="newest"),
        Search(state="any", order="newest"),
        Search(state="lifted", order="newest"),
        Search(state="expired", order="newest"),
        Search(source="import", order="newest"),
        Search(source="keypress", order="newest"),
        Search("begins", "+1200", state="lifted", source="import"),
    ],
    ids=lambda search: f"{search.found} {search.state} {search.source} {search.order}",
)
def test_a_page_reads_no_more_of_a_long_list_than_of_a_short_one(
    many: Bench, wanted: Search
) -> None:
    with transaction(many.engine) as session:
        before = session.execute(text(READS)).one()
        rows = opting_out.search(session, wanted, database_now(session), 20).rows
        after = session.execute(text(READS)).one()
        assert after.seq_scan == before.seq_scan
        assert after.rows - before.rows <= 12 * max(len(rows), 2)


def test_whom_a_number_has_blocked_is_found_by_index(bench: Bench, campaign: Campaign) -> None:
    blocked = bench.run(
        lambda s: make_recipient(
            s, campaign, status="blocked", reason="opted out", numbers=["+12025550143"]
        )
    )
    bench.rows(
        """
        INSERT INTO recipients (campaign_id, dedupe_key, numbers, status, reason, zone_key)
        SELECT :campaign, 'b' || n, ARRAY['+1' || (2100000000 + n)], 'blocked', 'opted out', :zone
        FROM generate_series(1, 10000) AS n
        """,
        campaign=campaign.id,
        zone=blocked.zone_key,
    )
    with bench.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE recipients"))
    add(bench, "+12025550143")
    reads = READS.replace("opt_outs", "recipients")
    with transaction(bench.engine) as session:
        before = session.execute(text(reads)).one()
        assert opting_out.count_blocked(session, opting_out.find(session, 1)) == 1
        after = session.execute(text(reads)).one()
    assert (after.seq_scan - before.seq_scan, after.rows - before.rows) == (0, 1)


# One number's history


def test_the_history_of_a_number_has_its_prefixes_and_says_what_holds(
    bench: Bench, campaign: Campaign
) -> None:
    add(bench, "+12025550143", "+1202*", "+1203*")
    bench.run(lambda s: opting_out.lift(s, 1, CLI, "asked", database_now(s), put_back=False))

    def history() -> opting_out.NumberHistory:
        return bench.run(lambda s: opting_out.history_of(s, "202-555-0143", "US", database_now(s)))

    told = history()
    assert [row.shown for row in told.rows] == ["+1202*", "+12025550143"]
    assert (told.opted_out, told.somewhere) == (True, True)
    bench.run(lambda s: opting_out.lift(s, 2, CLI, "asked", database_now(s), put_back=False))
    assert (history().opted_out, history().somewhere) == (False, False)
    new = [NewOptOut("+12025550143")]
    bench.run(
        lambda s: opting_out.opt_out(s, new, "api", CLI, database_now(s), campaign_id=campaign.id)
    )
    assert (history().opted_out, history().somewhere) == (False, True)


def test_an_unknown_campaign_is_told_before_anything_is_recorded(bench: Bench) -> None:
    with pytest.raises(NotFound, match="campaign 12"):
        bench.run(
            lambda s: opting_out.opt_out(
                s, [NewOptOut("+1202555")], "api", CLI, database_now(s), campaign_id=12
            )
        )
    assert bench.rows("SELECT * FROM opt_outs") == []


# Files


def import_file(bench: Bench, path: Path, **named: Any) -> opting_out.ImportReport:
    recalled: list[int] = named.pop("recalled", [])
    given: dict[str, Any] = {"evidence": path.name, "recall": recalled.extend} | named
    return opting_out.import_file(bench.engine, path, CLI, country="US", **given)


def test_a_long_file_goes_in_pieces_and_is_told_line_by_line(
    bench: Bench, account: Account, campaign: Campaign, tmp_path: Path, monkeypatch: Any
) -> None:
    ringing, queued = (
        bench.run(
            lambda s, n=n, status=status: make_attempt(
                s, make_recipient(s, campaign, numbers=[n]), status
            )
        )
        for n, status in (("+12025550143", "ringing"), ("+12125550144", "queued"))
    )
    closed: list[int] = []
    good = gate.close_gate

    def close(session: Session) -> None:
        closed.append(1)
        good(session)

    monkeypatch.setattr(gate, "close_gate", close)
    lines = [f"+1202556{n:04d}" for n in range(3 * recording.BATCH - 5)]
    file = tmp_path / "list.txt"
    file.write_text("\n".join([*lines, "+1202555*", "bad", "+12125550144", lines[0], "worse"]))
    recalled: list[int] = []
    report = import_file(bench, file, recalled=recalled)
    assert len(closed) == 3
    assert (report.recorded, report.already, report.unreadable_count) == (len(lines) + 2, 1, 2)
    assert [one.text for one in report.unreadable] == ["bad", "worse"]
    assert (recalled, report.recalled) == ([ringing.id], 1)
    assert bench.attempt(queued.id).status == "cancelled"
    assert claim(bench.engine, [queued.id], account.id) == []
    (entry,) = bench.rows("SELECT * FROM audit_log")
    assert (entry.action, entry.after["recorded"]) == ("opt_out.import", report.recorded)
    again = import_file(bench, file)
    assert (again.recorded, again.already) == (0, len(lines) + 3)


def test_a_line_has_its_own_reason_and_end_or_those_of_the_file(
    bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("phone,reason,expires_at\n+12025550143,a letter,2099-12-31\n+12025550144,,\n")
    until: datetime = bench.now() + timedelta(days=5)
    import_file(bench, file, expires_at=until)
    rows = bench.rows("SELECT evidence, expires_at, source, who FROM opt_outs ORDER BY number")
    assert [row.evidence for row in rows] == ["a letter", "list.csv"]
    assert [row.expires_at.year for row in rows] == [2100, until.year]
    assert {(row.source, row.who) for row in rows} == {("import", "command line")}


def test_a_database_that_goes_away_keeps_what_it_has_and_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: Any
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("\n".join(f"+1202556{n:04d}" for n in range(recording.BATCH + 1)))
    real, calls = gate.close_gate, []

    def second_fails(session: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        real(session)

    monkeypatch.setattr(gate, "close_gate", second_fails)
    with pytest.raises(Unavailable, match="500 opt-outs were recorded"):
        import_file(bench, file)
    assert bench.value("SELECT count(*) FROM opt_outs") == recording.BATCH


def test_what_was_taken_out_can_be_taken_in_again(bench: Bench, tmp_path: Path) -> None:
    until = bench.now() + timedelta(days=9)
    add(bench, "+12025550143", "+1202555*", evidence='=1+1, "so"')
    add(bench, "+12025550144", expires_at=until)
    file = tmp_path / "export.csv"
    file.write_text("".join(opting_out.csv_lines(bench.engine, Search())), newline="")
    with file.open(newline="") as stream:
        first = next(csv.DictReader(stream))
    assert (first["number"], first["evidence"]) == ("'+1202555*", '\'=1+1, "so"')
    before = bench.rows("SELECT number, is_prefix, evidence, expires_at FROM opt_outs ORDER BY 1")
    bench.rows("TRUNCATE opt_outs")
    report = import_file(bench, file, evidence=None)
    assert (report.recorded, report.unreadable) == (3, [])
    after = bench.rows("SELECT number, is_prefix, evidence, expires_at FROM opt_outs ORDER BY 1")
    assert after == before


def test_lines_of_json_are_read_in_pieces(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr("campaigns.opting_out.taking_out._PIECE", 2)
    add(bench, *(f"+1202555010{n}" for n in range(5)))
    lines = "".join(opting_out.json_lines(bench.engine, Search())).splitlines()
    assert [json.loads(line)["number"] for line in lines] == [f"+1202555010{n}" for n in range(5)]
    assert len(io.StringIO("".join(opting_out.csv_lines(bench.engine, Search()))).readlines()) == 6
