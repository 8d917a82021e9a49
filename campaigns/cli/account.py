"""`outdial account ...`: add, list, change, check, pause, resume, off, caller ids."""

from typing import Annotated

import typer

from campaigns import operating, reporting
from campaigns.access import CLI
from campaigns.campaigning import account_named
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.operating import AccountChange, CallerIdLimits
from campaigns.provisioning import NewAccount
from campaigns.vault import vault

app = typer.Typer(help="Accounts: with whom calls are placed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]
Number = Annotated[str, typer.Argument(help="Written like +15550100123.")]


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
        now, hosts = database_now(session), settings().provider_hosts
        account = operating.add_account(session, new, vault(), CLI, now, hosts=hosts)
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
        now = database_now(session)
        recall = operating.pause_account_named(session, name, why, now, actor=CLI)
    context.send_recall(recall)
    _tell(name, "paused", as_json)


@app.command(cls=Command)
def resume(name: Name, as_json: JsonOption = False) -> None:
    """Let an account dial again, after what had paused it was put right."""
    with context.open_session() as session:
        operating.resume_account(session, name, CLI, database_now(session))
    _tell(name, "active", as_json)


@app.command(cls=Command)
def off(
    name: Name,
    why: Annotated[str, typer.Option(help="The reason, for the log.")] = "by request",
    as_json: JsonOption = False,
) -> None:
    """Take an account out of use; what rings or is answered goes on."""
    with context.open_session() as session:
        now = database_now(session)
        recall = operating.switch_account_off_named(session, name, why, CLI, now)
    context.send_recall(recall)
    _tell(name, "off", as_json)


@app.command(cls=Command)
def change(
    name: Name,
    base_url: Annotated[str | None, typer.Option(help="https://YOURSPACE.signalwire.com")] = None,
    project_id: Annotated[str | None, typer.Option(help="The provider's project id.")] = None,
    api_token: Annotated[
        str | None,
        typer.Option(envvar="OUTDIAL_ACCOUNT_TOKEN", help="A new one; kept encrypted."),
    ] = None,
    signing_key: Annotated[
        str | None, typer.Option(envvar="OUTDIAL_ACCOUNT_SIGNING_KEY", help="Checks webhooks.")
    ] = None,
    cps: Annotated[
        float | None, typer.Option(min=0.001, max=1000, help="Calls per second.")
    ] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Calls alive at once.")] = None,
    max_waiting: Annotated[
        int | None, typer.Option(min=1, help="Given out, not yet ringing.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change what is given; what dials follows within seconds."""
    wanted = AccountChange(
        base_url=base_url,
        project_id=project_id,
        api_token=api_token,
        signing_key=signing_key,
        cps=cps,
        max_concurrent=max_concurrent,
        max_waiting=max_waiting,
    )
    with context.open_session() as session:
        now, hosts = database_now(session), settings().provider_hosts
        account_id = account_named(session, name).id
        operating.change_account(session, account_id, wanted, vault(), CLI, now, hosts=hosts)
        found = next(one for one in reporting.list_accounts(session) if one.id == account_id)
    if as_json:
        show_json(found)
    else:
        say(f"The account {name} was changed.")


Cps = Annotated[float | None, typer.Option(min=0.001, max=1000, help="Calls per second, at most.")]
PerDay = Annotated[int | None, typer.Option(min=1, help="Calls in any 24 hours, at most.")]


@app.command("add-caller-id", cls=Command)
def add_caller_id(name: Name, number: Number, cps: Cps = None, max_per_day: PerDay = None) -> None:
    """Give an account one more number to present."""
    with context.open_session() as session:
        account_id, now = account_named(session, name).id, database_now(session)
        limits = CallerIdLimits(cps, max_per_day)
        operating.add_caller_id(session, account_id, number, CLI, now, limits)
    say(f"{name} may present {number}.")


@app.command("limit-caller-id", cls=Command)
def limit_caller_id(
    name: Name, number: Number, cps: Cps = None, max_per_day: PerDay = None
) -> None:
    """Set how much a number may be used; a limit that is left out is taken away."""
    with context.open_session() as session:
        account_id, now = account_named(session, name).id, database_now(session)
        limits = CallerIdLimits(cps, max_per_day)
        operating.limit_caller_id(session, account_id, number, limits, CLI, now)
    pace = f"{cps:g} calls a second at most" if cps else "the account's pace"
    day = f"{max_per_day:,} calls a day at most" if max_per_day else "no limit a day"
    say(f"{number} has {pace} and {day}.")


@app.command("pause-caller-id", cls=Command)
def pause_caller_id(
    name: Name,
    number: Number,
    why: Annotated[str, typer.Option(help="The reason, for the log.")] = "by request",
) -> None:
    """Show a number in no further call; campaigns that have others go on with them."""
    with context.open_session() as session:
        account_id, now = account_named(session, name).id, database_now(session)
        recall = operating.pause_caller_id(session, account_id, number, why, CLI, now)
    context.send_recall(recall)
    say(f"{number} is shown no more until it is resumed.")


@app.command("resume-caller-id", cls=Command)
def resume_caller_id(name: Name, number: Number) -> None:
    """Let a number be shown again; its calls so far are not held against it."""
    with context.open_session() as session:
        account_id = account_named(session, name).id
        operating.resume_caller_id(session, account_id, number, CLI, database_now(session))
    say(f"{number} may be shown again.")


@app.command("caller-ids", cls=Command)
def list_caller_ids(name: Name, as_json: JsonOption = False) -> None:
    """The numbers of an account, with their limits and whether they are shown."""
    with context.open_session() as session:
        account_id = account_named(session, name).id
        found = next(one for one in reporting.list_accounts(session) if one.id == account_id)
    if as_json:
        show_json(found.numbers)
        return
    rows = [
        (one.number, one.status, one.cps, one.max_per_day, one.status_reason)
        for one in found.numbers
    ]
    show_table(("number", "status", "cps", "calls a day", "why"), rows, "")


@app.command(cls=Command)
def safety(
    name: Name,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it stops at all.")] = None,
    failed: Annotated[float | None, typer.Option(help="Part of the calls that fail.")] = None,
    short: Annotated[float | None, typer.Option(help="Part of the answered, short.")] = None,
    invalid: Annotated[float | None, typer.Option(help="Part of numbers not existing.")] = None,
    short_seconds: Annotated[float | None, typer.Option(help="What is short.")] = None,
    window: Annotated[int | None, typer.Option(help="Latest calls that are judged.")] = None,
    least: Annotated[int | None, typer.Option(help="Fewer calls than this say nothing.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show an account's safety stop, and change what is given. Parts are from 0 to 1."""
    given = {
        "on": on,
        "failed": failed,
        "short": short,
        "invalid": invalid,
        "short_seconds": short_seconds,
        "window": window,
        "least": least,
    }
    wanted = {key: value for key, value in given.items() if value is not None}
    with context.open_session() as session:
        account_id, now = account_named(session, name).id, database_now(session)
        if wanted:
            change = AccountChange(safety=wanted)
            operating.change_account(session, account_id, change, vault(), CLI, now)
        found = next(one for one in reporting.list_accounts(session) if one.id == account_id)
    if as_json:
        show_json(found.safety)
    else:
        show_table(("what", "value"), list(found.safety.items()), "")


@app.command("remove-caller-id", cls=Command)
def remove_caller_id(name: Name, number: Number) -> None:
    """Take a number from an account; one that was ever used stays."""
    with context.open_session() as session:
        account_id = account_named(session, name).id
        operating.remove_caller_id(session, account_id, number, CLI, database_now(session))
    say(f"{name} presents {number} no more.")


@app.command(cls=Command)
def check(name: Name, as_json: JsonOption = False) -> None:
    """Ask the provider whether it knows the account's credentials; no call is placed."""
    with context.open_engine() as engine:
        with transaction(engine) as session:
            account_id = account_named(session, name).id
        found = operating.check_account(engine, account_id, vault())
    if as_json:
        show_json({"name": name, "accepted": found.accepted, "sentence": found.sentence})
    else:
        say(found.sentence)
    if not found.accepted:
        raise typer.Exit(1)


def _tell(name: str, status: str, as_json: bool) -> None:
    if as_json:
        show_json({"name": name, "status": status})
    else:
        say(f"The account {name} is {status}.")
