"""The file of rows that were not imported, to be corrected and imported again as a list."""

import csv
import io
from collections.abc import Mapping
from typing import Any, TextIO

from sqlalchemy.orm import Session

from campaigns.csv_cells import safe_cell
from campaigns.errors import NotFound
from campaigns.importing.headers import REJECT_COLUMNS
from campaigns.store import imports

_TAB = "\t"  # what stands between the cells of a kept row of a workbook


def write_rejects(session: Session, import_id: int, out: TextIO) -> int:
    """Write the rejects of an import as CSV; returns how many.

    Each stands in the columns of its own list, behind three of ours (`REJECT_COLUMNS`): its line, a
    code and a sentence for the reason. An import of the corrected file leaves those three out. A
    row longer than 2,000 characters is cut there; one with more cells than there are columns keeps
    the rest at its end. Open `out` with `newline=""`. Raises `NotFound` for an
    unknown import.
    """
    found = imports.find_import(session, import_id)
    if found is None:
        raise NotFound(f"There is no import {import_id}.")
    mapping = found.mapping or {}
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    headers: list[str] = [name for name in mapping.get("headers", ()) if name not in REJECT_COLUMNS]
    writer.writerow(map(safe_cell, (*REJECT_COLUMNS, *headers)))
    count = 0
    for reject in imports.stream_rejects(session, import_id):
        cells = _cells(reject.row, mapping)
        writer.writerow(map(safe_cell, (reject.line, reject.reason, reject.detail, *cells)))
        count += 1
    return count


def _cells(row: str, mapping: Mapping[str, Any]) -> list[str]:
    """The cells of a row as it stood in its file, without those that we had put there."""
    if mapping.get("delimiter"):
        lines = io.StringIO(row, newline="")
        cells = next(csv.reader(lines, delimiter=mapping["delimiter"]), [])
    else:
        cells = row.split(_TAB)
    headers = mapping.get("headers", ())
    ours = {place for place, name in enumerate(headers) if name in REJECT_COLUMNS}
    return [cell for place, cell in enumerate(cells) if place not in ours]
