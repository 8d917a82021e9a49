"""How commands print: one JSON value on stdout with --json, else tables and sentences."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import InterfaceError, OperationalError
from typer.core import TyperCommand

from campaigns.errors import InvalidInput, OutdialError

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON value on stdout and nothing else.")
]


class Command(TyperCommand):
    """A command whose errors are a sentence on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except OutdialError as error:
            complain(str(error))
        except (OperationalError, InterfaceError) as error:
            complain(f"The database does not answer ({type(error).__name__}). Nothing was changed.")
        raise typer.Exit(1)


def complain(sentence: str) -> None:
    """Say on stderr what went wrong."""
    Console(stderr=True).print(f"[red]{escape(sentence)}[/red]", highlight=False, soft_wrap=True)


def say(sentence: str) -> None:
    """A sentence on stdout."""
    Console().print(escape(sentence), highlight=False, soft_wrap=True)


def show_json(value: object) -> None:
    """One JSON value on stdout."""
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table on stdout, or the sentence `empty` when there is nothing to show."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell(value)) for value in row))
    if table.row_count:
        Console().print(table, highlight=False)
    else:
        say(empty)


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def json_option(text: str, what: str) -> Any:
    """The JSON value of an option, given as it is or as @FILE. Raises `InvalidInput`."""
    try:
        return json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is not JSON: {str(error)[:200]}.") from error
    except OSError as error:
        raise InvalidInput(f"{what} cannot be read: {error.strerror}.") from error


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


__all__ = [
    "Command",
    "JsonOption",
    "cell",
    "complain",
    "json_option",
    "say",
    "show_json",
    "show_table",
]
