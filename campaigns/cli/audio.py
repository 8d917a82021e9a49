"""`outdial audio ...`: what call flows play."""

from pathlib import Path
from typing import Annotated

import typer

from campaigns import audio
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.db import database_now
from campaigns.errors import InvalidInput
from campaigns.flows.preview import length_in_words
from campaigns.models import AudioFile

app = typer.Typer(help="Audio that calls play.", no_args_is_help=True)

COLUMNS = ("id", "name", "sha256", "media_type", "seconds", "size", "created_at")


@app.command(cls=Command)
def add(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    name: Annotated[str | None, typer.Option(help="Its name; else the file's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a WAV (PCM or µ-law) or MP3 file of at most 10 MB and 10 minutes.

    A call flow plays it by {"audio": "<sha256>"} in place of a text.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(audio.MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from error
    with context.open_session() as session:
        now = database_now(session)
        kept = audio.keep_audio(session, name or file.name, data, CLI, now)
    if as_json:
        show_json(_values(kept.row) | {"already": kept.already})
        return
    word = "is there already" if kept.already else "was kept"
    length = length_in_words(kept.row.seconds)
    say(f"Audio {kept.row.id}, “{kept.row.name}”, {length}, {word}: {kept.row.sha256}")


@app.command("list", cls=Command)
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50, as_json: JsonOption = False
) -> None:
    """Audio, newest first."""
    with context.open_session() as session:
        found = audio.list_audio(session, None, limit)
    if as_json:
        show_json([_values(row) for row in found])
        return
    rows = [(row.id, row.name, length_in_words(row.seconds), row.sha256) for row in found]
    show_table(("id", "name", "length", "sha256"), rows, "There is no audio yet.")


@app.command(cls=Command)
def delete(
    audio_id: Annotated[int, typer.Argument(min=1, max=2**63 - 1)], as_json: JsonOption = False
) -> None:
    """Delete an audio that no campaign plays."""
    with context.open_session() as session:
        audio.delete_audio(session, audio_id, CLI, database_now(session))
    if as_json:
        show_json({"deleted": audio_id})
    else:
        say(f"Audio {audio_id} was deleted.")


def _values(row: AudioFile) -> dict[str, object]:
    return {name: getattr(row, name) for name in COLUMNS}
