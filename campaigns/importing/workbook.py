"""An XLSX workbook, opened with suspicion: it is a ZIP archive of XML, and both can be bombs.

What is read at once is small by a limit; what is large (a sheet, the table of its texts) is
streamed, with a limit on each piece, so that no workbook needs more memory than another.
"""

import errno
import io
import lzma
import struct
import tempfile
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from typing import IO, Any, BinaryIO, NamedTuple, cast
from xml.etree.ElementTree import Element, iterparse
from xml.parsers import expat

from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from campaigns.errors import NotARecipientList

MAX_UNPACKED = 1024 * 1024 * 1024  # bytes of all parts together
MAX_PART = 8 * 1024 * 1024  # bytes of a part that is held in memory
MAX_PIECE = 4 * 1024 * 1024  # bytes of XML for one row, or one text
MAX_RATIO = 250  # packed to unpacked; a sheet of a million equal rows reaches about 100
MAX_PARTS = 10_000
_RATIO_FROM = 10 * 1024 * 1024  # small parts may be packed as well as they like
_TEXTS_IN_MEMORY = 4 * 1024 * 1024
_PROLOG = 64 * 1024

_TEXT_TAG = f"{{{SHEET_MAIN_NS}}}si"
_ROW_TAG = f"{{{SHEET_MAIN_NS}}}row"
_ROWS_TAG = f"{{{SHEET_MAIN_NS}}}sheetData"

Value = str | int | float | bool | datetime | date | time | timedelta | None

# What the parsers raise for a workbook that is not what it claims to be. The errors of every XML
# library that openpyxl may use (lxml, where it is installed) are syntax errors.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError),
    *(SyntaxError, expat.ExpatError, AssertionError),
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError),
)


@contextmanager
def suspecting_the_workbook() -> Iterator[None]:
    """Inside, whatever a parser stumbles over becomes the refusal of the workbook."""
    try:
        yield
    except NotARecipientList:
        raise
    except OSError as error:
        # A place before the file's beginning is the archive's fault; other numbers are the disk's.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise broken_workbook() from None
    except BROKEN:
        raise broken_workbook() from None


def broken_workbook() -> NotARecipientList:
    """The refusal of a workbook that cannot be read."""
    return NotARecipientList(
        "The workbook is damaged and cannot be read. Nothing was imported. Open it in a "
        "spreadsheet, save it again as XLSX or CSV, and import that file."
    )


def too_large(what: str) -> NotARecipientList:
    """The refusal of a workbook that would need more than it may."""
    return NotARecipientList(
        f"{what} Nothing was imported. Save the sheet with the recipients as CSV and import that."
    )


class Workbook:
    """The sheets of a workbook. Use as a context manager; raises `NotARecipientList`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._texts = _Texts()
        try:
            with suspecting_the_workbook(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about styles and the like, which nobody sees here
                check_archive(stream)
                stream.seek(0)
                self._reader = _Reader(stream, self._texts)
        except BaseException:
            self._texts.close()
            raise
        self._book: Any = self._reader.wb
        sheets = self._reader.sheets
        visible = [sheet for sheet in sheets if sheet.visible]
        self._parts = {sheet.name: sheet.part for sheet in visible or sheets}

    def __enter__(self) -> "Workbook":
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()
        self._reader.archive.close()

    @property
    def sheets(self) -> tuple[str, ...]:
        """The names of the sheets, in order; hidden ones only when there are no others."""
        return tuple(self._parts)

    @property
    def date_system(self) -> int:
        """The year in which this workbook's calendar begins: 1900, or 1904."""
        return 1904 if self._book.epoch == CALENDAR_MAC_1904 else 1900

    def rows(self, sheet: str) -> Iterator[tuple[int, list[tuple[int, Value]]]]:
        """The number of each row with its cells, as column (from 0) and value; streamed."""
        parser: Any = WorkSheetParser(
            cast(Any, None),
            cast(Any, self._texts),
            data_only=True,
            epoch=self._book.epoch,
            date_formats=self._book._date_formats,
            timedelta_formats=self._book._timedelta_formats,
        )
        with self._reader.archive.open(self._parts[sheet]) as source:
            for element in _pieces(source, _ROWS_TAG, _ROW_TAG, "A row"):
                number, cells = parser.parse_row(element)
                parser.row_dimensions.clear()
                yield number, [(cell["column"] - 1, cell["value"]) for cell in cells]


class _Sheet(NamedTuple):
    name: str
    part: str
    visible: bool


class _Reader(ExcelReader):
    """Reads what a workbook's sheets are and how their cells are to be understood.

    The texts of its cells are kept aside, and its sheets are left to be streamed.
    """

    def __init__(self, stream: BinaryIO, texts: "_Texts") -> None:
        super().__init__(stream, read_only=True, data_only=True, keep_links=False)
        reader: Any = self
        self._texts = texts
        reader.read_manifest()
        self._read_texts(reader.package.find(SHARED_STRINGS))
        reader.read_workbook()
        apply_stylesheet(reader.archive, reader.wb)
        self.sheets = [
            _Sheet(sheet.name, related.target, sheet.state == "visible")
            for sheet, related in reader.parser.find_sheets()
            if related.target in reader.valid_files and "chartsheet" not in related.Type
        ]

    def _read_texts(self, part: Any) -> None:
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            for element in _pieces(source, f"{{{SHEET_MAIN_NS}}}sst", _TEXT_TAG, "A text"):
                text: Any = Text.from_tree(cast(Any, element))
                self._texts.append(text.content)


class _Texts:
    """The shared texts of a workbook, by number; beyond a few megabytes they are on disk."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by close()
            max_size=_TEXTS_IN_MEMORY
        )
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        data = text.replace("x005F_", "").encode("utf-8", "surrogatepass")
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends) - 1:
            raise IndexError(number)
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._file.close()


def check_archive(stream: BinaryIO) -> None:
    """Raise `NotARecipientList` for an archive that is no workbook, or would unpack to too much.

    A part never unpacks to more than its directory entry says: the reader stops there.
    """
    with zipfile.ZipFile(stream) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if "[Content_Types].xml" not in names or not any(n.startswith("xl/") for n in names):
            raise NotARecipientList(
                f"The file looks like {_other_archive(names)}, not like a list. Nothing was "
                "imported. Unpack it, and import the CSV or XLSX file inside."
            )
        if any(part.flag_bits & 0x1 for part in parts):
            raise NotARecipientList(
                "The workbook has a password. Nothing was imported. Save it without one."
            )
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise too_large("The workbook unpacks to more than 1 GB.")
        for part in parts:
            _check_part(part)
        for part in parts:
            if part.filename.endswith((".xml", ".rels")):
                with archive.open(part) as source, suppress(expat.ExpatError):
                    _prolog_without_doctype(source)


def _check_part(part: zipfile.ZipInfo) -> None:
    packed = max(part.compress_size, 1)
    if part.file_size > _RATIO_FROM and part.file_size / packed > MAX_RATIO:
        raise too_large("The workbook is packed far more tightly than any list could be.")
    streamed = part.filename.startswith(("xl/worksheets/", "xl/sharedStrings", "xl/media/"))
    if part.file_size > MAX_PART and not streamed and part.filename.endswith((".xml", ".rels")):
        raise too_large(f"The workbook has a part ({part.filename[:60]}) that is far too large.")


def _other_archive(names: set[str]) -> str:
    if "word/document.xml" in names:
        return "a Word document"
    if "mimetype" in names and "content.xml" in names:
        return "an OpenDocument file (save it as XLSX)"
    return "a ZIP archive"


def _pieces(source: IO[bytes], parent: str, tag: str, what: str) -> Iterator[Element]:
    """Every `tag` directly below `parent`, forgotten as soon as it was used."""
    _refuse_doctype(source)
    bounded = _Bounded(source, what)
    holder: Element | None = None
    for event, element in iterparse(cast(Any, bounded), ("start", "end")):
        if event == "start":
            if holder is None and element.tag == parent:
                holder = element
            continue
        if element.tag == tag and holder is not None:
            yield element
            holder.clear()
            bounded.used = 0
        elif element is holder:
            return


class _Bounded(io.RawIOBase):
    """Hands on bytes until one piece of the XML is too large; whoever uses a piece sets `used`."""

    def __init__(self, source: IO[bytes], what: str) -> None:
        self._source = source
        self._what = what
        self.used = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.used += len(data)
        if self.used > MAX_PIECE:
            raise too_large(f"{self._what} of the workbook is far too large.")
        return data


def _refuse_doctype(source: IO[bytes]) -> None:
    """Leave the source at its beginning, or raise when it is no XML or has a document type."""
    if not _prolog_without_doctype(source):
        raise broken_workbook()
    source.seek(0)


def _prolog_without_doctype(source: IO[bytes]) -> bool:
    """Read up to the first element; whether there is one. Raises for a document type.

    Entities are declared in a document type, and it stands nowhere else.
    """
    parser = expat.ParserCreate()
    over = False

    def begin(_name: str, _attributes: object) -> None:
        nonlocal over
        over = True

    def refuse(*_: object) -> None:
        raise broken_workbook()

    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    read = 0
    while not over and read < _PROLOG and (data := source.read(4096)):
        read += len(data)
        parser.Parse(data)
    return over
