"""`outdial switch`: the kill switch of the whole installation."""

from typing import Annotated

import typer

from campaigns import changing
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, say
from campaigns.db import database_now

app = typer.Typer(help="The kill switch: stop all dialling at once.", no_args_is_help=True)


@app.command(cls=Command)
def off(why: Annotated[str, typer.Option(help="The reason, for the log.")] = "by request") -> None:
    """Stop all dialling, in every campaign and account; unanswered calls are taken back."""
    with context.open_session() as session:
        recalled = changing.switch_off(session, CLI, database_now(session), why)
    context.send_recall(recalled)
    say(f"Nothing is dialled any more. {len(recalled)} unanswered calls are being taken back.")


@app.command(cls=Command)
def on() -> None:
    """Let running campaigns dial again."""
    with context.open_session() as session:
        changing.switch_on(session, CLI, database_now(session))
    say("Running campaigns dial again.")
