"""What kind of file this is: workbook or text, its encoding and its delimiter.

What is no list gets a sentence that says what it is and what to do.
"""

import codecs
import csv
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

from campaigns.errors import InvalidInput, NotARecipientList

HEAD_BYTES = 65_536  # this much of a file decides its kind and its delimiter
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SAMPLE_RECORDS = 50
_CHUNK = 1024 * 1024
_BOM = codecs.BOM_UTF8

# What an encoding is called here, and its codec. A mark of the byte order is read over by all.
ENCODINGS = {
    "UTF-8": "utf-8-sig",
    "UTF-8 with BOM": "utf-8-sig",
    "UTF-16 LE": "utf-16-le",
    "UTF-16 BE": "utf-16-be",
    "Windows-1252": "cp1252",
}
_BY_SHORT_NAME = {
    "utf8": "UTF-8",
    "utf8sig": "UTF-8",
    "utf16": "UTF-16 LE",
    "utf16le": "UTF-16 LE",
    "utf16be": "UTF-16 BE",
    "cp1252": "Windows-1252",
    "windows1252": "Windows-1252",
    "latin1": "Windows-1252",
    "iso88591": "Windows-1252",
}

_SAVE_AS = "Save the list as CSV in UTF-8, or as XLSX, and import that file."
# First bytes of what people hand in by mistake, what it is, and what to do about it.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel workbook (XLS), or a workbook with a password",
        "Open it in Excel, take the password off if it has one, and save it as XLSX or CSV.",
    ),
    (b"%PDF", "a PDF", "Ask for the list as a spreadsheet: a PDF has no columns to read."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and import the file inside."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it and import the file inside."),
    (b"Rar!", "a RAR archive", "Unpack it and import the file inside."),
    (b"\x89PNG", "a picture", _SAVE_AS),
    (b"\xff\xd8\xff", "a picture", _SAVE_AS),
    (b"GIF8", "a picture", _SAVE_AS),
    (b"{\\rtf", "an RTF document", _SAVE_AS),
)
_WEB_PAGE = (
    "Some programs call a web page XLS. Open it in a spreadsheet and save it as XLSX or CSV."
)
_MARKUP = (
    (b"<!doctype", "a web page", _WEB_PAGE),
    (b"<html", "a web page", _WEB_PAGE),
    (b"<table", "a web page", _WEB_PAGE),
    (b"<?xml", "an XML file", _SAVE_AS),
)
_MAX_CONTROL_SHARE = 0.1
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r"))


class Kind(StrEnum):
    """The kinds of file that are read."""

    CSV = "csv"
    XLSX = "xlsx"


def encoding_named(name: str) -> str:
    """The encoding a person means by `name`. Raises `InvalidInput` for one that is not read."""
    short = "".join(character for character in name.lower() if character.isalnum())
    if short not in _BY_SHORT_NAME:
        raise InvalidInput(
            f"The encoding {name[:40]!r} is not supported. Use UTF-8, UTF-16 or Windows-1252."
        )
    return _BY_SHORT_NAME[short]


def kind_of(head: bytes) -> Kind:
    """What a file with these first bytes is; raises `NotARecipientList` for what is never read."""
    if not head.removeprefix(_BOM).strip():
        raise NotARecipientList("The file is empty. Nothing was imported.")
    if head.startswith(b"PK\x03\x04"):
        return Kind.XLSX
    for signature, name, advice in _SIGNATURES:
        if head.startswith(signature):
            raise _no_list(name, advice)
    text = head.removeprefix(_BOM).lstrip()[:32].lower()
    for start, name, advice in _MARKUP:
        if text.startswith(start):
            raise _no_list(name, advice)
    if text[:1] in (b"{", b"["):
        raise _no_list("JSON", _SAVE_AS)
    return Kind.CSV


def encoding_of(stream: BinaryIO) -> str:
    """One of `ENCODINGS`, decided on the whole of a text file; the stream ends at its beginning.

    Raises `NotARecipientList` for what is no text.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if head.startswith(codecs.BOM_UTF16_LE):
        return "UTF-16 LE"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "UTF-16 BE"
    wide = _wide_encoding(head)
    if wide is not None:
        return wide
    good, bad = _utf8_score(stream)
    stream.seek(0)
    # Control characters alone are odd text; with NULs or broken UTF-8 they are no text at all.
    if (bad or b"\0" in head) and _mostly_controls(head):
        raise _no_list("a binary file", _SAVE_AS)
    if head.startswith(_BOM):
        return "UTF-8 with BOM"
    # A stray byte in a file full of good UTF-8 is damage to its row; otherwise it is another
    # encoding, and by far the commonest one is that of Windows.
    return "UTF-8" if bad <= good else "Windows-1252"


def delimiter_of(sample: str) -> str:
    """The delimiter under which the first records agree best with the header.

    A file in which no candidate splits the header has one column, for which any will do.
    """
    best, best_score = ",", (0.0, 1)
    for candidate in DELIMITERS:
        score = _agreement(sample, candidate)
        if score[1] > 1 and score > best_score:
            best, best_score = candidate, score
    return best


def _no_list(name: str, advice: str) -> NotARecipientList:
    return NotARecipientList(
        f"The file looks like {name}, not like a list. Nothing was imported. {advice}"
    )


def _agreement(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of records as wide as the header, and that width; one column has no share."""
    reader = csv.reader(sample.splitlines(keepends=True), delimiter=delimiter)
    widths: list[int] = []
    with suppress(csv.Error):  # a damaged record: judge by those before it
        widths.extend(len(cells) for cells in islice(reader, _SAMPLE_RECORDS) if any(cells))
    if not widths or widths[0] < 2:
        return 0.0, 1
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _mostly_controls(head: bytes) -> bool:
    return len(head) - len(head.translate(None, _CONTROLS)) > len(head) * _MAX_CONTROL_SHARE


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of Western text is NUL."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) <= len(head) * 0.35 or min(even, odd) >= len(head) * 0.05:
        return None
    return "UTF-16 BE" if even > odd else "UTF-16 LE"


def _utf8_score(stream: BinaryIO) -> tuple[int, int]:
    """How many characters beyond ASCII are good UTF-8, and how many bytes are not, in the file."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    pending = False
    while chunk := stream.read(_CHUNK):
        if chunk.isascii() and not pending:
            continue
        text = decoder.decode(chunk)
        pending = bool(decoder.getstate()[0])
        beyond = len(text) - len(text.encode("ascii", "ignore"))
        broken = beyond - _without_surrogates(text)
        good, bad = good + beyond - broken, bad + broken
    return good, bad + len(decoder.decode(b"", final=True))


def _without_surrogates(text: str) -> int:
    """How many characters beyond ASCII are real ones."""
    clean = text.encode("utf-8", "ignore").decode("utf-8")
    return len(clean) - len(clean.encode("ascii", "ignore"))
