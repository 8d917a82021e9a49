"""A file of recipients as a stream of rows, whatever kind of file it is.

Everything downstream sees a `RowSource`, so another format is another source.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaigns.importing.csv_list import CsvList
from campaigns.importing.records import BadRow, Form, Row, RowSource, kept_text
from campaigns.importing.sniffing import HEAD_BYTES, Kind, kind_of
from campaigns.importing.xlsx_list import XlsxList


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of how a file is written; whatever is `None` is found out."""

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    sheet: str | None = None


@contextmanager
def open_list(path: Path, reading: Reading | None = None) -> Iterator[RowSource]:
    """The file as a row source. Raises `NotARecipientList` when it cannot be a list."""
    known = reading or Reading()
    with path.open("rb") as stream:
        kind = kind_of(stream.read(HEAD_BYTES))
        stream.seek(0)
        if kind is Kind.CSV:
            yield CsvList(stream, known.delimiter, encoding=known.encoding, header=known.header)
            return
        with XlsxList(stream, sheet=known.sheet, header=known.header) as source:
            yield source


__all__ = ["BadRow", "Form", "Reading", "Row", "RowSource", "kept_text", "open_list"]
