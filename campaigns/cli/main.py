"""The commands of `outdial`, and how their errors are shown."""

import sys

import typer
from rich.console import Console

from campaigns.cli import demo, processes
from campaigns.errors import OutdialError

app = typer.Typer(
    name="outdial",
    help="Outbound voice campaigns: upload a list, choose what people hear and when, and watch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(processes.up)
app.command()(processes.web)
app.command()(processes.worker)
app.command()(processes.scheduler)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    processes.simulator
)
app.command()(processes.migrate)
app.command()(demo.demo)


def main() -> None:
    """Run a command. What went wrong is one sentence on stderr and exit code 1."""
    try:
        app()
    except OutdialError as error:
        Console(stderr=True).print(f"[red]{error}[/red]", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
