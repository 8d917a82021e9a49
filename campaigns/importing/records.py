"""What every kind of file is read into: rows, damaged rows, and the source that yields them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

MAX_CELL = 10_000  # characters
MAX_COLUMNS = 200
MAX_KEPT_TEXT = 2_000  # characters of a row that are kept for the rejects file


class Row(NamedTuple):
    """One record: as many cells as there are headers, the line it began on, and its own text."""

    line: int
    cells: list[str]
    text: str


class BadRow(NamedTuple):
    """One record that cannot be read, with a reason code and a sentence."""

    line: int
    reason: str
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written.

    `encoding` and `delimiter` are `None` for a workbook, `sheets` is empty for a text file.
    `header` tells whether the first row holds the column names; `header_guessed` that nobody said
    so. `notes` are sentences about what was made of the column names.
    """

    format: str
    encoding: str | None
    delimiter: str | None
    sheets: tuple[str, ...]
    sheet: str | None
    header: bool
    header_guessed: bool
    notes: tuple[str, ...]
    date_system: int = 1900


class RowSource(Protocol):
    """Anything that yields rows under headers."""

    form: Form
    headers: list[str]

    @property
    def bytes_read(self) -> int:
        """Bytes of the file taken so far, for progress; reading ahead a little."""

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row below the headers, once. Blank ones are left out."""


def kept_text(text: str) -> str:
    """A row's text as it can be stored: bounded, and without what PostgreSQL cannot hold."""
    cut = text[:MAX_KEPT_TEXT]
    if cut.isascii() and "\0" not in cut:
        return cut
    return cut.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def fitted(row: Row, width: int) -> Row | BadRow:
    """The row with exactly `width` cells: missing ones at its end are blank."""
    cells = row.cells
    if len(cells) < width:
        cells.extend([""] * (width - len(cells)))
    elif len(cells) > width:
        if any(map(str.strip, cells[width:])):
            return BadRow(
                row.line,
                "too_many_cells",
                f"The row has {len(cells):,} cells, but there are {width} columns; a "
                "delimiter inside a value needs quotation marks around the value.",
                kept_text(row.text),
            )
        del cells[width:]
    return row


def damage(text: str, cells: list[str]) -> tuple[str, str] | None:
    """Why a record that was split into cells still cannot be used, as reason and sentence."""
    if "\0" in text:
        return "nul_byte", "The row contains a NUL byte."
    if not text.isascii() and not _is_unicode(text):
        return "bad_characters", "The row contains bytes that mean nothing in the file's encoding."
    if len(text) > MAX_CELL and max(map(len, cells), default=0) > MAX_CELL:
        return "cell_too_long", cell_too_long()
    return None


def cell_too_long() -> str:
    """The sentence about a cell beyond `MAX_CELL`."""
    return f"A cell is longer than {MAX_CELL:,} characters."


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
