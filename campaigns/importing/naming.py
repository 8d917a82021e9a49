"""The names of a list's columns: those in its first row, or made up where it has none."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.errors import NotARecipientList
from campaigns.importing.headers import looks_like_telephone, phone_rank
from campaigns.importing.records import MAX_COLUMNS

_MOST_NAMED = 5  # columns told about in one sentence


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """A name of its own for every column, and what was done to get there."""

    names: list[str]
    notes: tuple[str, ...]


def seems_to_have_names(cells: Sequence[str]) -> bool:
    """Whether a first row names columns: a row with a telephone number in it is already data."""
    if any(phone_rank(cell) is not None for cell in cells):
        return True
    return not any(looks_like_telephone(cell) for cell in cells)


def column_names(cells: Sequence[str], *, header: bool) -> ColumnNames:
    """Names for the columns of a list whose first row is `cells`.

    Raises `NotARecipientList` for more columns than a list may have.
    """
    width = len(cells)
    while width and not cells[width - 1].strip():  # spreadsheets write empty columns at the edge
        width -= 1
    if width > MAX_COLUMNS:
        raise NotARecipientList(
            f"The file has {width:,} columns; a list has at most {MAX_COLUMNS}. "
            "Nothing was imported."
        )
    if not header:
        return ColumnNames(
            [f"column {position}" for position in range(1, width + 1)],
            ("The first row holds data, not column names; the columns are named by position.",),
        )
    return _named([" ".join(cell.split()) for cell in cells[:width]])


def _named(cells: list[str]) -> ColumnNames:
    unnamed = [position for position, cell in enumerate(cells, 1) if not cell]
    given = [cell or f"column {position}" for position, cell in enumerate(cells, 1)]
    names, renamed = _made_distinct(given)
    notes = []
    if unnamed:
        shown = ", ".join(f"“column {position}”" for position in unnamed[:_MOST_NAMED])
        notes.append(f"Columns without a name are called by their position: {shown}.")
    if renamed:
        shown = ", ".join(f"“{name[:40]}”" for name in renamed[:_MOST_NAMED])
        notes.append(f"Columns that share a name were numbered: {shown}.")
    return ColumnNames(names, tuple(notes))


def _made_distinct(given: list[str]) -> tuple[list[str], list[str]]:
    """Each name once, whatever its case; the later of two twins gets a number."""
    taken = {name.casefold() for name in given}
    seen: set[str] = set()
    names, renamed = [], []
    for name in given:
        own, number = name, 2
        if name.casefold() in seen:
            while f"{name} {number}".casefold() in taken:
                number += 1
            own = f"{name} {number}"
            renamed.append(own)
        seen.add(own.casefold())
        taken.add(own.casefold())
        names.append(own)
    return names, renamed
