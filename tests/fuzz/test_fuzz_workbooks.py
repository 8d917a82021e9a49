"""Workbooks that somebody took apart: every one is read or refused."""

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.importing.reading import Reading
from tests.fuzz.budget import search
from tests.fuzz.test_fuzz_lists import check_reading

ROWS: list[list[Any]] = [
    ["phone", "name", "when"],
    ["+12025550143", "Ana", "2026-11-24 15:30"],
    [12025550144, None, 46350.6458],
    [True, "x", 0.5],
]


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.worksheets[0].append(row)
    book.create_sheet("Others").append(["phone"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parts_of(book: bytes) -> dict[str, bytes]:
    """What a workbook consists of, with nothing in it that says when it was made: the search tries
    the same in every run."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    core = "docProps/core.xml"
    return parts | {core: re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2026-11-24T15:30:00Z", parts[core])}


PARTS = parts_of(workbook())
SHEET = "xl/worksheets/sheet1.xml"

values = st.one_of(
    st.sampled_from(
        [
            *("", "0", "-1", "1", "2", "99999999999999999999", "1e999", "nan", "inf", "A1", "XFD1"),
            *("XFD1048576", "AAAAAAAAAAAA1", "A0", "A-1", "1A", "s", "n", "b", "d", "e", "str"),
            *("inlineStr", "true", "2026-11-24T15:30:00", "2026-13-45", "24:00:00", "PT1H"),
            *(
                "../../etc/passwd",
                "/xl/worksheets/sheet1.xml",
                "xl/nothing.xml",
                "rId99",
                "0" * 400,
            ),
            *("9" * 5000, "hidden", "1904", "&#0;", "&amp;", "&xxe;", "%s", "{0}", "-99999999"),
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters='<>&"\0'), max_size=8),
)
_ATTRIBUTE = re.compile(rb'"([^"]*)"')
_TEXT = re.compile(rb">([^<>]+)<")
_TAG = re.compile(rb"<[^>]+>")


def scribble(part: bytes, pattern: "re.Pattern[bytes]", at: int, value: bytes) -> bytes:
    """The part with one occurrence of the pattern replaced."""
    found = list(pattern.finditer(part))
    if not found:
        return part
    one = found[at % len(found)]
    begin, end = one.span(1 if pattern.groups else 0)
    return part[:begin] + value + part[end:]


def packed(parts: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in parts.items():
            # Dated 1980, not now.
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=how)
    return out.getvalue()


WHOLE = packed(PARTS)


@st.composite
def scribbled_workbooks(draw: st.DrawFn) -> bytes:
    parts = dict(PARTS)
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from([SHEET, SHEET, *PARTS]))
        if name not in parts:
            continue
        what = draw(st.sampled_from(["attribute", "attribute", "text", "tag", "drop", "cut"]))
        at = draw(st.integers(0, 200))
        if what == "drop":
            del parts[name]
        elif what == "cut":
            parts[name] = parts[name][: draw(st.integers(0, len(parts[name])))]
        elif what == "tag":
            parts[name] = scribble(parts[name], _TAG, at, draw(st.sampled_from(TAGS)))
        else:
            pattern = _ATTRIBUTE if what == "attribute" else _TEXT
            parts[name] = scribble(parts[name], pattern, at, draw(values).encode())
    if not parts:
        return b"PK\x03\x04"
    hows = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return packed(parts, draw(st.sampled_from(hows)))


TAGS = [
    *(b"", b"<c/>", b"<row/>", b"</row>", b"<x>", b"<!-- -->", b"<?pi?>", b"<![CDATA[x]]>"),
    *(b"<c><c><c/></c></c>", b'<row r="1"><c r="A1"><v>1</v></c></row>', b"<v>1</v>", b"<f>1</f>"),
    *(b'<!DOCTYPE x [<!ENTITY a "b">]>', b"<is><t>a</t><r><t>b</t></r></is>"),
]


@st.composite
def damaged_archives(draw: st.DrawFn) -> bytes:
    """The workbook's bytes with some of them changed, wherever in the archive they stand."""
    content = bytearray(packed(PARTS, draw(st.sampled_from([0, 8, 12, 14]))))
    # What the directory says stands at the end; to hit it is likelier to be interesting.
    tail = draw(st.booleans())
    for _ in range(draw(st.integers(1, 6))):
        low = len(content) - 900 if tail else 0
        content[draw(st.integers(low, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "list.xlsx"


readings = st.builds(
    Reading, header=st.none() | st.booleans(), sheet=st.none() | st.sampled_from(["Others", "x"])
)


def check(file: Path, content: bytes, reading: Reading) -> None:
    file.write_bytes(content)
    check_reading(file, reading)


@search(150)
@given(content=scribbled_workbooks(), reading=readings)
def test_a_workbook_with_anything_in_its_parts_is_read_or_refused(file, content, reading):
    check(file, content, reading)


@search(150)
@given(content=damaged_archives(), reading=readings)
def test_a_workbook_with_any_bytes_changed_is_read_or_refused(file, content, reading):
    check(file, content, reading)


def test_the_workbook_they_begin_with_is_read(file):
    """Else the searches above would look at refusals only."""
    file.write_bytes(WHOLE)
    check_reading(file, Reading())
    for how in (0, 8, 12, 14):
        file.write_bytes(packed(PARTS, how))
        check_reading(file, Reading())


def sheet_of(rows: str) -> bytes:
    head, _, tail = PARTS[SHEET].partition(b"<sheetData>")
    return head + b"<sheetData>" + rows.encode() + b"</sheetData></worksheet>" + tail[:0]


HUGE: dict[str, Callable[[], dict[str, bytes]]] = {
    "a claim of a million rows": lambda: {
        SHEET: re.sub(rb'ref="[^"]*"', b'ref="A1:XFD1048576"', PARTS[SHEET])
    },
    "a row far down": lambda: {
        SHEET: sheet_of('<row r="1048576"><c r="XFD1048576" t="str"><v>phone</v></c></row>')
    },
    "nested a thousand deep": lambda: {
        SHEET: sheet_of('<row r="1">' + "<c>" * 1000 + "</c>" * 1000 + "</row>")
    },
    "a hundred thousand deep": lambda: {
        SHEET: sheet_of('<row r="1">' + "<c>" * 100_000 + "</c>" * 100_000 + "</row>")
    },
}


@pytest.mark.parametrize("name", HUGE)
def test_what_a_workbook_claims_costs_nothing(file, name):
    file.write_bytes(packed({**PARTS, **HUGE[name]()}))
    check_reading(file, Reading())


# Reads each file with next to no memory left to take; told on a line of its own.
IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from campaigns.errors import InvalidInput
from campaigns.importing.reading import Row, open_list

open_list  # everything is imported before the limit comes
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name in sys.argv[2:]:
    try:
        with open_list(Path(name)) as source:
            good = sum(isinstance(row, Row) for row in source.rows())
        print(good, "rows")
    except InvalidInput as refused:
        print(refused)
"""
LITTLE = 32 * 1024 * 1024
GOOD_ROWS = 5000


def write_bombs(folder: Path) -> dict[str, str]:
    """Files that need several times the memory if any piece of them is taken whole, and what is
    to be said to each."""
    folder.mkdir()
    many = "x" * (3 * LITTLE)
    row = sheet_of(f'<row r="1"><c r="A1" t="str"><v>{many}</v></c></row>')
    for name, how, part, content in (
        ("packed.xlsx", zipfile.ZIP_DEFLATED, SHEET, row),
        ("row.xlsx", zipfile.ZIP_STORED, SHEET, row),
        ("styles.xlsx", zipfile.ZIP_STORED, "xl/styles.xml", many.encode()),
        ("name.xlsx", zipfile.ZIP_STORED, SHEET, sheet_of(f'<row r="1" {many}="1"/>')),
    ):
        (folder / name).write_bytes(packed({**PARTS, part: content}, how))
    with (folder / "line.csv").open("wb") as out:
        out.write(b"phone,name\n" + b"+12025550143,Ana\n" * GOOD_ROWS + b"+12025550144,")
        out.seek(10 * LITTLE, io.SEEK_CUR)  # a hole, which reads as zeros
        out.write(b"\n+12025550145,Bo\n")
    return {
        "packed.xlsx": "packed far more tightly",
        "row.xlsx": "A row of the workbook is far too large",
        "styles.xlsx": "a part (xl/styles.xml) that is far too large",
        "name.xlsx": "A row of the workbook is far too large",
        "line.csv": f"{GOOD_ROWS + 1} rows",
    }


def test_a_bomb_is_refused_with_little_memory(tmp_path):
    expected = write_bombs(tmp_path / "bombs")
    done = subprocess.run(
        [
            *(sys.executable, "-c", IN_LITTLE_MEMORY, str(LITTLE)),
            *(str(tmp_path / "bombs" / name) for name in expected),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for sentence, told in zip(done.stdout.splitlines(), expected.values(), strict=True):
        assert told in sentence
