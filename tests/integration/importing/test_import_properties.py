"""What holds for every list, however it is written and however long it is."""

import csv
import io
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import islice

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.errors import NotAPhoneNumber
from campaigns.phone import parse_number

MEMORY = """
import resource, sys
from pathlib import Path
from campaigns.db import engine_for
from campaigns.importing import run

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

engine = engine_for(sys.argv[1])
run(engine, int(sys.argv[2]), Path(sys.argv[3]))
before = peak()
summary = run(engine, int(sys.argv[4]), Path(sys.argv[5]))
assert summary.rows_read == int(sys.argv[6]) > 2 * summary.rows_rejected, summary
print(peak() - before)
"""


def drawn_list(seed: int, size: int) -> str:
    """A list in which numbers repeat, in several ways of writing, among rows that are no good."""
    chance = random.Random(seed)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["phone", "second phone", "name"])
    for n in range(size):
        area, line = chance.randrange(201, 340), f"{chance.randrange(100):02}"
        number = chance.choice(
            [
                *(f"+1{area}55501{line}", f"({area}) 555-01{line}", f"1 {area} 555 01{line}"),
                *(f"{area}.555.01{line}", "911", "", "n/a", "1.555E+10", "+1 900 555 0100"),
            ]
        )
        writer.writerow([number, chance.choice(["", "+44 20 7946 0018"]), f"n {n}"])
    return out.getvalue()


def test_every_row_of_a_long_list_is_accounted_for(campaign, imported, recipients_of, rows_of):
    size = 20_000
    content = drawn_list(20_261_121, size)
    summary = imported(campaign, content)
    rows = list(csv.DictReader(io.StringIO(content)))
    readable = [row for row in rows if any((row["phone"], row["second phone"], row["name"]))]
    assert summary.rows_read == len(readable) == size
    bad = summary.rows_rejected - summary.duplicates
    assert summary.rows_imported + bad + summary.duplicates == size
    assert min(summary.rows_imported, bad, summary.duplicates) > 1000
    assert rows_of("SELECT count(*), count(DISTINCT line) FROM import_rejects") == [
        (summary.rows_rejected, summary.rows_rejected)
    ]
    keys = recipients_of(campaign, "dedupe_key")
    assert len(keys) == len(set(keys)) == summary.rows_imported
    taken = {row[0] for row in rows_of("SELECT line FROM import_rejects")}
    first = next(n for n in range(2, size + 2) if n not in taken)
    assert recipients_of(campaign, "fields->>'name'")[0] == (f"n {first - 2}",)


written_number = st.builds(
    lambda area, line, form: form.format(area=area, line=f"{line:02}"),
    st.integers(202, 989),
    st.integers(0, 99),
    st.sampled_from(
        ["+1{area}55501{line}", "({area}) 555-01{line}", "1-{area}-555-01{line}", "x{line}", ""]
    ),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(
            written_number,
            written_number,
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=15),
        ),
        min_size=1,
        max_size=30,
    ),
    delimiter=st.sampled_from(",;\t"),
    bom=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_no_number_is_stored_that_was_not_in_the_file(
    make_campaign, imported, recipients_of, rows, delimiter, bom, end, quoting
):
    campaign = make_campaign()
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["phone", "alternate phone", "name"])
    writer.writerows(rows)
    content = out.getvalue().encode("utf-8-sig" if bom else "utf-8")
    summary = imported(
        campaign, content, delimiter=delimiter, phone_columns=("phone", "alternate phone")
    )
    stored = [number for row in recipients_of(campaign) for number in row[0]]
    written = {re.sub(r"\D", "", cell)[-10:] for row in rows for cell in row[:2]}
    assert {number.removeprefix("+1") for number in stored} <= written
    if summary.status == "failed":  # every row is blank
        assert not any("".join(row).strip() for row in rows)
        return
    assert summary.rows_imported + summary.rows_rejected == summary.rows_read
    expected = {first_good(row) for row in rows} - {None}
    assert {row[0][0] for row in recipients_of(campaign)} == expected


def first_good(row: tuple[str, str, str]) -> str | None:
    for cell in row[:2]:
        try:
            return parse_number(cell, "US")
        except NotAPhoneNumber:
            continue
    return None


def people(size: int, areas: range) -> Iterator[list[str]]:
    """Rows of a list, each with a text of its own."""
    rows = (
        [f"+1{area}55501{line:02}", f"{area}{line:02} {'x' * 90}"]
        for area in areas
        for line in range(100)
    )
    return islice(rows, size)


def as_csv(rows: Iterable[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in [["phone", "name"], *rows]).encode()


def as_workbook(rows: Iterable[list[str]]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in [["phone", "name"], *rows]:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("written", "short", "long"), [(as_csv, 20_000, 60_000), (as_workbook, 4_000, 20_000)]
)
def test_memory_stays_flat(engine, campaign, registered, written, short, long):
    """Several times the rows need next to no more memory."""
    first = registered(campaign, written(people(short, range(201, 480))))
    second = registered(campaign, written(people(long, range(300, 990))))
    url = engine.url.render_as_string(hide_password=False)
    command = [
        *(sys.executable, "-c", MEMORY, url),
        *map(str, (first.id, first.path, second.id, second.path, long)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 15  # MB
