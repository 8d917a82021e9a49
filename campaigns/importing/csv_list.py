"""A text file as a stream of rows: never loaded whole, whatever is in it.

A quotation mark that is never closed would swallow the rest of a file. So a record is bounded, a
record that turns out to be damaged costs its first line only, and reading goes on at the next one.
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing.headers import looks_like_telephone
from campaigns.importing.naming import column_names, seems_to_have_names
from campaigns.importing.records import (
    BadRow,
    Form,
    Row,
    cell_too_long,
    damage,
    fitted,
    kept_text,
)
from campaigns.importing.sniffing import (
    DELIMITERS,
    ENCODINGS,
    HEAD_BYTES,
    Kind,
    delimiter_of,
    encoding_named,
    encoding_of,
    kind_of,
)

MAX_RECORD = 262_144  # characters; a record longer than this is damage, not data
MAX_RECORD_LINES = 100  # a quote that is not closed by then never was meant to be open
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*')
_UNCLOSED = "unclosed_quote"


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Undecodable bytes become a lone surrogate, which no text has, and their row a reject."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error("outdial-mark", _mark)


class CsvList:
    """A text file with comma, semicolon, tab or pipe between its cells."""

    def __init__(
        self,
        stream: BinaryIO,
        delimiter: str | None = None,
        *,
        encoding: str | None = None,
        header: bool | None = None,
    ) -> None:
        """Read the head and the headers of `stream`, which must be seekable.

        What is `None` is found out. Raises `NotARecipientList` for a file that cannot be a list
        and `InvalidInput` for an impossible `delimiter` or `encoding`.
        """
        if delimiter is not None and delimiter not in DELIMITERS:
            raise InvalidInput(
                f"The delimiter {delimiter!r} is not supported. Use {_delimiter_choice()}."
            )
        head = stream.read(HEAD_BYTES)
        if kind_of(head) is not Kind.CSV:
            raise NotARecipientList("The file is a workbook, not a text file.")
        stream.seek(0)
        self.encoding = encoding_named(encoding) if encoding else encoding_of(stream)
        codec = ENCODINGS[self.encoding]
        text = io.TextIOWrapper(stream, codec, errors="outdial-mark", newline="")
        self._stream = stream
        self._lines = _Lines(text)
        self._doubtful_before = 0  # the first line that no damaged record reached
        self._after_damage = False
        sample = head.decode(codec, errors="replace").removeprefix("\ufeff")
        self.delimiter = self._separator_line() or delimiter or delimiter_of(_whole_lines(sample))
        self._records = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        self.headers: list[str] = []
        self._first: Row | None = None
        self.form = self._read_headers(header)

    @property
    def bytes_read(self) -> int:
        return self._stream.tell()

    def rows(self) -> Iterator[Row | BadRow]:
        if self._first is not None:
            yield fitted(self._first, len(self.headers))
        while (record := self._next_record()) is not None:
            if isinstance(record, BadRow):
                yield record
            elif any(map(str.strip, record.cells)):
                yield self._checked(record)

    def _checked(self, row: Row) -> Row | BadRow:
        """The row as wide as the headers.

        After a quote that was never closed, a line without any delimiter is taken for a piece of
        the damaged row: a telephone number in somebody's notes must not be called.
        """
        if self._after_damage and len(row.cells) == 1 < len(self.headers):
            return BadRow(row.line, _UNCLOSED, _piece_of_damage(), kept_text(row.text))
        self._after_damage = row.line < self._doubtful_before
        return fitted(row, len(self.headers))

    def _separator_line(self) -> str | None:
        """The delimiter named by a first line such as `sep=;`, which spreadsheets write and eat."""
        self._lines.begin_record()
        try:
            first = next(self._lines, None)
        except _EndlessRecord:
            raise NotARecipientList(
                f"The first line is longer than {MAX_RECORD:,} characters, so it cannot hold the "
                "column names. Nothing was imported."
            ) from None
        if first is None:  # bytes, but no character: half a mark of the byte order, say
            raise NotARecipientList("The file is empty. Nothing was imported.")
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

    def _read_headers(self, header: bool | None) -> Form:
        first = self._first_record()
        has_names = seems_to_have_names(first.cells) if header is None else header
        named = column_names(first.cells, header=has_names)
        self.headers = named.names
        self._first = None if has_names else first
        return Form(
            format=Kind.CSV,
            encoding=self.encoding,
            delimiter=self.delimiter,
            sheets=(),
            sheet=None,
            header=has_names,
            header_guessed=header is None,
            notes=named.notes,
        )

    def _first_record(self) -> Row:
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
        return record

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
        if len(self._lines.taken) > 1 and self._holds_several_rows():
            return self._unclosed()
        text = self._lines.record_text()
        problem = damage(text, cells)
        if problem is not None:
            return BadRow(self._lines.first, *problem, kept_text(text))
        return Row(self._lines.first, cells, text)

    def _holds_several_rows(self) -> bool:
        """Whether the lines of one record look like rows of their own.

        Two stray quotation marks, lines apart, make one value of all that is between them.
        """
        width = len(self.headers)
        if width < 2:
            return False
        seen: set[int] = set()
        for line in self._lines.taken:
            cells = line.rstrip("\r\n").split(self.delimiter)
            if len(cells) != width:
                continue
            numbers = {i for i, cell in enumerate(cells) if looks_like_telephone(cell.strip(' "'))}
            if numbers & seen:
                return True
            seen |= numbers
        return False

    def _endless(self) -> BadRow:
        if len(self._lines.taken) == 1:  # one physical line that is too long by itself
            self._lines.skip_rest_of_line()
            return self._bad("too_long", f"The row is longer than {MAX_RECORD:,} characters.")
        return self._unclosed()

    def _damaged(self, error: csv.Error) -> BadRow:
        if len(self._lines.taken) > 1:
            return self._unclosed()
        if "field larger" in str(error):
            return self._bad("cell_too_long", cell_too_long())
        if "end of data" in str(error):
            return self._unclosed()
        self._after_damage = True
        return self._bad(
            "bad_quotes",
            "A quotation mark stands inside a quoted value; write it twice, or remove it.",
        )

    def _unclosed(self) -> BadRow:
        """Reject the line that opened a quote, and read on at the very next one."""
        self._after_damage = True
        self._doubtful_before = max(
            self._doubtful_before, self._lines.first + len(self._lines.taken)
        )
        self._lines.hand_back(keep=1)
        return self._bad(_UNCLOSED, "A quotation mark is opened and never closed properly.")

    def _bad(self, reason: str, detail: str) -> BadRow:
        return BadRow(self._lines.first, reason, detail, kept_text(self._lines.record_text()))


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
        if not self._number:
            line = line.removeprefix("\ufeff")
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


def _piece_of_damage() -> str:
    return "The line is too short for a row; it may belong to the damaged row above it."


def _delimiter_choice() -> str:
    *others, last = DELIMITERS.values()
    return f"{', '.join(others)} or {last}"


def _whole_lines(sample: str) -> str:
    """The sample without a last line that may have been cut."""
    end = max(sample.rfind("\n"), sample.rfind("\r"))
    return sample[: end + 1] if end >= 0 else sample
