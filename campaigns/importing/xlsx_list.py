"""One sheet of a workbook as a stream of rows, every value as the text a person would read.

A number is written with all its digits and a date as a date, so what the spreadsheet only shows
rounded is not lost on the way.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from campaigns.errors import InvalidInput, NotARecipientList
from campaigns.importing.naming import column_names, seems_to_have_names
from campaigns.importing.records import (
    MAX_COLUMNS,
    BadRow,
    Form,
    Row,
    damage,
    fitted,
    kept_text,
)
from campaigns.importing.sniffing import Kind
from campaigns.importing.workbook import (
    Value,
    Workbook,
    broken_workbook,
    suspecting_the_workbook,
)

_EXACT = 10**15  # a spreadsheet keeps fifteen digits; of a longer number the rest is invented
_ROWS_OF_A_SHEET = 1_048_576


class XlsxList:
    """A sheet of an XLSX workbook. Use as a context manager."""

    def __init__(
        self, stream: BinaryIO, *, sheet: str | None = None, header: bool | None = None
    ) -> None:
        """Open the workbook and read the headers of `sheet`, by default the first with rows.

        Raises `NotARecipientList` for what cannot be a list and `InvalidInput` for a sheet that
        is not there.
        """
        self._book = Workbook(stream)
        try:
            self._sheet = self._chosen(sheet)
            self._rows_in = self._records()
            first = next(self._rows_in, None)
            if first is None:
                raise NotARecipientList("The workbook has no rows. Nothing was imported.")
            has_names = seems_to_have_names(first.cells) if header is None else header
            named = column_names(first.cells, header=has_names)
        except BaseException:
            self._book.__exit__()
            raise
        self._stream = stream
        self._first = None if has_names else first
        self.headers = named.names
        self.form = Form(
            format=Kind.XLSX,
            encoding=None,
            delimiter=None,
            sheets=self._book.sheets,
            sheet=self._sheet,
            header=has_names,
            header_guessed=header is None,
            notes=named.notes,
            date_system=self._book.date_system,
        )

    def __enter__(self) -> "XlsxList":
        return self

    def __exit__(self, *_: object) -> None:
        self._book.__exit__()

    @property
    def bytes_read(self) -> int:
        return self._stream.tell()

    def rows(self) -> Iterator[Row | BadRow]:
        if self._first is not None:
            yield self._checked(self._first)
        yield from map(self._checked, self._rows_in)

    def _chosen(self, sheet: str | None) -> str:
        sheets = self._book.sheets
        if sheet is not None:
            wanted = sheet.strip().casefold()
            for name in sheets:
                if name.strip().casefold() == wanted:
                    return name
            known = ", ".join(repr(name[:40]) for name in sheets[:20])
            raise InvalidInput(f"There is no sheet {sheet[:40]!r}. The sheets are: {known}.")
        for name in sheets:
            self._sheet = name
            if next(self._records(), None) is not None:
                return name
        raise NotARecipientList("The workbook has no rows. Nothing was imported.")

    def _records(self) -> Iterator[Row]:
        """Every row with something in it."""
        last = 0
        with suspecting_the_workbook():
            for number, cells in self._book.rows(self._sheet):
                texts = _texts(cells)
                if not any(map(str.strip, texts)):
                    continue
                if not last < number <= _ROWS_OF_A_SHEET:
                    raise broken_workbook()
                last = number
                yield Row(number, texts, "\t".join(texts).rstrip("\t"))

    def _checked(self, row: Row) -> Row | BadRow:
        problem = damage(row.text, row.cells)
        if problem is not None:
            return BadRow(row.line, *problem, kept_text(row.text))
        return fitted(row, len(self.headers))


def _texts(cells: list[tuple[int, Value]]) -> list[str]:
    """The texts of a row by position; cells far to the right are kept side by side."""
    texts: list[str] = []
    for column, value in cells:
        if value is None:
            continue
        text = text_of(value)
        if not text.strip():
            continue
        texts.extend([""] * (min(column, MAX_COLUMNS) - len(texts)))
        if column < len(texts):
            texts[column] = text
        else:
            texts.append(text)
    return texts


def text_of(value: Value) -> str:
    """A cell's value as text: dates as 2026-11-24 15:30, numbers with every digit they have."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, time):
        return _time_of_day(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _moment(datetime(1900, 1, 1) + value).split(" ")[-1]  # noqa: DTZ001 - a wall clock
    return ""


def _number(value: int | float) -> str:
    if abs(value) >= _EXACT:
        return f"{value:.5E}"  # to be met downstream as a number that has lost its digits
    if isinstance(value, int) or value.is_integer():
        return str(int(value))
    return repr(value)


def _moment(value: datetime) -> str:
    """A day at midnight is a day without a time: that is how spreadsheets keep one."""
    rounded = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    day = rounded.date().isoformat()
    clock = rounded.time()
    return day if clock == time() else f"{day} {_time_of_day(clock)}"


def _time_of_day(value: time) -> str:
    return value.strftime("%H:%M" if not value.second else "%H:%M:%S")
