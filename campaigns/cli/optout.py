"""`outdial optout ...`: add, import, list, export."""

import csv
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from campaigns import opting_out
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, complain, say, show_json, show_table
from campaigns.config import settings
from campaigns.csv_cells import safe_cell
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.opting_out import ReadNumbers
from campaigns.store.opt_outs import list_opt_outs

app = typer.Typer(help="Numbers that are never called.", no_args_is_help=True)

COLUMNS = ("number", "source", "evidence", "created_at")
_PAGE = 2000
_SHOWN = 20

Country = Annotated[
    str | None, typer.Option(help="ISO 3166 country of numbers without a country code.")
]


@app.command(cls=Command)
def add(
    numbers: Annotated[list[str], typer.Argument(help="Telephone numbers.")],
    evidence: Annotated[str, typer.Option(help="How we know.")] = "asked for by an operator",
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Never call these numbers again. All are recorded, or none."""
    read = opting_out.read_numbers(enumerate(numbers, 1), country or settings().default_country)
    if read.unreadable:
        told = " ".join(one.problem for one in read.unreadable)
        raise InvalidInput(f"{told} Nothing was recorded.")
    with context.open_engine() as engine:
        _record(engine, read.numbers, "cli", evidence)
    if as_json:
        show_json({"numbers": read.numbers})
    else:
        say(f"{', '.join(read.numbers)} will not be called again.")


@app.command("import", cls=Command)
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    evidence: Annotated[str | None, typer.Option(help="How we know; else the file's name.")] = None,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Never call the numbers in a file: one a line, or a CSV with a telephone column.

    What is no telephone number is left out and listed; exit code 1 when there was any.
    """
    texts = opting_out.numbers_in_file(file)
    read = opting_out.read_numbers(texts, country or settings().default_country)
    with context.open_engine() as engine:
        _record(engine, read.numbers, "import", evidence or file.name)
    if as_json:
        show_json({"recorded": len(read.numbers), "unreadable": read.unreadable})
    else:
        _tell(read)
    if read.unreadable:
        raise typer.Exit(1)


@app.command("list", cls=Command)
def list_(
    after: Annotated[str, typer.Option(help="Go on after this number.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Opt-outs, by number."""
    with context.open_session() as session:
        rows = list_opt_outs(session, after, limit)
    if as_json:
        show_json([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    else:
        show_table(COLUMNS, rows, "Nobody has opted out.")


@app.command(cls=Command)
def export(
    out: Annotated[Path | None, typer.Option(help="The file; else standard output.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Every opt-out as CSV (or as a JSON array), to be kept elsewhere or imported again."""
    with context.open_engine() as engine:
        if as_json:
            show_json([dict(zip(COLUMNS, row, strict=True)) for row in _all(engine)])
            return
        with out.open("w", newline="", encoding="utf-8") if out else nullcontext(sys.stdout) as to:
            count = _write(engine, to)
    if out is not None:
        said = "1 opt-out was" if count == 1 else f"{count:,} opt-outs were"
        say(f"{said} written to {out}.")


def _record(engine: Engine, numbers: list[str], source: str, evidence: str) -> None:
    for batch in opting_out.in_batches(numbers):
        with transaction(engine) as session:
            now = database_now(session)
            recall = opting_out.opt_out(session, batch, source, evidence, now)
        context.send_recall(recall)


def _tell(read: ReadNumbers) -> None:
    count = len(read.numbers)
    say(f"{count:,} {'number' if count == 1 else 'numbers'} will not be called again.")
    for one in read.unreadable[:_SHOWN]:
        complain(f"Line {one.line}: {one.problem}")
    if len(read.unreadable) > _SHOWN:
        complain(f"... and {len(read.unreadable) - _SHOWN:,} more.")


def _write(engine: Engine, to: Any) -> int:
    writer = csv.writer(to, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    count = 0
    for number, source, evidence, at in _all(engine):
        writer.writerow(map(safe_cell, (number, source, evidence, at.isoformat())))
        count += 1
    return count


def _all(engine: Engine) -> Iterator[tuple[str, str, str | None, datetime]]:
    after = ""
    while True:
        with transaction(engine) as session:
            rows = list_opt_outs(session, after, _PAGE)
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]
