"""`outdial key ...`: create, list, revoke."""

from datetime import timedelta
from typing import Annotated

import typer

from campaigns import api_keys
from campaigns.access import CLI, Role
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.db import database_now

app = typer.Typer(help="Keys for the REST API.", no_args_is_help=True)

COLUMNS = (
    *("id", "name", "prefix", "role", "created_at"),
    *("last_used_at", "expires_at", "revoked_at"),
)


@app.command(cls=Command)
def create(
    name: Annotated[str, typer.Argument(help="To tell it apart from others.")],
    role: Annotated[Role, typer.Option(help="What it opens.")] = Role.OPERATOR,
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="How long it is good for; else for ever.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown this once."""
    with context.open_session() as session:
        ends = database_now(session) + timedelta(days=days) if days is not None else None
        made = api_keys.create_key(session, name, role=role, expires_at=ends, actor=CLI)
        row = made.row
    if as_json:
        show_json({"id": row.id, "name": row.name, "role": row.role, "key": made.token})
        return
    say(made.token)
    typer.echo("Keep it: it cannot be shown again.", err=True)


@app.command("list", cls=Command)
def list_(as_json: JsonOption = False) -> None:
    """Every key, without the keys themselves."""
    with context.open_session() as session:
        rows = [
            tuple(getattr(row, name) for name in COLUMNS) for row in api_keys.list_keys(session)
        ]
    if as_json:
        show_json([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    else:
        show_table(COLUMNS, rows, "There is no API key yet: outdial key create NAME")


@app.command(cls=Command)
def revoke(
    key_id: Annotated[int, typer.Argument(min=1, max=2**63 - 1)], as_json: JsonOption = False
) -> None:
    """Let a key open nothing any more."""
    with context.open_session() as session:
        row = api_keys.revoke_key(session, key_id, database_now(session), actor=CLI)
        name, revoked_at = row.name, row.revoked_at
    if as_json:
        show_json({"id": key_id, "name": name, "revoked_at": revoked_at})
    else:
        say(f"The key {name} opens nothing any more.")
