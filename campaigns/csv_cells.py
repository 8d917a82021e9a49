"""Cells of the CSV files we write: a spreadsheet must show them, never run them."""

# What makes a spreadsheet read a cell as a formula, with the full-width forms that some of them
# fold into ASCII first (OWASP: CSV injection).
_FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
# Some programs drop these before they look at the first character.
_DROPPED = " \u00a0\u200b\u200e\u200f\u2060\ufeff\0"

# In front of a file that people open: without it Excel takes UTF-8 for its own old alphabet. Files
# that programs read (the API, the command line) begin with their first character.
BOM = "\ufeff"


def safe_cell(value: object) -> str:
    """`value` as text that no spreadsheet takes for a formula: `None` is empty, `'` goes in front.

    Write the file with `csv.QUOTE_ALL` too: inside quotes, a semicolon cannot begin a new cell in a
    program that separates cells by semicolons.
    """
    if value is None:
        return ""
    text = str(value)
    first = text.lstrip(_DROPPED)[:1]
    return f"'{text}" if first in _FORMULA_STARTS and first else text
