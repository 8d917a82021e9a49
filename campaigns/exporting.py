"""A campaign's recipients or attempts as CSV or as lines of JSON, streamed: the same memory for ten
rows and ten million."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns.campaigning import campaign_by_id
from campaigns.csv_cells import safe_cell
from campaigns.db import transaction
from campaigns.store import exports
from campaigns.store.exports import AttemptExportRow, ExportRow

BATCH = 2000
COLUMNS = (
    *("recipient", "status", "reason", "number", "other_numbers", "attempts", "disposition"),
    *("answered_by", "last_attempt_at", "answer", "answered_at", "appointment_at"),
    *("next_attempt_at", "deadline_at"),
)
ATTEMPT_COLUMNS = tuple(one.name for one in dataclasses.fields(AttemptExportRow))


def export_columns(session: Session, campaign_id: int) -> list[str]:
    """The recipients' own columns, in the order of the lists they came from; raises `NotFound`."""
    campaign_by_id(session, campaign_id)
    return exports.variable_names(session, campaign_id)


def recipient_lines(engine: Engine, campaign_id: int, variables: Sequence[str]) -> Iterator[str]:
    """The file in pieces, heading first; `variables` as `export_columns` found them.

    Each piece is read in a transaction of its own: one that stayed open while a slow reader takes
    its time would be ended by the database. So a row shows the instant its piece was read.

    Telephone numbers begin with a plus sign and so get an apostrophe in front, as every cell that
    a spreadsheet might run; our own import drops it again.
    """
    yield _csv([[*COLUMNS, *variables]])
    for rows in _pieces(engine, campaign_id):
        yield _csv([_cells(row, variables) for row in rows])


def recipient_json_lines(engine: Engine, campaign_id: int) -> Iterator[str]:
    """The same for programs: one JSON object a line, numbers and columns as they are."""
    for rows in _pieces(engine, campaign_id):
        yield "".join(f"{json.dumps(_object(row), ensure_ascii=False)}\n" for row in rows)


def attempt_lines(engine: Engine, campaign_id: int) -> Iterator[str]:
    """A campaign's attempts as CSV in pieces, heading first, in the order of their slots."""
    yield _csv([ATTEMPT_COLUMNS])
    for rows in _attempt_pieces(engine, campaign_id):
        yield _csv([list(_attempt_object(row).values()) for row in rows])


def attempt_json_lines(engine: Engine, campaign_id: int) -> Iterator[str]:
    """The same for programs: one JSON object a line."""
    for rows in _attempt_pieces(engine, campaign_id):
        yield "".join(f"{json.dumps(_attempt_object(row), ensure_ascii=False)}\n" for row in rows)


def _attempt_pieces(engine: Engine, campaign_id: int) -> Iterator[Sequence[AttemptExportRow]]:
    after: tuple[datetime, int] | None = None
    while True:
        with transaction(engine) as session:
            rows = exports.read_attempts(session, campaign_id, after, BATCH)
        if not rows:
            return
        yield rows
        after = (rows[-1].slot_at, rows[-1].id)


def _attempt_object(row: AttemptExportRow) -> dict[str, object]:
    values = {name: getattr(row, name) for name in ATTEMPT_COLUMNS}
    return {
        name: value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _pieces(engine: Engine, campaign_id: int) -> Iterator[Sequence[ExportRow]]:
    after = 0
    while True:
        with transaction(engine) as session:
            rows = exports.read_recipients(session, campaign_id, after, BATCH)
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _object(row: ExportRow) -> dict[str, object]:
    return {
        "recipient": row.id,
        "status": row.status,
        "reason": row.reason,
        "numbers": row.numbers,
        "attempts": row.attempts_spent,
        "fields": row.fields,
        "disposition": row.disposition,
        "answered_by": row.answered_by,
        "answer": row.answer,
        "last_attempt_at": _time(row.last_attempt_at),
        "answered_at": _time(row.answer_at),
        "appointment_at": _time(row.appointment_at),
        "next_attempt_at": _time(row.next_attempt_at),
        "deadline_at": _time(row.deadline_at),
    }


def _cells(row: ExportRow, variables: Sequence[str]) -> list[object]:
    numbers = row.numbers
    return [
        *(row.id, row.status, row.reason, numbers[0], " ".join(numbers[1:]), row.attempts_spent),
        *(row.disposition, row.answered_by, _time(row.last_attempt_at), row.answer),
        *(_time(row.answer_at), _time(row.appointment_at), _time(row.next_attempt_at)),
        _time(row.deadline_at),
        *(row.fields.get(name) for name in variables),
    ]


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _csv(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()
