"""`outdial import FILE --campaign ID`: a list of recipients into a campaign, in the foreground."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine

from campaigns import importing
from campaigns.campaigning import campaign_by_id
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, complain, say, show_json, show_table
from campaigns.db import transaction
from campaigns.drafting import options_for_campaign
from campaigns.importing import ImportOptions, Preview, Summary
from campaigns.importing.progress import Progress as ImportProgress

app = typer.Typer()


@app.command("import", cls=Command)
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file.")],
    campaign: Annotated[int, typer.Option(min=1, help="The campaign's number.")],
    phone_column: Annotated[
        list[str] | None, typer.Option(help="A column to call; repeat it in calling order.")
    ] = None,
    name_column: Annotated[str | None, typer.Option(help="The recipient's name.")] = None,
    zone_column: Annotated[str | None, typer.Option(help="IANA time zones.")] = None,
    appointment_column: Annotated[str | None, typer.Option(help="Date and time.")] = None,
    time_column: Annotated[str | None, typer.Option(help="Time of day, when apart.")] = None,
    date_format: Annotated[str | None, typer.Option(help='"DD/MM/YYYY HH:MM"')] = None,
    appointment_zone: Annotated[
        str | None, typer.Option(help="Time zone appointments are written in.")
    ] = None,
    default_country: Annotated[
        str | None, typer.Option(help="ISO 3166, of numbers without a country code.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Comma, semicolon or tab.")] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be imported; store nothing.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Write the rows that were not imported to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import recipients. What is not said about the columns is guessed; see --preview.

    Exit code 1 when the file as a whole was not imported.
    """
    options = ImportOptions(
        phone_columns=tuple(phone_column) if phone_column else None,
        name_column=name_column,
        zone_column=zone_column,
        appointment_column=appointment_column,
        time_column=time_column,
        date_format=date_format,
        appointment_zone=appointment_zone,
        default_country=default_country,
        delimiter="\t" if delimiter in ("tab", "\\t") else delimiter,
    )
    with context.open_engine() as engine:
        if preview:
            _preview(engine, file, campaign, options, as_json)
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
    with _progress_bar(quiet=quiet) as show:
        return importing.run(engine, import_id, file, show), registered.already


def _preview(
    engine: Engine, file: Path, campaign_id: int, options: ImportOptions, as_json: bool
) -> None:
    with transaction(engine) as session:
        campaign = campaign_by_id(session, campaign_id)
        options = options_for_campaign(session, campaign_id, options)
        country, reminder = campaign.default_country, campaign.kind == "reminder"
    found = importing.preview(file, options, default_country=country, reminder=reminder)
    if as_json:
        show_json(found)
    else:
        _show_preview(found)
    if found.problem:
        raise typer.Exit(1)


def _show_preview(found: Preview) -> None:
    say(f"Encoding {found.encoding}, columns separated by {found.delimiter!r}.")
    show_table(found.headers, found.rows, "There are no rows.")
    if found.mapping is not None:
        say("")
        meanings = [
            (name.replace("_", " "), ", ".join(value) if isinstance(value, tuple) else value)
            for name, value in found.mapping.as_json().items()
            if name not in ("headers", "fields") and value
        ]
        show_table(("what", "column or value"), meanings, "")
        say("Variables: " + ", ".join(f"{{{name}}}" for name in found.mapping.fields))
    if found.problem:
        complain(found.problem)


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
