"""What kind of file this is, decided on its first bytes, with a sentence when it is no list."""

import codecs
import csv
from contextlib import suppress
from itertools import islice

from campaigns.errors import NotARecipientList

HEAD_BYTES = 65_536  # this much of a file decides its encoding and its delimiter
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SAMPLE_RECORDS = 50
_BOM = codecs.BOM_UTF8

# First bytes of what people hand in by mistake.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF16_LE, "a text file in UTF-16"),
    (codecs.BOM_UTF16_BE, "a text file in UTF-16"),
    (b"PK\x03\x04", "an Excel workbook (XLSX) or another ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (XLS)"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", "an RTF document"),
)
_MARKUP = ((b"<!doctype", "a web page"), (b"<html", "a web page"), (b"<?xml", "an XML file"))
_ADVICE = "Nothing was imported. Save the list as CSV in UTF-8 and import that file."
_MAX_CONTROL_SHARE = 0.1
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r"))


def encoding_of(head: bytes, *, whole: bool) -> str:
    """`UTF-8` or `UTF-8 with BOM`; `whole` says that `head` is the entire file.

    Raises `NotARecipientList`, saying what the file looks like instead.
    """
    if not head.removeprefix(_BOM).strip():
        raise NotARecipientList("The file is empty. Nothing was imported.")
    seen = _foreign_format(head)
    if seen is None:
        seen = _not_utf8(head, whole=whole)
        # Control characters alone are odd text; with NULs or broken UTF-8 they are no text at all.
        if (seen is not None or b"\0" in head) and _mostly_controls(head):
            seen = "a binary file"
    if seen is not None:
        raise NotARecipientList(f"The file looks like {seen}, not like a CSV file. {_ADVICE}")
    return "UTF-8 with BOM" if head.startswith(_BOM) else "UTF-8"


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


def _agreement(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of records as wide as the header, and that width; one column has no share."""
    reader = csv.reader(sample.splitlines(keepends=True), delimiter=delimiter)
    widths: list[int] = []
    with suppress(csv.Error):  # a damaged record: judge by those before it
        widths.extend(len(cells) for cells in islice(reader, _SAMPLE_RECORDS) if any(cells))
    if not widths or widths[0] < 2:
        return 0.0, 1
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _foreign_format(head: bytes) -> str | None:
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    text = head.removeprefix(_BOM).lstrip()[:32].lower()
    for start, name in _MARKUP:
        if text.startswith(start):
            return name
    if text[:1] in (b"{", b"["):
        return "JSON"
    if _every_other_byte_is_nul(head):
        return "a text file in UTF-16"
    return None


def _mostly_controls(head: bytes) -> bool:
    return len(head) - len(head.translate(None, _CONTROLS)) > len(head) * _MAX_CONTROL_SHARE


def _every_other_byte_is_nul(head: bytes) -> bool:
    even, odd = head[::2].count(0), head[1::2].count(0)
    return max(even, odd) > len(head) * 0.35 and min(even, odd) < len(head) * 0.05


def _not_utf8(head: bytes, *, whole: bool) -> str | None:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError as error:
        line = head.count(b"\n", 0, error.start) + 1
        return (
            f"text in another encoding, such as Windows-1252 (byte 0x{head[error.start]:02X} on "
            f"line {line} is not UTF-8)"
        )
    return None
