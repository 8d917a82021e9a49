"""Workbooks: values as a person reads them, and nothing a workbook could do to the reader."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing import workbook
from campaigns.importing.reading import BadRow, Reading, open_list
from campaigns.importing.xlsx_list import XlsxList


def at(*parts):
    """A wall time: spreadsheets know no zones."""
    return datetime(*parts)  # noqa: DTZ001


def made(*sheets, epoch=None, titles=("People", "Others", "Third")):
    """A workbook with these rows on its sheets, as bytes."""
    book = openpyxl.Workbook()
    if epoch is not None:
        book.epoch = epoch
    for n, rows in enumerate(sheets):
        sheet = book.create_sheet(titles[n], n)
        for row in rows:
            sheet.append(row)
    book.remove(book.worksheets[-1])  # the one that a new workbook begins with
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(content, **options):
    with XlsxList(io.BytesIO(content), **options) as source:
        return list(source.rows())


def cells(content, **options):
    return [row.cells for row in read(content, **options)]


def refusal(content):
    with pytest.raises(NotARecipientList) as caught:
        read(content)
    assert "othing was imported" in str(caught.value)
    return str(caught.value)


def repacked(content, **parts):
    """The workbook with parts replaced (by their file names) or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            short = name.rpartition("/")[2].removesuffix(".xml")
            new.writestr(name, parts.pop(short, None) or old.read(name))
        for name, data in parts.items():
            new.writestr(f"xl/{name}.xml", data)
    return out.getvalue()


LIST = [["phone", "name"], ["+12025550143", "Ana"], [12025550144, "Bo"]]


def test_numbers_keep_their_digits_and_dates_are_dates():
    rows = [
        ["phone", "when", "day", "clock", "share", "yes", "long"],
        [
            *(12025550143, at(2026, 11, 24, 15, 30), date(2026, 1, 2)),
            *(time(9, 5), 0.5, True, 1234567890123456),
        ],
        [1.2025550143e10, at(2026, 3, 4, 5, 6, 7), None, timedelta(hours=8), 46350.6458],
    ]
    assert cells(made(rows)) == [
        ["12025550143", "2026-11-24 15:30", "2026-01-02", "09:05", "0.5", "yes", "1.23457E+15"],
        ["12025550143", "2026-03-04 05:06:07", "", "08:00", "46350.6458", "", ""],
    ]


def test_a_calendar_that_begins_in_1904_gives_the_same_dates():
    rows = [["phone", "when"], ["1", at(2026, 11, 24, 15, 30)]]
    content = made(rows, epoch=CALENDAR_MAC_1904)
    assert cells(content) == [["1", "2026-11-24 15:30"]]
    with XlsxList(io.BytesIO(content)) as source:
        assert source.form.date_system == 1904
        assert list(source.rows())


def test_the_first_sheet_with_rows_is_read_and_another_may_be_chosen():
    content = made([], LIST, [["phone"], ["2025550145"]])
    with XlsxList(io.BytesIO(content)) as source:
        assert source.form.sheets == ("People", "Others", "Third")
        assert (source.form.sheet, source.form.encoding) == ("Others", None)
        assert len(list(source.rows())) == 2
    assert cells(content, sheet="third ") == [["2025550145"]]
    with pytest.raises(InvalidInput, match="'People', 'Others', 'Third'"):
        read(content, sheet="Fourth")


def test_a_hidden_sheet_is_not_offered():
    book = openpyxl.load_workbook(io.BytesIO(made([["x"]], LIST)))
    book["People"].sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    with XlsxList(io.BytesIO(out.getvalue())) as source:
        assert source.form.sheets == ("Others",)


def test_lines_are_the_sheets_own_and_blank_rows_are_left_out():
    rows = read(made([[], ["phone", "name"], [], ["1", "Ana"], [None, " "], ["2"], ["3", "", "x"]]))
    assert [(row.line, type(row).__name__) for row in rows] == [
        *((4, "Row"), (6, "Row"), (7, "BadRow")),
    ]
    assert isinstance(rows[2], BadRow)
    assert rows[2].reason == "too_many_cells"
    assert rows[0].text == "1\tAna"


def test_a_sheet_without_column_names_loses_no_row():
    assert cells(made([[2025550143, "Ana"], [2025550144, "Bo"]])) == [
        *(["2025550143", "Ana"], ["2025550144", "Bo"]),
    ]


def test_a_file_is_told_by_its_bytes_not_by_its_name(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(made(LIST))
    with open_list(path) as source:
        assert source.form.format == "xlsx"
        assert source.headers == ["phone", "name"]
    path.write_text("phone;name\n1;Ana\n")
    with open_list(path, Reading(delimiter=";")) as source:
        assert source.form.format == "csv"


def sheet_of(body):
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{body}</sheetData></worksheet>"
    )


def with_shared_texts(rows, texts=None):
    """A workbook as spreadsheets save it: every text in one table, cells naming their texts."""
    table = [value for row in rows for value in row]
    body = "".join(
        "<row>" + "".join(f'<c t="s"><v>{table.index(value)}</v></c>' for value in row) + "</row>"
        for row in rows
    )
    items = "".join(
        f"<si><r><t>{value[:1]}</t></r><r><t>{value[1:]}</t></r></si>" for value in table
    )
    with zipfile.ZipFile(io.BytesIO(made(LIST))) as plain:
        types = plain.read("[Content_Types].xml").decode()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return repacked(
        made(LIST),
        **{"[Content_Types]": types.replace("</Types>", part)},
        sheet1=sheet_of(body),
        sharedStrings=texts or f'<sst xmlns="{space}">{items}</sst>',
    )


def test_texts_in_the_shared_table_read_like_texts_in_the_sheet():
    content = with_shared_texts([["phone", "name"], ["2025550143", "Ana"], ["2025550144", "Bo"]])
    assert cells(content) == [["2025550143", "Ana"], ["2025550144", "Bo"]]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ("sheet1", BOMB),
        ("sheet1", BOMB.encode("utf-16")),
        ("sheet1", '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + sheet_of("")),
        ("workbook", BOMB),
        ("styles", BOMB),
        ("sheet1", "<worksheet><sheetData><row>"),
        ("sheet1", b"\x00\x01\x02"),
        ("sheet1", sheet_of('<row r="1"><c r="A1"><v>1</v></c></row>' * 2)),
        ("sheet1", sheet_of('<row r="99999999"><c><v>1</v></c></row>')),
        ("sheet1", sheet_of('<row r="x"><c><v>1</v></c></row>')),
        ("sheet1", sheet_of('<row><c t="s"><v>999999</v></c></row>')),
        ("sheet1", sheet_of('<row><c t="s"><v>-1</v></c></row>')),
        ("sheet1", sheet_of(f"<row><c><v>{'9' * 5000}</v></c></row>")),
        ("sheet1", sheet_of('<row><c r="??"><v>1</v></c></row>')),
    ],
)
def test_a_workbook_with_entities_or_nonsense_is_refused(part, body):
    assert "damaged" in refusal(repacked(made(LIST), **{part: body}))


def test_a_table_of_texts_with_entities_is_refused():
    assert "damaged" in refusal(with_shared_texts([["a"]], BOMB.replace("worksheet", "sst")))


def test_a_tightly_packed_workbook_is_refused_before_it_is_unpacked():
    bomb = repacked(made(LIST), sheet1=sheet_of(" " * 60_000_000))
    assert len(bomb) < 100_000
    assert "packed far more tightly" in refusal(bomb)


def test_one_endless_row_or_text_is_refused(monkeypatch):
    monkeypatch.setattr(workbook, "MAX_PIECE", 100_000)
    long = "".join(f"{n:07}" for n in range(40_000))
    body = f'<row><c t="inlineStr"><is><t>{long}</t></is></c></row>'
    assert "A row" in refusal(repacked(made(LIST), sheet1=sheet_of(body)))
    assert "A text" in refusal(with_shared_texts([[long]]))


def test_large_parts_that_are_held_in_memory_are_refused(monkeypatch):
    monkeypatch.setattr(workbook, "MAX_PART", 1_000)
    assert "far too large" in refusal(repacked(made(LIST), styles="<styleSheet>" + "x" * 5000))


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (zipped("a.csv", "b.csv"), "a ZIP archive"),
        (zipped("[Content_Types].xml", "word/document.xml"), "a Word document"),
        (zipped("mimetype", "content.xml"), "an OpenDocument file"),
        (b"PK\x03\x04" + bytes(100), "damaged"),
        (made(LIST)[:-100], "damaged"),
        (made(LIST)[:2000], "damaged"),
        (made([]), "no rows"),
    ],
)
def test_other_archives_and_cut_files_are_named(content, seen):
    assert seen in refusal(content)


def test_many_texts_are_kept_on_disk_and_still_found(monkeypatch):
    monkeypatch.setattr(workbook, "_TEXTS_IN_MEMORY", 1_000)
    rows = [["phone", "note"], *([str(2025550100 + n), f"é{n}" * 30] for n in range(300))]
    assert cells(with_shared_texts(rows)) == rows[1:]


def test_parts_of_a_second_are_rounded():
    assert cells(made([["phone", "at"], ["1", at(2026, 1, 1, 23, 59, 59, 999_999)]])) == [
        ["1", "2026-01-02"]
    ]


def test_a_workbook_without_its_workbook_is_damaged_and_not_a_disk_that_fails():
    types = b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    assert "damaged" in refusal(repacked(made(LIST), **{"[Content_Types]": types}))


@pytest.mark.parametrize("part", ["styles", "workbook", "workbook.xml.rels", "[Content_Types]"])
def test_a_part_that_is_no_xml_is_damage_whichever_library_reads_it(part):
    """openpyxl takes lxml where it is installed, whose errors are not those of the library."""
    assert "damaged" in refusal(repacked(made(LIST), **{part: b"<a/><b/>"}))


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_part_that_does_not_unpack_is_damage_however_it_was_packed(how):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made(LIST))) as old, zipfile.ZipFile(out, "w", how) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    content = bytearray(out.getvalue())
    with zipfile.ZipFile(out) as packed:
        begins = packed.getinfo("xl/workbook.xml").header_offset + 30 + len("xl/workbook.xml")
    content[begins : begins + 40] = b"\xff" * 40
    assert "damaged" in refusal(bytes(content))


def test_a_directory_that_points_before_the_file_is_damage():
    content = bytearray(made(LIST))
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = (
        int.from_bytes(content[end + 16 : end + 20], "little") + 50_000
    ).to_bytes(4, "little")
    assert "damaged" in refusal(bytes(content))


def test_a_disk_that_fails_is_no_damage_of_the_workbook():
    with pytest.raises(OSError, match="Input/output error"), workbook.suspecting_the_workbook():
        raise OSError(5, "Input/output error")
