"""Opt-outs to be kept elsewhere, streamed: the same memory for ten and for ten million."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from campaigns.csv_cells import safe_cell
from campaigns.db import database_now, transaction
from campaigns.store.opt_outs import OptOutRow, Search, search_opt_outs

COLUMNS = (
    *("number", "source", "who", "evidence", "created_at", "expires_at", "campaign_id", "state"),
    *("lifted_at", "lifted_by", "lifted_why"),
)
_PIECE = 2000


def csv_lines(engine: Engine, wanted: Search) -> Iterator[str]:
    """A CSV file in pieces, heading first; our own import reads it again.

    Numbers begin with a plus sign and so get an apostrophe in front, as every cell that a
    spreadsheet might run.
    """
    yield _csv([COLUMNS])
    for rows, now in _rows(engine, wanted):
        yield _csv([tuple(plain(row, now).values()) for row in rows])


def json_lines(engine: Engine, wanted: Search) -> Iterator[str]:
    """One JSON object a line."""
    for rows, now in _rows(engine, wanted):
        yield "".join(json.dumps(plain(row, now), ensure_ascii=False) + "\n" for row in rows)


def plain(row: OptOutRow, now: datetime) -> dict[str, Any]:
    """An opt-out as JSON values, under the names in `COLUMNS`."""
    values = {
        **{name: getattr(row, name) for name in COLUMNS if hasattr(row, name)},
        "number": row.shown,
        "state": row.state(now),
    }
    return {name: _value(values[name]) for name in COLUMNS}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _rows(engine: Engine, wanted: Search) -> Iterator[tuple[list[OptOutRow], datetime]]:
    """Pieces, each read in a transaction of its own: a slow reader must not keep one open."""
    after: OptOutRow | None = None
    while True:
        with transaction(engine) as session:
            now = database_now(session)
            rows = search_opt_outs(session, wanted, now, _PIECE, after)
        if rows:
            yield rows, now
        if len(rows) < _PIECE:
            return
        after = rows[-1]


def _csv(rows: list[Any]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()
