"""Files as they come from the wild, damaged in every way we know: what is called, and what not."""

import io

import openpyxl
import pytest

GOOD = ["+12025550101", "+12025550102", "+12025550103"]
PLAIN = "phone,name\n+12025550101,Ana\n+12025550102,Bo\n+12025550103,Zoé\n"


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("People", 0)
    sheet.append(["Phone", "Name"])
    for value, name in ((12025550101, "Ana"), ("+12025550102", "Bo"), (2025550103, "Zoé")):
        sheet.append([value, name])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


CORPUS = {
    "utf-8": PLAIN.encode(),
    "utf-8 with a mark": PLAIN.encode("utf-8-sig"),
    "utf-16": PLAIN.encode("utf-16"),
    "utf-16 without a mark": PLAIN.encode("utf-16-le"),
    "big-endian utf-16": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "windows": PLAIN.encode("cp1252"),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "pipes": PLAIN.replace(",", "|").encode(),
    "carriage returns": PLAIN.replace("\n", "\r").encode(),
    "both line ends": PLAIN.replace("\n", "\r\n").encode(),
    "mixed line ends": PLAIN.replace("\n", "\r\n", 2).encode(),
    "no last line end": PLAIN.rstrip("\n").encode(),
    "a separator line": b"sep=,\r\n" + PLAIN.encode(),
    "no column names": PLAIN.split("\n", 1)[1].encode(),
    "twin columns": PLAIN.replace("phone,name", "phone,phone").encode(),
    "an unnamed column": PLAIN.replace(",", ",x,").replace("phone,x,", "phone,,").encode(),
    "ragged rows": PLAIN.replace(",Bo", "").replace("Ana", "Ana,,,").encode(),
    "an unclosed quote": PLAIN.replace("\n+12025550102", '\n911,"open\n+12025550102').encode(),
    "two stray quotes": PLAIN.replace("Ana\n", 'Ana\n911,"x\n').replace("Zoé", 'Zoé"').encode(),
    "nul bytes": PLAIN.replace("Ana\n", "Ana\n+12025550109,\0\n").encode(),
    "exponents": PLAIN.replace("+12025550102", "1.2025550102E+10").encode(),
    "lost digits": PLAIN.replace("Ana\n", "Ana\n1.20256E+10,Di\n").encode(),
    "trailing zeros": PLAIN.replace("+12025550102", "12025550102.0").encode(),
    "lost pluses": PLAIN.replace("+1202", "1202").encode(),
    "full-width digits": PLAIN.replace("+12025550102", "\uff12\uff10\uff12 555 0102").encode(),
    "invisible marks": PLAIN.replace("+12025550102", "\u202a202\u200b555\u00a00102\u202c").encode(),
    "trunk zeros": PLAIN.replace("+12025550102", "001 202 555 0102").encode(),
    "extensions": PLAIN.replace("Ana\n", "Ana\n202 555 0109 x12,Di\n").encode(),
    "quoted text": PLAIN.replace("+12025550102", "'202-555-0102").encode(),
    "a workbook": workbook(),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_damaged_list_loses_no_good_row_and_calls_nobody_else(
    campaign, imported, recipients_of, name
):
    summary = imported(campaign, CORPUS[name])
    assert summary.status == "done", summary.sentence
    assert [numbers for (numbers,) in recipients_of(campaign, "numbers")] == [[n] for n in GOOD]
    assert summary.rows_read == summary.rows_imported + summary.rows_rejected
    assert summary.rows_rejected <= 1


def test_damage_within_a_name_leaves_the_name_of_the_others(campaign, imported, recipients_of):
    imported(campaign, CORPUS["windows"])
    assert [name for (name,) in recipients_of(campaign, "fields->>'name'")] == ["Ana", "Bo", "Zoé"]
