"""The file of rows that were not imported, to be corrected and imported again."""

import csv
from typing import TextIO

from sqlalchemy.orm import Session

from campaigns.csv_cells import safe_cell
from campaigns.errors import NotFound
from campaigns.store import imports


def write_rejects(session: Session, import_id: int, out: TextIO) -> int:
    """Write the rejects of an import as CSV: line, reason, detail, row; returns how many.

    Open `out` with `newline=""`. `row` is the row as it stood in the file, up to 2,000 characters.
    Raises `NotFound` for an unknown import.
    """
    if imports.find_import(session, import_id) is None:
        raise NotFound(f"There is no import {import_id}.")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(("line", "reason", "detail", "row"))
    count = 0
    for reject in imports.stream_rejects(session, import_id):
        cells = (reject.line, reject.reason, reject.detail, reject.row)
        writer.writerow(map(safe_cell, cells))
        count += 1
    return count
