"""A file of recipients as a stream of rows: never loaded whole, whatever is in it.

Everything downstream sees a `RowSource`, so another format is another source.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing.sniffing import DELIMITERS, HEAD_BYTES, delimiter_of, encoding_of

MAX_CELL = 10_000  # characters
MAX_COLUMNS = 200
MAX_RECORD = 262_144  # characters; a record longer than this is damage, not data
MAX_RECORD_LINES = 100  # a quote that is not closed by then never was meant to be open
MAX_KEPT_TEXT = 2_000  # characters of a row that are kept for the rejects file
_NUMBER_AS_HEADER = re.compile(r"\+?[\d\s().-]{7,}")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*')


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


class RowSource(Protocol):
    """Anything that yields rows under headers."""

    encoding: str
    delimiter: str
    headers: list[str]

    @property
    def bytes_read(self) -> int:
        """Bytes of the file taken so far, for progress; reading ahead a little."""

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row below the headers, once. Blank ones are left out."""


@contextmanager
def open_list(path: Path, delimiter: str | None = None) -> Iterator[RowSource]:
    """The file as a row source. Raises `NotARecipientList` when it cannot be a list."""
    with path.open("rb") as stream:
        yield CsvList(stream, delimiter)


class CsvList:
    """A CSV in UTF-8, with or without a byte order mark; comma, semicolon or tab between cells."""

    def __init__(self, stream: BinaryIO, delimiter: str | None = None) -> None:
        """Read the head and the headers of `stream`, which must be seekable.

        Raises `NotARecipientList` for a file that cannot be a list and `InvalidInput` for an
        impossible `delimiter`.
        """
        if delimiter is not None and delimiter not in DELIMITERS:
            raise InvalidInput(
                f"The delimiter {delimiter!r} is not supported. Use {_delimiter_choice()}."
            )
        head = stream.read(HEAD_BYTES)
        self.encoding = encoding_of(head, whole=len(head) < HEAD_BYTES)
        stream.seek(0)
        # A byte that is not UTF-8 further down becomes a lone surrogate, and its row a reject.
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        self._stream = stream
        self._lines = _Lines(text)
        sample = head.decode("utf-8-sig", errors="replace")
        self.delimiter = self._separator_line() or delimiter or delimiter_of(_whole_lines(sample))
        self._records = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        self.headers = _checked_headers(self._header_cells())

    @property
    def bytes_read(self) -> int:
        return self._stream.tell()

    def rows(self) -> Iterator[Row | BadRow]:
        while (record := self._next_record()) is not None:
            if isinstance(record, BadRow):
                yield record
            elif any(map(str.strip, record.cells)):
                yield self._fitted(record)

    def _separator_line(self) -> str | None:
        """The delimiter named by a first line such as `sep=;`, which spreadsheets write and eat."""
        self._lines.begin_record()
        try:
            first = next(self._lines)
        except _EndlessRecord:
            raise NotARecipientList(
                f"The first line is longer than {MAX_RECORD:,} characters, so it cannot hold the "
                "column names. Nothing was imported."
            ) from None
        match = _SEPARATOR_LINE.fullmatch(first)
        if match is None:
            self._lines.hand_back()
            return None
        if match[1] not in DELIMITERS:
            raise NotARecipientList(
                f"The first line names the delimiter {match[1]!r}, which is not supported. "
                f"Nothing was imported. Use {_delimiter_choice()}."
            )
        return match[1]

    def _header_cells(self) -> list[str]:
        record = self._next_record()
        while isinstance(record, Row) and not any(map(str.strip, record.cells)):
            record = self._next_record()
        if record is None:
            raise NotARecipientList("The file has no column names. Nothing was imported.")
        if isinstance(record, BadRow):
            raise NotARecipientList(
                f"The column names on line {record.line} cannot be read: {record.detail} "
                "Nothing was imported."
            )
        return record.cells

    def _next_record(self) -> Row | BadRow | None:
        """The next record, damaged or not; `None` at the end of the file."""
        self._lines.begin_record()
        try:
            cells = next(self._records)
        except StopIteration:
            return None
        except _EndlessRecord:
            return self._endless()
        except csv.Error as error:
            return self._damaged(error)
        return _checked_record(self._lines, cells)

    def _endless(self) -> BadRow:
        if len(self._lines.taken) == 1:  # one physical line that is too long by itself
            self._lines.skip_rest_of_line()
            return self._bad("too_long", f"The row is longer than {MAX_RECORD:,} characters.")
        return self._unclosed()

    def _damaged(self, error: csv.Error) -> BadRow:
        if len(self._lines.taken) > 1:
            return self._unclosed()
        if "field larger" in str(error):
            return self._bad("cell_too_long", _cell_too_long())
        if "end of data" in str(error):
            return self._unclosed()
        return self._bad(
            "bad_quotes",
            "A quotation mark stands inside a quoted value; write it twice, or remove it.",
        )

    def _unclosed(self) -> BadRow:
        """Reject the line that opened a quote, and read on at the very next one."""
        self._lines.hand_back(keep=1)
        return self._bad("unclosed_quote", "A quotation mark is opened and never closed properly.")

    def _bad(self, reason: str, detail: str) -> BadRow:
        return BadRow(self._lines.first, reason, detail, kept_text(self._lines.record_text()))

    def _fitted(self, row: Row) -> Row | BadRow:
        """The row with exactly one cell per header: missing ones at its end are blank."""
        cells, width = row.cells, len(self.headers)
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


class _EndlessRecord(Exception):
    """A record went past the most lines or characters that one may have."""


class _Lines:
    """Physical lines with their numbers, which can be handed back after a false start."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._number = 0
        self._chars = 0
        self.first = 1
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_RECORD_LINES:
            raise _EndlessRecord
        line = self._again.popleft() if self._again else self._text.readline(MAX_RECORD + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self.taken.append(line)
        self._chars += len(line)
        if self._chars > MAX_RECORD:
            raise _EndlessRecord
        return line

    def begin_record(self) -> None:
        self.taken = []
        self._chars = 0
        self.first = self._number + 1

    def record_text(self) -> str:
        return "".join(self.taken).rstrip("\r\n")

    def hand_back(self, *, keep: int = 0) -> None:
        """Take back every line of this record but its first `keep`."""
        self._number -= len(self.taken) - keep
        self._again.extendleft(reversed(self.taken[keep:]))
        del self.taken[keep:]

    def skip_rest_of_line(self) -> None:
        """Leave out what is left of a line that was cut at the limit, without keeping it."""
        piece = self.taken[-1]
        while piece and not piece.endswith(("\n", "\r")):
            piece = self._text.readline(MAX_RECORD)


def kept_text(text: str) -> str:
    """A row's text as it can be stored: bounded, and without what PostgreSQL cannot hold."""
    cut = text[:MAX_KEPT_TEXT]
    if cut.isascii() and "\0" not in cut:
        return cut
    return cut.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _checked_record(lines: _Lines, cells: list[str]) -> Row | BadRow:
    text = lines.record_text()
    problem = _damage(text, cells)
    if problem is not None:
        return BadRow(lines.first, *problem, kept_text(text))
    return Row(lines.first, cells, text)


def _damage(text: str, cells: list[str]) -> tuple[str, str] | None:
    if "\0" in text:
        return "nul_byte", "The row contains a NUL byte."
    if not text.isascii() and not _is_unicode(text):
        return "not_utf8", "The row contains bytes that are not UTF-8."
    if len(text) > MAX_CELL and max(map(len, cells), default=0) > MAX_CELL:
        return "cell_too_long", _cell_too_long()
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _cell_too_long() -> str:
    return f"A cell is longer than {MAX_CELL:,} characters."


def _delimiter_choice() -> str:
    *others, last = DELIMITERS.values()
    return f"{', '.join(others)} or {last}"


def _whole_lines(sample: str) -> str:
    """The sample without a last line that may have been cut."""
    end = max(sample.rfind("\n"), sample.rfind("\r"))
    return sample[: end + 1] if end >= 0 else sample


def _checked_headers(cells: list[str]) -> list[str]:
    headers = [" ".join(cell.split()) for cell in cells]
    while headers and not headers[-1]:  # spreadsheets write empty columns at the right edge
        headers.pop()
    if len(headers) > MAX_COLUMNS:
        raise NotARecipientList(
            f"The file has {len(headers):,} columns; a list has at most {MAX_COLUMNS}. "
            "Nothing was imported."
        )
    _refuse_unnamed(headers)
    _refuse_twins(headers)
    return headers


def _refuse_unnamed(headers: list[str]) -> None:
    for position, header in enumerate(headers, 1):
        if not header:
            raise NotARecipientList(
                f"Column {position} has no name. Nothing was imported. "
                "Give every column a name in the first line."
            )
        if _NUMBER_AS_HEADER.fullmatch(header):
            raise NotARecipientList(
                f"Column {position} begins with a telephone number instead of a name. Nothing was "
                "imported. Add a first line with column names, such as: phone, name."
            )


def _refuse_twins(headers: list[str]) -> None:
    seen: dict[str, int] = {}
    for position, header in enumerate(headers, 1):
        first = seen.setdefault(header.casefold(), position)
        if first != position:
            raise NotARecipientList(
                f"Columns {first} and {position} are both called {header[:80]!r}. Nothing was "
                "imported. Give every column a name of its own."
            )
