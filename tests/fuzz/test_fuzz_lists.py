"""Files of any bytes: each is a list or is refused, and nothing unstorable comes out of it."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.importing import ImportOptions, examine_file
from campaigns.importing.reading import BadRow, Reading, open_list
from campaigns.opting_out.reading import Unreadable, lines_of_file, read_line
from campaigns.reminders import ReminderRule
from tests.fuzz.budget import calls_made, search, storable, understood

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
CODECS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "cp437")

cells = st.one_of(
    st.sampled_from(
        [
            *("phone", "Telefon", "name", "date", "time zone", "sep=;", "sep=x", "=1+1", "'+1"),
            *("+12025550143", "(202) 555-0143", "1.2025550143E+10", "911", "202555014३"),
            *("24.11.2026", "11/24/2026 3:30 PM", "46350.6458", "0.5", "America/New_York", "UTC"),
            *('"', '""', "\0", "\ufeff", "\u2028", "\r", "\n", "\x1a", "\x85", "9" * 400, "-0"),
        ]
    ),
    st.text(max_size=12),
    st.text(st.characters(codec="ascii"), max_size=12),
)
tables = st.lists(st.lists(cells, max_size=6), max_size=12)


@st.composite
def damaged_lists(draw: st.DrawFn) -> bytes:
    """A list as some program may write it, in any encoding, then cut, spliced and scribbled on."""
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=draw(st.sampled_from(",;\t| :")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerows(draw(tables))
    written = bytearray(out.getvalue().encode(draw(st.sampled_from(CODECS)), "replace"))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(written)))
        until = min(len(written), place + draw(st.integers(0, 3)))
        written[place:until] = draw(st.sampled_from([b'"', b"\0", b"\n", b"\xff", b"\xc3", b""]))
    return bytes(written[: draw(st.integers(0, len(written)))] if draw(st.booleans()) else written)


readings = st.builds(
    Reading,
    delimiter=st.none() | st.sampled_from(list(",;\t|")) | st.text(max_size=2),
    encoding=st.none() | st.sampled_from(["utf8", "utf16", "latin1"]) | st.text(max_size=6),
    header=st.none() | st.booleans(),
    sheet=st.none() | st.text(max_size=5),
)
names = st.none() | cells
options = st.builds(
    ImportOptions,
    phone_columns=st.none() | st.lists(cells, max_size=3).map(tuple),
    name_column=names,
    zone_column=names,
    appointment_column=names,
    date_format=st.none() | st.sampled_from(["MM/DD/YYYY HH:MM", "ISO"]) | st.text(max_size=8),
)
reminders = st.none() | st.just(ReminderRule.once(86400.0, 0.0))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "list"


@search(120)
@given(content=damaged_lists() | st.binary(max_size=300), reading=readings)
def test_any_file_is_read_to_its_end_or_refused(file, content, reading):
    file.write_bytes(content)
    check_reading(file, reading)


def check_reading(file: Path, reading: Reading) -> None:
    """Read a file to its end, or let it be refused."""
    understood(lambda: _read_all(file, reading))


def _read_all(file: Path, reading: Reading) -> None:
    with open_list(file, reading) as source:
        width, line = len(source.headers), 0
        assert len(set(source.headers)) == width
        for row in source.rows():
            assert row.line > line, "a row is read twice"
            line = row.line
            if isinstance(row, BadRow):
                assert storable(row.text)
                assert storable(row.detail)
            else:
                assert len(row.cells) == width
                assert all(storable(cell) for cell in row.cells)


@search(120)
@given(content=damaged_lists(), asked=options, reminder=reminders)
def test_what_would_become_of_any_file_can_be_shown(file, content, asked, reminder):
    file.write_bytes(content)
    seen = understood(
        lambda: examine_file(
            file, asked, default_country="US", live=False, reminder=reminder, now=NOW
        )
    )
    shown = json.loads(seen.model_dump_json()) if seen else {}
    assert storable(json.dumps(shown, ensure_ascii=False))


@search(120)
@given(content=damaged_lists() | st.binary(max_size=200), country=st.sampled_from(["US", "GB"]))
def test_any_file_of_opt_outs_is_read_to_its_end_or_refused(file, content, country):
    """Whoever asked not to be called stands in it: what cannot be read is at least told."""
    file.write_bytes(content)
    for line in understood(lambda: list(lines_of_file(file))) or []:
        one = line if isinstance(line, Unreadable) else read_line(line, country, NOW)
        if isinstance(one, Unreadable):
            assert one.problem
        else:
            assert one.number.startswith("+")
            assert one.number[1:].isascii()
            assert one.number[1:].isdigit()


# The beginning of a file, and the line that it then repeats.
HOSTILE = {
    "open quotes": (b"phone,name\n", b'"+12025550143,Ana\n'),
    "quotes in quotes": (b"phone,name\n", b'"a"b"c",d\n'),
    "rows of delimiters": (b"phone,name\n", b",,,,,,,,,,,,,,\n"),
    "empty lines": (b"phone\n", b"\n"),
    "carriage returns": (b"phone\n", b"\r"),
    "one quote before everything": (b'phone,name\n"', b"+12025550143,Ana\n"),
    "broken characters": (b"phone,name\n", b"\xc3\x28,\xff\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_with_the_file_and_not_with_its_square(file, name):
    head, line = HOSTILE[name]
    small, large = (_work(file, head + line * n) for n in (300, 1200))
    assert small > 1000
    assert large < 6 * small


def _work(file: Path, content: bytes) -> int:
    file.write_bytes(content)
    return calls_made(lambda: check_reading(file, Reading()))
