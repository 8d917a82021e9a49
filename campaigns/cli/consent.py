"""`outdial consent ...`: add, import, list, revoke."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from campaigns import consenting
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, complain, say, show_json, show_table
from campaigns.config import settings
from campaigns.consenting import ConsentRow, ImportReport, Said
from campaigns.db import database_now

app = typer.Typer(
    help="Who has agreed to be called, to what, and how we know.", no_args_is_help=True
)

_SHOWN = 20
_LISTED = (
    "id",
    "number",
    "state",
    "basis",
    "purpose",
    "subject",
    "given_at",
    "expires_at",
    "evidence",
)

Basis = Annotated[str, typer.Option(help="existing_relationship, express, written or optin_proof.")]
Purpose = Annotated[
    str, typer.Option(help="Only for such calls: reminder, marketing, ...; else for all.")
]
Subject = Annotated[str, typer.Option(help="Only about this, as campaigns name their subject.")]
Given = Annotated[str, typer.Option("--given", help="When: 2026-03-01, or an instant; else now.")]
Until = Annotated[str, typer.Option(help="Until when: 2027-03-01; else without an end.")]
Country = Annotated[
    str | None, typer.Option(help="ISO 3166 country of numbers without a country code.")
]
PutBack = Annotated[
    bool, typer.Option(help="Let people who were blocked for want of it wait for their call.")
]


@app.command(cls=Command)
def add(
    numbers: Annotated[list[str], typer.Argument(help="Telephone numbers.")],
    evidence: Annotated[str, typer.Option(help="How it can be proven, and where that is kept.")],
    basis: Basis = "express",
    purpose: Purpose = "",
    subject: Subject = "",
    given: Given = "",
    until: Until = "",
    put_back: PutBack = False,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """These people have agreed to be called. All are recorded, or none."""
    said = Said(basis, purpose, subject, evidence, given, until)
    with context.open_session() as session:
        now = database_now(session)
        where = country or settings().default_country
        new = [consenting.read_said(one, said, where, now) for one in numbers]
        done = consenting.give(session, new, "cli", CLI, now, put_back=put_back)
    if as_json:
        show_json({"numbers": [one.number for one in new], **asdict(done)})
        return
    say(f"{done.recorded} of {len(new)} consents are new. {_waiting(done.put_back)}")
    for number in done.revoked_since:
        complain(f"{number} has taken it back since the day it was given: nothing was recorded.")
    if done.revoked_since:
        raise typer.Exit(1)


@app.command("import", cls=Command)
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    evidence: Annotated[str, typer.Option(help="How it can be proven; else the file's name.")] = "",
    basis: Basis = "express",
    purpose: Purpose = "",
    subject: Subject = "",
    given: Given = "",
    until: Until = "",
    put_back: PutBack = False,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Consents from a list with a telephone column.

    Columns basis, purpose, subject, evidence, given_at and expires_at count for their own line.
    What cannot be used is left out and listed; exit code 1 when there was any.
    """
    said = Said(basis, purpose, subject, evidence or file.name, given, until)
    with context.open_engine() as engine:
        report = consenting.import_file(
            engine,
            file,
            said,
            CLI,
            country=country or settings().default_country,
            put_back=put_back,
        )
    if as_json:
        show_json(asdict(report))
    else:
        _tell(report)
    if report.unreadable_count or report.revoked_since:
        raise typer.Exit(1)


@app.command("list", cls=Command)
def list_(
    search: Annotated[
        str, typer.Argument(help="A number, how it begins (+1202555), or its last digits.")
    ] = "",
    before: Annotated[int | None, typer.Option(min=1, help="Go on before this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Consents, newest first, with what became of them."""
    with context.open_session() as session:
        now = database_now(session)
        country = settings().default_country
        rows = consenting.search(session, search, country, before, limit)
    plain = [{**asdict(row), "state": row.state(now)} for row in rows]
    if as_json:
        show_json(plain)
        return
    cells = [tuple(row[name] for name in _LISTED) for row in plain]
    show_table(_LISTED, cells, "There is no such consent.")


@app.command(cls=Command)
def revoke(
    consent_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)],
    why: Annotated[str, typer.Option(help="How we know that it was taken back.")],
    as_json: JsonOption = False,
) -> None:
    """Take a consent back. Calls that rest on it and are not answered yet are stopped."""
    with context.open_session() as session:
        done = consenting.revoke(session, consent_id, CLI, why, database_now(session))
    context.send_recall(done.recalled)
    if as_json:
        show_json({**asdict(done.consent), "recalled": len(done.recalled)})
        return
    say(f"Consent {consent_id} of {_whose(done.consent)} is revoked.")


def _whose(row: ConsentRow) -> str:
    return f"{row.number} ({row.basis.replace('_', ' ')})"


def _waiting(count: int) -> str:
    people = "person waits" if count == 1 else "people wait"
    return f"{count:,} {people} for a call again."


def _tell(report: ImportReport) -> None:
    say(report.sentence)
    for one in report.unreadable[:_SHOWN]:
        complain(f"Line {one.line}: {one.problem}")
    if report.unreadable_count > _SHOWN:
        complain(f"... and {report.unreadable_count - _SHOWN:,} more.")
