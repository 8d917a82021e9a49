import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing.reading import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_KEPT_TEXT,
    MAX_RECORD,
    BadRow,
    CsvList,
    Row,
)
from campaigns.importing.sniffing import HEAD_BYTES


def opened(content: str | bytes, delimiter: str | None = None) -> CsvList:
    data = content if isinstance(content, bytes) else content.encode()
    return CsvList(io.BytesIO(data), delimiter)


def read(content: str | bytes, delimiter: str | None = None) -> list[Any]:
    return list(opened(content, delimiter).rows())


def cells(content: str | bytes, delimiter: str | None = None) -> list[list[str]]:
    return [row.cells for row in read(content, delimiter)]


def reasons(content: str) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in read(content) if isinstance(row, BadRow)]


def refusal(content: str | bytes) -> str:
    with pytest.raises(NotARecipientList) as caught:
        opened(content)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_way_of_writing_a_csv_reads_the_same(delimiter, bom, end):
    text = end.join(["phone;name", "1;Ana", '2;"Bo; Li"']).replace(";", delimiter) + end
    source = opened(bom + text.encode())
    assert source.headers == ["phone", "name"]
    assert source.delimiter == delimiter
    assert source.encoding == ("UTF-8 with BOM" if bom else "UTF-8")
    assert list(source.rows()) == [
        Row(2, ["1", "Ana"], f"1{delimiter}Ana"),
        Row(3, ["2", f"Bo{delimiter} Li"], f'2{delimiter}"Bo{delimiter} Li"'),
    ]


def test_a_delimiter_inside_values_does_not_win():
    text = "phone,notes\n1,a; b; c\n2,a; b\n3,d; e\n"
    assert opened(text).delimiter == ","
    text = "phone;address\n1;Main St, 4\n2;Side St, 5, back\n"
    assert opened(text).delimiter == ";"


def test_one_column_needs_no_delimiter():
    assert cells("phone\n1\n2\n") == [["1"], ["2"]]


def test_an_asked_delimiter_is_used_and_an_impossible_one_refused():
    assert opened("a,b;c\n1,2;3\n", ";").headers == ["a,b", "c"]
    with pytest.raises(InvalidInput, match="comma, semicolon or tab"):
        opened("a,b\n1,2\n", "|")


def test_the_separator_line_of_spreadsheets_is_obeyed_and_skipped():
    source = opened("sep=;\na,x;b\n1;2\n")
    assert source.headers == ["a,x", "b"]
    assert list(source.rows()) == [Row(3, ["1", "2"], "1;2")]
    assert "'|'" in refusal("sep=|\na|b\n1|2\n")


def test_blank_lines_and_blank_rows_are_left_out_but_counted_as_lines():
    rows = read("\n\nphone,name\n\n1,Ana\n,\n  , \n\n2,Bo\n")
    assert [(row.line, row.cells) for row in rows] == [(5, ["1", "Ana"]), (9, ["2", "Bo"])]


def test_short_rows_are_filled_and_long_rows_rejected():
    rows = read("a,b,c\n1\n1,2\n1,2,3\n1,2,3,,\n1,2,3,4\n")
    assert [row.cells for row in rows[:4]] == [
        ["1", "", ""],
        ["1", "2", ""],
        ["1", "2", "3"],
        ["1", "2", "3"],
    ]
    assert rows[4].reason == "too_many_cells"
    assert (rows[4].line, rows[4].text) == (6, "1,2,3,4")
    assert "4 cells" in rows[4].detail


def test_a_quoted_value_may_hold_line_ends_and_quotes():
    rows = read('phone,address\n1,"Main St 4\r\nBack ""door"""\n2,x\n')
    assert rows[0].cells == ["1", 'Main St 4\r\nBack "door"']
    assert [row.line for row in rows] == [2, 4]


def test_an_unclosed_quote_costs_its_own_row_only():
    rows = read('phone,name\n1,"Ana\n2,Bo\n3,"Cy"\n4,Di\n')
    assert [(row.line, type(row).__name__) for row in rows] == [
        (2, "BadRow"),
        (3, "Row"),
        (4, "Row"),
        (5, "Row"),
    ]
    assert rows[0].reason == "unclosed_quote"
    assert rows[0].text == '1,"Ana'


def test_an_unclosed_quote_does_not_swallow_a_long_file():
    lines = "".join(f"{n},x\n" for n in range(5000))
    rows = read('phone,name\n1,"Ana\n' + lines)
    assert rows[0].reason == "unclosed_quote"
    assert [row.cells[0] for row in rows[1:]] == [str(n) for n in range(5000)]
    assert [row.line for row in rows] == list(range(2, 5003))


def test_an_unclosed_quote_on_the_last_line():
    rows = read('phone,name\n1,Ana\n2,"Bo')
    assert rows[0].cells == ["1", "Ana"]
    assert (rows[1].line, rows[1].reason) == (3, "unclosed_quote")


def test_a_stray_quote_rejects_its_row():
    assert reasons('phone,name\n1,"A"na\n2,Bo\n') == [(2, "bad_quotes")]
    assert cells('phone,name\n1,5" pipe\n') == [["1", '5" pipe']]


def test_huge_cells_and_lines_are_rejected_without_being_kept():
    huge = "x" * (MAX_CELL + 1)
    line = "y" * (MAX_RECORD * 3)
    rows = read(f"phone,name\n1,{'z' * MAX_CELL}\n2,{huge}\n3,{line}\n4,Di\n")
    assert [getattr(row, "reason", None) for row in rows] == [
        None,
        "cell_too_long",
        "too_long",
        None,
    ]
    assert len(rows[2].text) == MAX_KEPT_TEXT
    assert (rows[3].line, rows[3].cells) == (5, ["4", "Di"])


def test_a_huge_line_after_an_unclosed_quote():
    line = "y" * (MAX_RECORD + 500)
    rows = read(f'phone,name\n1,"Ana\n3,{line}\n4,Di\n')
    assert [(row.line, getattr(row, "reason", None)) for row in rows] == [
        (2, "unclosed_quote"),
        (3, "too_long"),
        (4, None),
    ]


def test_a_row_of_a_hundred_thousand_cells_is_one_reject():
    assert reasons("phone,name\n" + "1," * 100_000 + "\n2,Bo\n") == [(2, "too_many_cells")]


def test_nul_bytes_reject_their_row():
    rows = read("phone,name\n1,A\0na\n2,Bo\n")
    assert rows[0].reason == "nul_byte"
    assert "\0" not in rows[0].text
    assert rows[1].cells == ["2", "Bo"]


def test_a_broken_byte_far_down_rejects_its_row_only():
    filler = b"".join(b"%d,Bo\n" % n for n in range(HEAD_BYTES // 4))
    rows = read(b"phone,name\n" + filler + b"7,Jos\xe9\n8,Di\n")
    assert rows[-2].reason == "not_utf8"
    assert rows[-2].text.startswith("7,Jos")
    rows[-2].text.encode()  # can be stored
    assert rows[-1].cells == ["8", "Di"]


def test_a_character_cut_by_the_end_of_the_head_is_no_damage():
    start = "phone,name\n1,"
    text = start + "x" * (HEAD_BYTES - len(start) - 1) + "é\n2,é\n"
    assert opened(text).encoding == "UTF-8"


def test_control_characters_alone_do_not_make_a_text_binary():
    assert cells('"w","x"\n"\x1f","\x1f\x1e\x01"\n"1","2"\n')[-1] == ["1", "2"]
    assert "binary" in refusal(b"\0\x01\x02" * 20 + b"abc")


@pytest.mark.parametrize("content", [b"", b"  \n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_an_empty_file_is_called_empty(content):
    assert "empty" in refusal(content)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("phone\n1\n".encode("utf-16"), "UTF-16"),
        ("phone,name\n1,Ana\n".encode("utf-16-le"), "UTF-16"),
        ("phone,name\n1,Ana\n".encode("utf-16-be"), "UTF-16"),
        (b"PK\x03\x04" + bytes(100), "Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old Excel workbook"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\x1f\x8b\x08" + bytes(50), "gzip"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\n <HTML><body>", "a web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b'{"phone": 1}', "JSON"),
        (b'[{"phone": 1}]', "JSON"),
        (bytes(range(256)) * 20, "a binary file"),
        ("phone,name\n1,José\n".encode("cp1252"), "Windows-1252 (byte 0xE9 on line 2"),
    ],
)
def test_what_is_no_list_is_named(content, seen):
    message = refusal(content)
    assert seen in message
    assert "Nothing was imported" in message


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("phone,,name\n1,2,3\n", "Column 2 has no name"),
        ("phone,name,Phone\n1,2,3\n", "Columns 1 and 3 are both called 'Phone'"),
        ("+1 202 555 0100,Ana\n", "telephone number instead of a name"),
        (",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)), "201 columns"),
        ('"phone,name\n1,2\n', "cannot be read"),
        (",,\n,,\n", "no column names"),
    ],
)
def test_headers_that_cannot_be_used_are_explained(content, part):
    message = refusal(content)
    assert part in message
    assert "othing was imported" in message


def test_empty_columns_at_the_right_edge_are_ignored():
    source = opened("phone,name,,\n1,Ana,,\n2,Bo,x,\n")
    assert source.headers == ["phone", "name"]
    first, second = source.rows()
    assert isinstance(first, Row)
    assert first.cells == ["1", "Ana"]
    assert isinstance(second, BadRow)
    assert second.reason == "too_many_cells"


def test_progress_reaches_the_end_of_the_file():
    content = "phone\n" + "12345\n" * 10_000
    source = opened(content)
    seen = [source.bytes_read for _ in source.rows()]
    assert seen == sorted(seen)
    assert seen[-1] == len(content)


plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(
    table=st.lists(st.lists(plain_text, min_size=2, max_size=4), min_size=1, max_size=20),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_what_a_csv_writer_writes_is_read_back(table, delimiter, end, bom):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["w", "x", "y", "z"], *table])
    read_back = cells(out.getvalue().encode("utf-8-sig" if bom else "utf-8"), delimiter)
    expected = [[*row, *[""] * (4 - len(row))] for row in table if any(map(str.strip, row))]
    assert read_back == expected


@given(st.binary(max_size=400))
def test_any_bytes_are_a_list_or_a_refusal(noise):
    for content in (noise, b"phone,name\n" + noise):
        try:
            rows = read(content)
        except NotARecipientList:
            continue
        for row in rows:
            row.text.encode() if isinstance(row, BadRow) else None
        lines = [row.line for row in rows]
        assert lines == sorted(set(lines))


@given(st.text(alphabet='a",;\n\r', max_size=60))
def test_however_quotes_are_mangled_reading_ends_and_lines_are_told_apart(text):
    lines = [row.line for row in read('phone,name\n"1",x\n' + text)]
    assert lines == sorted(set(lines))
    assert lines[0] == 2


def test_a_first_line_without_end_is_no_list_of_column_names():
    with pytest.raises(NotARecipientList, match="first line is longer"):
        read("a" * 3_000_000)
