"""The commands of `outdial`, and how their errors are shown."""

import sys

import typer

from campaigns.cli import (
    account,
    audio,
    backup,
    campaign,
    consent,
    demo,
    doctor,
    drill,
    importing,
    keys,
    optout,
    processes,
    ready,
    recipient,
    recurrence,
    rules,
    switch,
    test_call,
    user,
    verify,
    webhook,
    why,
)
from campaigns.cli.output import Command, complain
from campaigns.errors import OutdialError

app = typer.Typer(
    name="outdial",
    help="Outbound voice campaigns: upload a list, choose what people hear and when, and watch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for process in (processes.up, processes.web, processes.worker, processes.scheduler):
    app.command(cls=Command)(process)
app.command(
    cls=Command, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(processes.simulator)
app.command(cls=Command)(processes.migrate)
app.command(cls=Command)(demo.demo)
app.command(cls=Command)(drill.drill)
app.command(cls=Command)(verify.verify)
app.command(cls=Command)(doctor.doctor)
app.command(cls=Command)(why.why)
app.command(cls=Command)(why.evidence)
app.command(cls=Command)(ready.ready)
app.add_typer(backup.app, name="backup")
app.command(cls=Command)(backup.reconcile)
app.add_typer(campaign.app, name="campaign")
app.add_typer(importing.app)
app.add_typer(recipient.app, name="recipient")
app.add_typer(optout.app, name="optout")
app.add_typer(consent.app, name="consent")
app.add_typer(audio.app, name="audio")
app.add_typer(recurrence.app, name="recurrence")
app.add_typer(rules.app, name="rules")
app.add_typer(account.app, name="account")
app.add_typer(user.app, name="user")
app.add_typer(keys.app, name="key")
app.add_typer(switch.app, name="switch")
app.add_typer(webhook.app, name="webhook")
app.add_typer(test_call.app)


def main() -> None:
    """Run a command. What went wrong is one sentence on stderr and exit code 1."""
    try:
        app()
    except OutdialError as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
