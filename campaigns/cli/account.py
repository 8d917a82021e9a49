"""`outdial account ...`: add, list, pause, resume."""

from typing import Annotated

import typer

from campaigns import campaigning, operating, reporting
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.db import database_now
from campaigns.provisioning import NewAccount, add_account
from campaigns.vault import vault

app = typer.Typer(help="Accounts: with whom calls are placed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]


@app.command(cls=Command)
def add(
    name: Name,
    base_url: Annotated[str, typer.Option(help="https://YOURSPACE.signalwire.com")],
    project_id: Annotated[str, typer.Option(help="The provider's project id.")],
    caller_id: Annotated[list[str], typer.Option(help="A number to show; may be repeated.")],
    api_token: Annotated[
        str,
        typer.Option(
            envvar="OUTDIAL_ACCOUNT_TOKEN",
            prompt="API token",
            hide_input=True,
            help="Asked for when it is not given; kept encrypted.",
        ),
    ],
    signing_key: Annotated[
        str, typer.Option(envvar="OUTDIAL_ACCOUNT_SIGNING_KEY", help="Checks webhooks.")
    ] = "",
    provider: Annotated[str, typer.Option(help="Who places the calls.")] = "signalwire",
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Places no real calls: the bundled simulator.")
    ] = False,
    cps: Annotated[float, typer.Option(min=0.001, max=1000, help="Calls per second.")] = 1.0,
    max_concurrent: Annotated[int, typer.Option(min=1, help="Calls alive at once.")] = 20,
    max_waiting: Annotated[
        int | None, typer.Option(min=1, help="Given out, not yet ringing; unset: two seconds.")
    ] = None,
    pacing_group: Annotated[
        str | None, typer.Option(help="A rate limit shared with other accounts, by name.")
    ] = None,
    time_scale: Annotated[
        float, typer.Option(min=0.0001, max=1, help="Shortens waits on the simulator.")
    ] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Add an account with its caller ids."""
    new = NewAccount(
        name=name,
        provider=provider,
        base_url=base_url,
        project_id=project_id,
        api_token=api_token,
        signing_key=signing_key,
        caller_ids=tuple(caller_id),
        live=not simulator,
        cps=cps,
        max_concurrent=max_concurrent,
        max_waiting=max_waiting,
        time_scale=time_scale,
        pacing_group=pacing_group,
    )
    with context.open_session() as session:
        account = add_account(session, new, vault())
        account_id = account.id
        found = reporting.list_accounts(session)
    if as_json:
        show_json(next(one for one in found if one.id == account_id))
        return
    kind = "It places real calls once OUTDIAL_LIVE_DIALLING is on." if new.live else ""
    say(f"The account {name} was added with {len(caller_id)} caller id(s). {kind}".strip())


@app.command("list", cls=Command)
def list_(as_json: JsonOption = False) -> None:
    """Every account, without its secrets."""
    with context.open_session() as session:
        found = reporting.list_accounts(session)
    if as_json:
        show_json(found)
        return
    rows = [
        (one.name, one.provider, one.status, one.live, one.cps, one.live_calls, one.status_reason)
        for one in found
    ]
    columns = ("name", "provider", "status", "live", "cps", "calls now", "why")
    show_table(columns, rows, "There is no account yet: outdial account add --help")


@app.command(cls=Command)
def pause(
    name: Name,
    why: Annotated[str, typer.Option(help="The reason, for the log.")] = "by request",
    as_json: JsonOption = False,
) -> None:
    """Place no more calls through an account; what rings or is answered goes on."""
    with context.open_session() as session:
        recall = operating.pause_account_named(session, name, why, database_now(session))
    context.send_recall(recall)
    _tell(name, "paused", as_json)


@app.command(cls=Command)
def resume(name: Name, as_json: JsonOption = False) -> None:
    """Let an account dial again, after what had paused it was put right."""
    with context.open_session() as session:
        campaigning.resume_account(session, name, database_now(session))
    _tell(name, "active", as_json)


def _tell(name: str, status: str, as_json: bool) -> None:
    if as_json:
        show_json({"name": name, "status": status})
    else:
        say(f"The account {name} is {status}.")
