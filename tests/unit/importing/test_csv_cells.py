import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.csv_cells import safe_cell


@pytest.mark.parametrize(
    "dangerous",
    [
        "=1+1",
        '=HYPERLINK("x")',
        "+12025550100",
        "-5",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "  =1+1",
        "\ufeff=1+1",
        "\u200b=1+1",
    ],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(dangerous):
    assert safe_cell(dangerous) == "'" + dangerous


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Ada", "Ada"),
        ("a=b", "a=b"),
        ("", ""),
        ("   ", "   "),
        (None, ""),
        (12, "12"),
        (0, "0"),
        (-3, "'-3"),
        ("'quoted", "'quoted"),
    ],
)
def test_everything_else_stays_as_it_is(value, written):
    assert safe_cell(value) == written


@given(st.text())
def test_no_cell_begins_like_a_formula_and_no_text_is_lost(text):
    cell = safe_cell(text)
    assert cell[:1] not in tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
    assert cell.removeprefix("'") == text.removeprefix("'")
