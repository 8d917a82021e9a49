"""Opt-outs as people hand them in: one number, many, or a file; read, then stopped."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session

from campaigns.errors import InvalidInput, NotAPhoneNumber
from campaigns.importing import preview
from campaigns.importing.reading import BadRow, open_list
from campaigns.phone import parse_number
from campaigns.stopping import opt_out_numbers

# One transaction holds the gate against every claim, so a long list goes in pieces.
BATCH = 500

# Whoever asks not to be called is taken at their word, even where we would never call.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that is no telephone number, and why. `line` is its place in what was handed in."""

    line: int
    text: str
    problem: str


@dataclass(frozen=True, slots=True)
class ReadNumbers:
    """Numbers in E.164, each once, and the texts that are none."""

    numbers: list[str]
    unreadable: list[Unreadable]


def read_numbers(texts: Iterable[tuple[int, str]], country: str) -> ReadNumbers:
    """Read telephone numbers from texts with their lines; `country` reads those without a code."""
    numbers: dict[str, None] = {}
    unreadable = []
    for line, text in texts:
        if _E164.fullmatch(text.strip()):
            numbers[text.strip()] = None
            continue
        try:
            numbers[parse_number(text, country)] = None
        except NotAPhoneNumber as problem:
            unreadable.append(Unreadable(line, text[:60], str(problem)))
    return ReadNumbers(list(numbers), unreadable)


def opt_out(
    session: Session, numbers: Sequence[str], source: str, evidence: str, now: datetime
) -> list[int]:
    """Never call these numbers (E.164) again; returns the calls to be recalled after the commit.

    Raises `InvalidInput` for more than `BATCH`: split a longer list, a transaction for each piece.
    """
    if len(numbers) > BATCH:
        raise InvalidInput(f"At most {BATCH} numbers at a time, not {len(numbers):,}.")
    return opt_out_numbers(session, numbers, source, evidence, now)


def in_batches(numbers: Sequence[str]) -> Iterator[list[str]]:
    """The numbers in pieces that one transaction may take."""
    rest = iter(numbers)
    while batch := list(islice(rest, BATCH)):
        yield batch


def numbers_in_file(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file's telephone column, with their lines.

    A file of one column may do without a heading. Raises `NotARecipientList` when there is no
    telephone column.
    """
    with path.open("rb") as stream:
        head = stream.read(65536)
    if _is_plain_list(head):
        yield from _plain_lines(path)
        return
    mapping = preview(path).mapping
    if mapping is None:
        raise InvalidInput(preview(path).problem or "The file has no telephone column.")
    positions = [mapping.headers.index(column) for column in mapping.phone_columns]
    with open_list(path, None) as source:
        for row in source.rows():
            if isinstance(row, BadRow):
                continue
            yield from ((row.line, row.cells[p]) for p in positions if row.cells[p].strip())


def _is_plain_list(head: bytes) -> bool:
    """Whether a file is nothing but numbers, one on each line."""
    try:
        lines = [line for line in head.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return False
    first = lines[0] if lines else ""
    return not any(sign in first for sign in ',;\t"') and any(c.isdigit() for c in first)


def _plain_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for line, text in enumerate(stream, start=1):
            if text.strip():
                yield line, text.strip()
