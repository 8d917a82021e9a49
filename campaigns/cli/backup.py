"""`outdial backup` and `outdial reconcile`: everything in a file, back, and on again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from campaigns import restoring
from campaigns.calls import LoggedCall
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json
from campaigns.cli.processes import servers
from campaigns.config import settings
from campaigns.db import transaction
from campaigns.local import termination_interrupts
from campaigns.models import Account
from campaigns.providers import list_calls
from campaigns.provisioning import credentials_of
from campaigns.vault import Vault, secret_of

app = typer.Typer(help="Everything in one file, and back again.", no_args_is_help=True)


@app.command(cls=Command)
def create(file: Annotated[Path, typer.Argument(help="Where to; it must not be there.")]) -> None:
    """Write the whole database to a file, while everything runs."""
    with termination_interrupts(), servers(settings()) as urls:
        size = restoring.create_backup(urls.database_url, file)
    say(
        f"{file} holds everything as of now ({size / 1e6:.1f} MB). Keep it apart from this "
        "machine, and OUTDIAL_SECRET_KEY apart from both: without it the accounts' credentials "
        "are lost."
    )


@app.command(cls=Command)
def restore(
    file: Annotated[Path, typer.Argument(help="What `outdial backup create` has written.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put the database back to what a file holds. Nobody is dialled before `outdial reconcile`."""
    if not yes:
        typer.confirm("Everything in the database is replaced. Go on?", abort=True)
    with termination_interrupts(), servers(settings()) as urls:
        noted = restoring.restore_backup(urls.database_url, file)
    say(
        f"Restored. What was done since {noted.lost_since:%Y-%m-%d %H:%M:%S} UTC is not known "
        "here, so nobody is dialled. Start the processes, then run `outdial reconcile`."
    )


def reconcile(
    since: Annotated[
        datetime | None,
        typer.Option(help="UTC; for a backup older than the database itself knows."),
    ] = None,
    hold_days: Annotated[
        int,
        typer.Option(
            min=0,
            max=3650,
            help="Days for which numbers are not called whose lists were forgotten.",
        ),
    ] = 30,
    as_json: JsonOption = False,
) -> None:
    """Ask the providers what a restored database has forgotten, book it, and let dialling go on."""
    vault = Vault(secret_of(settings()))

    def calls_of(account: Account, begin: datetime) -> list[LoggedCall]:
        return list_calls(account.provider, credentials_of(account, vault), begin)

    with context.open_engine() as engine, transaction(engine) as session:
        restoring.allow_long_work(session)
        found = restoring.reconcile(
            session, calls_of, since=_utc(since), hold=timedelta(days=hold_days)
        )
    if as_json:
        show_json(found.as_json() | {"held": list(found.held)})
        return
    say(
        f"The providers know of {found.calls} calls since {found.lost_since:%Y-%m-%d %H:%M} UTC; "
        f"{found.known} stood in the books, {found.booked} were booked. {found.to_review} people "
        "are in review, because nobody knows which key they pressed."
    )
    if found.held:
        say(
            f"{len(found.held)} numbers were called by lists that are forgotten; they are opted "
            f"out for {hold_days} days, so that no list brings them back: "
            f"{', '.join(found.held[:20])}"
        )
    say(
        "Opt-outs that came in by keypress, page or API since then are lost, unless you have them "
        "elsewhere: enter them now (`outdial optout import FILE`). Running campaigns dial again."
    )


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)
