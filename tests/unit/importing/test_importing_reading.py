import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing.csv_list import MAX_RECORD, CsvList
from campaigns.importing.naming import column_names
from campaigns.importing.records import MAX_CELL, MAX_COLUMNS, MAX_KEPT_TEXT, BadRow, Row
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


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
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
    with pytest.raises(InvalidInput, match="comma, semicolon, tab or pipe"):
        opened("a,b\n1,2\n", "^")


def test_the_separator_line_of_spreadsheets_is_obeyed_and_skipped():
    source = opened("sep=;\na,x;b\n1;2\n")
    assert source.headers == ["a,x", "b"]
    assert list(source.rows()) == [Row(3, ["1", "2"], "1;2")]
    assert opened("sep=|\na|b\n1|2\n").headers == ["a", "b"]
    assert "'^'" in refusal("sep=^\na^b\n1^2\n")


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


def test_a_broken_byte_far_down_in_utf8_rejects_its_row_only():
    filler = "".join(f"{n},José\n" for n in range(HEAD_BYTES // 4)).encode()
    rows = read(b"phone,name\n" + filler + b"7,Jos\xe9\n8,Di\n")
    assert rows[-2].reason == "bad_characters"
    assert rows[-2].text.startswith("7,Jos")
    rows[-2].text.encode()  # can be stored
    assert rows[-1].cells == ["8", "Di"]


def cells_of(source):
    """The cells of every row, all of which can be read."""
    rows = list(source.rows())
    assert all(isinstance(row, Row) for row in rows), rows
    return [row.cells for row in rows]


def test_an_accent_far_down_in_plain_text_is_windows_text():
    filler = b"".join(b"%d,Bo\n" % n for n in range(HEAD_BYTES // 4))
    source = opened(b"phone,name\n" + filler + b"7,Jos\xe9\n8,Di\n")
    assert source.encoding == "Windows-1252"
    assert cells_of(source)[-2:] == [["7", "José"], ["8", "Di"]]


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


def test_half_a_mark_of_the_byte_order_is_an_empty_file_whoever_says_what_it_is():
    with pytest.raises(NotARecipientList, match="empty"):
        CsvList(io.BytesIO(b"\xef\xbb"), encoding="utf8")


@pytest.mark.parametrize(
    ("content", "seen"),
    [
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
    ],
)
def test_what_is_no_list_is_named(content, seen):
    message = refusal(content)
    assert seen in message
    assert "Nothing was imported" in message


@pytest.mark.parametrize(
    ("content", "part"),
    [
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


TEXT = 'phone;name\r\n2025550143;Ana é\r\n"2025550144";"Bo; Li"\r\n'


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode("utf-8"), "UTF-8"),
        (TEXT.encode("utf-8-sig"), "UTF-8 with BOM"),
        (TEXT.encode("utf-16"), "UTF-16 LE"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16 BE"),
        (TEXT.encode("utf-16-le"), "UTF-16 LE"),
        (TEXT.encode("utf-16-be"), "UTF-16 BE"),
        (TEXT.encode("cp1252"), "Windows-1252"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_reads_the_same(content, encoding, end):
    codec = {"UTF-16 LE": "utf-16-le", "UTF-16 BE": "utf-16-be", "Windows-1252": "cp1252"}
    width = codec.get(encoding, "utf-8")
    content = content.replace("\r\n".encode(width), end.encode(width))
    source = opened(content)
    assert (source.encoding, source.headers) == (encoding, ["phone", "name"])
    assert cells_of(source) == [
        ["2025550143", "Ana é"],
        ["2025550144", "Bo; Li"],
    ]


def test_an_encoding_may_be_said_and_an_unknown_one_is_refused():
    content = "phone,name\n1,Ana é\n".encode("cp1252")
    source = CsvList(io.BytesIO(content), encoding="cp-1252")
    assert cells_of(source) == [["1", "Ana é"]]
    with pytest.raises(InvalidInput, match="EBCDIC"):
        CsvList(io.BytesIO(content), encoding="EBCDIC")


@pytest.mark.parametrize(
    "content",
    [
        "phone,name\n1,Ana\n2,Bo\n".encode("utf-16-le")[:-1],  # cut in the middle of a character
        "phone,name\n1,Ana\n2,B\ud800o\n".encode("utf-16-le", "surrogatepass"),
    ],
)
def test_broken_utf16_costs_its_own_row_only(content):
    rows = read(content)
    assert rows[0].cells == ["1", "Ana"]
    assert [row.reason for row in rows[1:] if isinstance(row, BadRow)] == ["bad_characters"]


def test_the_unused_bytes_of_windows_text_reject_their_row():
    rows = read(b"phone,name\n1,Jos\xe9\n2,\x81\n3,Zo\xeb\n")
    assert [getattr(row, "reason", None) for row in rows] == [None, "bad_characters", None]


def test_a_list_without_column_names_loses_no_row():
    source = opened("2025550143,Ana,Lima\n2025550144,Bo,Oslo\n")
    assert source.headers == ["column 1", "column 2", "column 3"]
    assert (source.form.header, source.form.header_guessed) == (False, True)
    assert "named by position" in source.form.notes[0]
    assert [row.line for row in source.rows()] == [1, 2]


def test_what_was_guessed_about_the_first_row_can_be_overruled():
    content = "2025550143,Ana\n2025550144,Bo\n"
    named = CsvList(io.BytesIO(content.encode()), header=True)
    assert (named.headers, named.form.header_guessed) == (["2025550143", "Ana"], False)
    content = "phone,name\n2025550144,Bo\n"
    bare = CsvList(io.BytesIO(content.encode()), header=False)
    assert bare.headers == ["column 1", "column 2"]
    assert cells_of(bare) == [["phone", "name"], ["2025550144", "Bo"]]


@pytest.mark.parametrize(
    ("line", "headers", "note"),
    [
        ("phone,name,Phone", ["phone", "name", "Phone 2"], "“Phone 2”"),
        ("phone,phone 2,phone", ["phone", "phone 2", "phone 3"], "“phone 3”"),
        ("x,x,x", ["x", "x 2", "x 3"], "“x 2”, “x 3”"),
        ("phone,,name", ["phone", "column 2", "name"], "“column 2”"),
        ("column 2,,x", ["column 2", "column 2 2", "x"], "“column 2 2”"),
    ],
)
def test_every_column_gets_a_name_of_its_own_and_it_is_said(line, headers, note):
    source = opened(f"{line}\n1,2,3\n")
    assert source.headers == headers
    assert any(note in told for told in source.form.notes)


@given(st.lists(st.text(alphabet="ab AB12", max_size=3), min_size=1, max_size=12))
def test_column_names_are_distinct_whatever_they_were(cells):
    names = column_names(cells, header=True).names
    assert len({name.casefold() for name in names}) == len(names)


def test_two_stray_quotes_rows_apart_do_not_swallow_the_rows_between():
    rows = read(
        "phone,name,note\n"
        '2025550143,Ana,"call\n'
        "2025550144,Bo,\n"
        "2025550145,Cy,x\n"
        '2025550146,Di,late"\n'
        "2025550147,Ed,\n"
    )
    assert [(row.line, getattr(row, "reason", None)) for row in rows] == [
        (2, "unclosed_quote"),
        *((3, None), (4, None), (5, None), (6, None)),
    ]


def test_a_long_note_with_a_number_in_it_stays_one_value():
    rows = read('phone,note\n2025550143,"first\n2025550199\nlast, or not"\n2025550144,x\n')
    assert [row.line for row in rows] == [2, 5]
    assert rows[0].cells[1] == "first\n2025550199\nlast, or not"


def test_a_number_on_a_line_of_a_damaged_note_is_not_taken_for_a_row():
    rows = read('phone,note\n2025550143,"he said "hi"\n2025550199\nbye"\n2025550144,x\n')
    assert [(row.line, getattr(row, "reason", None)) for row in rows] == [
        *((2, "bad_quotes"), (3, "unclosed_quote"), (4, "unclosed_quote"), (5, None)),
    ]
    rows = read('phone,note\n2025550143,"never closed\n2025550199\n2025550144,"x\n2025550145\n')
    assert [(row.line, getattr(row, "reason", None)) for row in rows] == [
        *((2, "unclosed_quote"), (3, "unclosed_quote"), (4, "unclosed_quote")),
        (5, "unclosed_quote"),
    ]


@given(
    st.lists(st.sampled_from(["", '"', '"x', 'x"', '"x" y']), min_size=1, max_size=12),
    st.sampled_from(",;\t|"),
)
def test_undamaged_rows_with_numbers_survive_any_quotes_between_them(damaged, delimiter):
    """Every second row is whole; between them stands a row with any mess of quotes."""
    lines = [f"phone{delimiter}name{delimiter}note"]
    for n, mess in enumerate(damaged):
        lines.append(f"20255501{n:02}{delimiter}x{delimiter}{mess}")
        lines.append(f"30255501{n:02}{delimiter}y{delimiter}z")
    good = {row.cells[0] for row in read("\n".join(lines), delimiter) if isinstance(row, Row)}
    assert {f"30255501{n:02}" for n in range(len(damaged))} <= good
