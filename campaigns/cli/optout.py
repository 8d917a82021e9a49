"""`outdial optout ...`: add, import, check, list, lift, export."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from campaigns import opting_out
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, complain, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.opting_out import ImportReport, Search

app = typer.Typer(help="Numbers that are never called.", no_args_is_help=True)

_SHOWN = 20
_LISTED = ("id", "number", "state", "source", "who", "evidence", "created_at", "expires_at")

Country = Annotated[
    str | None, typer.Option(help="ISO 3166 country of numbers without a country code.")
]
Until = Annotated[
    str, typer.Option(help="Until when: 2027-03-01, or an instant with offset; else for ever.")
]
CampaignId = Annotated[
    int | None, typer.Option("--campaign", min=1, help="Only for this campaign; else everywhere.")
]
State = Annotated[str, typer.Option(help="live, expired, lifted or any")]


@app.command(cls=Command)
def add(
    numbers: Annotated[
        list[str], typer.Argument(help="Telephone numbers, or prefixes such as +1202555*.")
    ],
    evidence: Annotated[str, typer.Option(help="How we know.")] = "asked for by an operator",
    until: Until = "",
    campaign: CampaignId = None,
    verbal: Annotated[bool, typer.Option(help="The person said so themselves.")] = False,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Never call these numbers again. All are recorded, or none."""
    read = opting_out.read_numbers(enumerate(numbers, 1), country or settings().default_country)
    if read.unreadable:
        told = " ".join(one.problem for one in read.unreadable)
        raise InvalidInput(f"{told} Nothing was recorded.")
    with context.open_session() as session:
        now = database_now(session)
        ends = opting_out.read_until(until, now)
        done = opting_out.opt_out(
            session,
            [replace(one, evidence=evidence, expires_at=ends) for one in read.wanted],
            "verbal" if verbal else "cli",
            CLI,
            now,
            campaign_id=campaign,
        )
    context.send_recall(done.recalled)
    if as_json:
        show_json({"numbers": read.numbers, "recorded": done.recorded})
    else:
        say(f"{', '.join(read.numbers)} will not be called again.")


@app.command("import", cls=Command)
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    evidence: Annotated[str | None, typer.Option(help="How we know; else the file's name.")] = None,
    until: Until = "",
    campaign: CampaignId = None,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Never call the numbers in a file: one a line, or a CSV with a telephone column.

    Columns `reason` and `expires_at` count for their own line. What is no telephone number is left
    out and listed; exit code 1 when there was any.
    """
    with context.open_engine() as engine:
        with transaction(engine) as session:
            ends = opting_out.read_until(until, database_now(session))
        report = opting_out.import_file(
            engine,
            file,
            CLI,
            country=country or settings().default_country,
            evidence=evidence or file.name,
            expires_at=ends,
            campaign_id=campaign,
            recall=context.send_recall,
        )
    if as_json:
        show_json(
            {
                "recorded": report.recorded,
                "already": report.already,
                "unreadable_count": report.unreadable_count,
                "unreadable": report.unreadable,
            }
        )
    else:
        _tell(report)
    if report.unreadable_count:
        raise typer.Exit(1)


@app.command(cls=Command)
def check(
    number: Annotated[str, typer.Argument(help="A telephone number.")],
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Whether a number is opted out, by itself or by a prefix, and everything there ever was."""
    with context.open_session() as session:
        now = database_now(session)
        found = opting_out.history_of(session, number, country or settings().default_country, now)
    rows = [{"id": row.id, **opting_out.plain(row, now)} for row in found.rows]
    if as_json:
        show_json(
            {
                "number": found.number,
                "opted_out": found.opted_out,
                "somewhere": found.somewhere,
                "history": rows,
            }
        )
        return
    if found.opted_out:
        say(f"{found.number} is not called, in any campaign.")
    elif found.somewhere:
        say(f"{found.number} is not called in some campaigns.")
    else:
        say(f"{found.number} has not opted out.")
    if rows:
        _show(rows)


@app.command("list", cls=Command)
def list_(
    search: Annotated[
        str, typer.Argument(help="A number, how it begins (+1202555), or its last digits.")
    ] = "",
    state: State = "live",
    source: Annotated[str | None, typer.Option(help="keypress, api, cli, import, ...")] = None,
    after: Annotated[int | None, typer.Option(min=1, help="Go on after this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Opt-outs, by number."""
    wanted = replace(_search(search, state), source=source)
    with context.open_session() as session:
        now = database_now(session)
        found = opting_out.search(session, wanted, now, limit, after)
    rows = [{"id": row.id, **opting_out.plain(row, now)} for row in found.rows]
    if as_json:
        show_json(rows)
    else:
        _show(rows)


@app.command(cls=Command)
def lift(
    opt_out_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)],
    why: Annotated[str, typer.Option(help="Why they may be called again.")],
    put_back: Annotated[
        bool, typer.Option(help="Let the people whom it had blocked wait for their call again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Undo an opt-out, with a reason. The record stays."""
    with context.open_session() as session:
        now = database_now(session)
        done = opting_out.lift(session, opt_out_id, CLI, why, now, put_back=put_back)
    if as_json:
        show_json({"id": opt_out_id, "number": done.opt_out.shown, "put_back": done.put_back})
        return
    people = "person waits" if done.put_back == 1 else "people wait"
    say(
        f"{done.opt_out.shown} is not opted out by this any more. "
        f"{done.put_back:,} {people} for a call again."
    )


@app.command(cls=Command)
def export(
    out: Annotated[Path | None, typer.Option(help="The file; else standard output.")] = None,
    state: State = "live",
    as_json: JsonOption = False,
) -> None:
    """Every opt-out as CSV (or as a JSON array), to be kept elsewhere or imported again."""
    wanted = _search("", state)
    with context.open_engine() as engine:
        if as_json:
            lines = "".join(opting_out.json_lines(engine, wanted)).splitlines()
            show_json([json.loads(line) for line in lines])
            return
        with out.open("w", newline="", encoding="utf-8") if out else nullcontext(sys.stdout) as to:
            for piece in opting_out.csv_lines(engine, wanted):
                to.write(piece)
    if out is not None:
        say(f"The opt-outs were written to {out}.")


def _search(text: str, state: str) -> Search:
    if state not in opting_out.STATES:
        raise InvalidInput(f"A state is one of {', '.join(opting_out.STATES)}, not {state!r}.")
    return replace(opting_out.read_search(text, settings().default_country), state=state)


def _show(rows: list[dict[str, object]]) -> None:
    cells = [tuple(row[name] for name in _LISTED) for row in rows]
    show_table(_LISTED, cells, "There is no such opt-out.")


def _tell(report: ImportReport) -> None:
    say(report.sentence)
    for one in report.unreadable[:_SHOWN]:
        complain(f"Line {one.line}: {one.problem}")
    if report.unreadable_count > _SHOWN:
        complain(f"... and {report.unreadable_count - _SHOWN:,} more.")
