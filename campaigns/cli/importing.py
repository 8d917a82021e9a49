"""`outdial import FILE --campaign ID`: a list of recipients into a campaign, in the foreground.

`outdial imports ...` looks at imports, also at those of the browser, and takes them back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine

from campaigns import importing, operating
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, complain, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.drafting import explained, options_for_campaign
from campaigns.errors import InvalidInput
from campaigns.importing import Examination, ImportOptions, Summary
from campaigns.importing.progress import Progress as ImportProgress

app = typer.Typer()
imports_app = typer.Typer(no_args_is_help=True, help="Look at imports, and take them back.")

ImportId = Annotated[int, typer.Argument(min=1, help="The import's number.")]


def _options(**values: Any) -> ImportOptions:
    try:
        return ImportOptions(**values)
    except ValidationError as error:
        raise InvalidInput(explained(error)) from error


@app.command("import", cls=Command)
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV or XLSX file.")],
    campaign: Annotated[int, typer.Option(min=1, help="The campaign's number.")],
    phone_column: Annotated[
        list[str] | None, typer.Option(help="A column to call; repeat it in calling order.")
    ] = None,
    name_column: Annotated[str | None, typer.Option(help="The recipient's name.")] = None,
    zone_column: Annotated[str | None, typer.Option(help="IANA time zones.")] = None,
    postal_code_column: Annotated[str | None, typer.Option(help="Postal codes.")] = None,
    state_column: Annotated[str | None, typer.Option(help="States or provinces.")] = None,
    country_column: Annotated[str | None, typer.Option(help="Countries.")] = None,
    appointment_column: Annotated[str | None, typer.Option(help="Date and time.")] = None,
    time_column: Annotated[str | None, typer.Option(help="Time of day, when apart.")] = None,
    appointment_id_column: Annotated[
        str | None, typer.Option(help="What your system calls the appointment.")
    ] = None,
    moved: Annotated[
        str | None, typer.Option(help="A person's one appointment at another time: move or add.")
    ] = None,
    missing: Annotated[
        str | None, typer.Option(help="Appointments no longer in the list: keep or cancel.")
    ] = None,
    date_format: Annotated[str | None, typer.Option(help='"DD/MM/YYYY HH:MM"')] = None,
    appointment_zone: Annotated[
        str | None, typer.Option(help="Time zone appointments are written in.")
    ] = None,
    default_country: Annotated[
        str | None, typer.Option(help="ISO 3166, of numbers without a country code.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Comma, semicolon, tab or pipe.")] = None,
    encoding: Annotated[str | None, typer.Option(help="UTF-8, UTF-16 or Windows-1252.")] = None,
    header: Annotated[
        bool | None, typer.Option(help="Whether the first row holds column names.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "--preview", help="Show what would be imported; store nothing."),
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Write the rows that were not imported to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import recipients. What is not said about the columns is guessed; see --dry-run.

    Exit code 1 when the file as a whole was not imported.
    """
    options = _options(
        appointment_id_column=appointment_id_column,
        moved=moved,
        missing=missing,
        phone_columns=tuple(phone_column) if phone_column else None,
        name_column=name_column,
        zone_column=zone_column,
        postal_code_column=postal_code_column,
        state_column=state_column,
        country_column=country_column,
        appointment_column=appointment_column,
        time_column=time_column,
        date_format=date_format,
        appointment_zone=appointment_zone,
        default_country=default_country,
        delimiter="\t" if delimiter == "\\t" else delimiter,
        encoding=encoding,
        header=header,
        sheet=sheet,
    )
    with context.open_engine() as engine:
        if dry_run:
            _dry_run(engine, file, campaign, options, as_json)
            return
        summary, already = _import(engine, file, campaign, options, quiet=as_json)
        if rejects is not None and summary.rows_rejected:
            _write_rejects(engine, summary.import_id, rejects)
    _tell(summary, already, as_json)
    if summary.status == "failed":
        raise typer.Exit(1)


def _import(
    engine: Engine, file: Path, campaign_id: int, options: ImportOptions, *, quiet: bool
) -> tuple[Summary, bool]:
    with transaction(engine) as session:
        registered = importing.register(
            session,
            campaign_id,
            file_name=file.name,
            file=importing.fingerprint(file),
            options=options_for_campaign(session, campaign_id, options),
        )
        import_id = registered.row.id
        if not registered.already:
            now = database_now(session)
            operating.note_import(session, registered.row, "create", CLI, now)
    with _progress_bar(quiet=quiet) as show:
        return importing.run(engine, import_id, file, show), registered.already


def _dry_run(
    engine: Engine, file: Path, campaign_id: int, options: ImportOptions, as_json: bool
) -> None:
    with transaction(engine) as session:
        options = options_for_campaign(session, campaign_id, options)
        now = database_now(session)
        found = importing.examine_for_campaign(session, campaign_id, file, options, now)
        beside = None
        if not found.problem:
            beside = importing.compare_list(session, campaign_id, file, options, now)
    if as_json:
        show_json(found.model_dump(mode="json") | {"comparison": beside})
    else:
        _show_examination(found)
        if beside is not None:
            say(beside.sentence)
    if found.problem:
        raise typer.Exit(1)


def _show_examination(found: Examination) -> None:
    say(_form_of(found))
    for note in found.notes:
        say(note)
    show_table(
        ("column", "meaning", "placeholder", "why"),
        [
            (c.header, f"{c.meaning} {c.place or ''}".strip(), f"{{{c.field}}}", c.reason)
            for c in found.columns
        ],
        "There are no columns.",
    )
    say("")
    show_table(
        ("line", "numbers", "name", "appointment", "repaired", "rejected"),
        [
            (
                row.line,
                ", ".join(row.numbers),
                row.name,
                row.appointment_at,
                ", ".join(repair.kind for repair in row.repairs),
                row.reject_detail,
            )
            for row in found.rows
        ],
        "There are no rows.",
    )
    say(f"{found.sampled_good:,} of the first {found.sampled_rows:,} rows are good.")
    for candidate in found.date_candidates if found.dates_ambiguous else ():
        say(f"As {candidate.format}, {candidate.example} is {candidate.reading}.")
    if found.problem:
        complain(found.problem)


def _form_of(found: Examination) -> str:
    if found.format == "xlsx":
        others = [sheet for sheet in found.sheets if sheet != found.sheet]
        more = f" (others: {', '.join(others)})" if others else ""
        return f"A workbook, sheet {found.sheet!r}{more}."
    return f"Encoding {found.encoding}, columns separated by {found.delimiter!r}."


@contextmanager
def _progress_bar(*, quiet: bool) -> Iterator[Callable[[ImportProgress], None]]:
    """A bar on stderr while an import runs; nothing where nobody watches."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("reading")

        def show(at: ImportProgress) -> None:
            word = "storing" if at.storing else f"{at.rows_read:,} rows"
            bar.update(task, completed=at.bytes_read, total=at.bytes_total, description=word)

        yield show


def _write_rejects(engine: Engine, import_id: int, path: Path) -> None:
    with transaction(engine) as session, path.open("w", newline="", encoding="utf-8") as out:
        importing.write_rejects(session, import_id, out)


def _tell(summary: Summary, already: bool, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "import": summary.import_id,
                "already": already,
                "sentence": summary.sentence,
                **{
                    name: getattr(summary, name)
                    for name in Summary.__dataclass_fields__
                    if name != "import_id"
                },
            }
        )
        return
    if summary.status == "failed":
        complain(summary.sentence)
        return
    say(f"{'This file was imported before. ' if already else ''}{summary.sentence}")
    _show_repairs(summary)


def _show_repairs(summary: Summary) -> None:
    for kind, count in summary.repairs.items():
        say(f"Repaired: {count:,} {importing.REPAIR_WORDS.get(kind, kind)}.")


@imports_app.command("list", cls=Command)
def list_(
    campaign: Annotated[int | None, typer.Option(min=1, help="Only this campaign's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Imports, the latest first."""
    with context.open_session() as session:
        found = importing.list_imports(session, None, limit, campaign)
        told = [importing.summary_of(row) for row in found]
    if as_json:
        show_json(told)
        return
    show_table(
        ("import", "campaign", "file", "status", "what happened"),
        [
            (row.id, row.campaign_id, row.file_name, row.status, summary.sentence)
            for row, summary in zip(found, told, strict=True)
        ],
        "Nothing was imported yet. `outdial import FILE --campaign ID` imports a list.",
    )


@imports_app.command(cls=Command)
def show(import_id: ImportId, as_json: JsonOption = False) -> None:
    """How an import ended, and examples of what was repaired."""
    with context.open_session() as session:
        summary = importing.summarise(session, import_id)
        examples = importing.repairs_of(session, import_id)
    if as_json:
        show_json({"import": summary, "sentence": summary.sentence, "repairs": examples})
        return
    say(summary.sentence)
    _show_repairs(summary)
    if examples:
        rows = [(one.line, one.kind.replace("_", " "), one.before, one.after) for one in examples]
        show_table(("line", "repair", "before", "after"), rows, "")


@imports_app.command(cls=Command)
def undo(import_id: ImportId, as_json: JsonOption = False) -> None:
    """Remove everybody whom an import brought, as long as nobody of them was called."""
    with context.open_session() as session:
        summary = operating.undo_import(session, import_id, CLI, database_now(session))
    _tell(summary, already=False, as_json=as_json)


@imports_app.command(cls=Command)
def discard(import_id: ImportId, as_json: JsonOption = False) -> None:
    """Forget a file that was handed in and not imported."""
    with context.open_session() as session:
        summary = importing.discard(session, import_id, settings().data_dir)
        row = importing.find(session, import_id)
        operating.note_import(session, row, "discard", CLI, database_now(session))
    _tell(summary, already=False, as_json=as_json)


@imports_app.command(cls=Command)
def rejects(
    import_id: ImportId,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write them, as CSV.")],
) -> None:
    """Write the rows that were not imported to a file, each with its reason."""
    with context.open_engine() as engine:
        _write_rejects(engine, import_id, file)


app.add_typer(imports_app, name="imports")
