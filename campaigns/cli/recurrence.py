"""`outdial recurrence ...`: campaigns that are made again and again."""

from typing import Annotated

import typer

from campaigns import recurring
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, json_option, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now
from campaigns.errors import InvalidInput
from campaigns.importing import ImportOptions
from campaigns.models import Recurrence
from campaigns.recurring import NewRecurrence, Reader, Rule

app = typer.Typer(help="Recurring campaigns, each time from their list.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The recurrence's number.")]
FIRING = ("fire_key", "due_at", "status", "reason", "campaign_id", "tries", "next_try_at")


@app.command(cls=Command)
def create(
    campaign: Annotated[int, typer.Option(min=1, help="The campaign to be copied each time.")],
    zone: Annotated[str, typer.Option(help="IANA time zone of the times.")],
    at: Annotated[list[str] | None, typer.Option(help='"09:00"; repeat it.')] = None,
    day: Annotated[list[str] | None, typer.Option(help='"mon"; repeat it. Else: daily.')] = None,
    cron: Annotated[str | None, typer.Option(help='In place of both: "30 9 * * mon-fri".')] = None,
    file: Annotated[str | None, typer.Option(help="The list, below OUTDIAL_SOURCES_DIR.")] = None,
    url: Annotated[str | None, typer.Option(help="The list, at an https address.")] = None,
    holidays: Annotated[str | None, typer.Option(help='Does not fire then: "US-CA".')] = None,
    starts_on: Annotated[str | None, typer.Option(help="First day.")] = None,
    ends_on: Annotated[str | None, typer.Option(help="Last day.")] = None,
    unchanged: Annotated[
        str | None, typer.Option(help="With the same list as last time: run or skip.")
    ] = None,
    grace_hours: Annotated[float, typer.Option(help="How late it may fire.")] = 4.0,
    run_hours: Annotated[float | None, typer.Option(help="After which each one ends.")] = None,
    options: Annotated[str, typer.Option(help="How lists are read: JSON, or @FILE.")] = "{}",
    as_json: JsonOption = False,
) -> None:
    """Let a campaign recur: each time its list is read anew and a copy of it starts."""
    rule = {
        "zone": zone,
        "times": at,
        "days": day,
        "cron": cron,
        "holidays": holidays,
        "starts_on": starts_on,
        "ends_on": ends_on,
    }
    source = {"file": file, "url": url}
    new = NewRecurrence(
        campaign_id=campaign,
        rule={key: value for key, value in rule.items() if value},
        source={key: value for key, value in source.items() if value},
        unchanged=unchanged,
        grace_hours=grace_hours,
        run_hours=run_hours,
        options=_options(options),
    )
    with context.open_session() as session:
        now = database_now(session)
        row = recurring.create_recurrence(session, new, Reader.of(settings()), CLI, now)
    _tell(row, "was made", as_json)


@app.command("list", cls=Command)
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50, as_json: JsonOption = False
) -> None:
    """Recurrences, newest first."""
    with context.open_session() as session:
        found = recurring.list_recurrences(session, None, limit)
    if as_json:
        show_json([_values(row) for row in found])
        return
    rows = [
        (row.id, row.campaign_id, row.status, str(Rule.parse(row.rule)), row.next_at, row.problem)
        for row in found
    ]
    columns = ("id", "campaign", "status", "when", "next (UTC)", "problem")
    show_table(columns, rows, "No campaign recurs: outdial recurrence create --help")


@app.command(cls=Command)
def show(recurrence_id: Id, as_json: JsonOption = False) -> None:
    """One recurrence, with what became of its firings."""
    with context.open_session() as session:
        row = recurring.recurrence_by_id(session, recurrence_id)
        firings = recurring.list_firings(session, recurrence_id)
    told = [{name: getattr(one, name) for name in FIRING} for one in firings]
    if as_json:
        show_json(_values(row) | {"firings": told})
        return
    _tell(row, f"is {row.status}", as_json)
    columns = ("wall time", "due (UTC)", "status", "reason", "campaign", "tries", "next try")
    show_table(columns, [tuple(one.values()) for one in told], "It has not fired yet.")


@app.command("next", cls=Command)
def next_(
    recurrence_id: Id,
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """When it fires next."""
    with context.open_session() as session:
        found = recurring.upcoming(recurring.recurrence_by_id(session, recurrence_id), n)
    if as_json:
        show_json(found)
    else:
        rows = [(one.key.replace("T", " "), one.at) for one in found]
        show_table(("wall time", "UTC"), rows, "It does not fire.")


@app.command(cls=Command)
def pause(recurrence_id: Id, as_json: JsonOption = False) -> None:
    """Let it not fire; campaigns that it has started go on."""
    with context.open_session() as session:
        now = database_now(session)
        row = recurring.pause_recurrence(session, recurrence_id, CLI, now)
    _tell(row, "is paused", as_json)


@app.command(cls=Command)
def resume(recurrence_id: Id, as_json: JsonOption = False) -> None:
    """Let it fire again; what it missed is not made up for."""
    with context.open_session() as session:
        now = database_now(session)
        row = recurring.resume_recurrence(session, recurrence_id, CLI, now)
    _tell(row, "is active", as_json)


@app.command(cls=Command)
def end(recurrence_id: Id, as_json: JsonOption = False) -> None:
    """End it for good; campaigns that it has started stay."""
    with context.open_session() as session:
        row = recurring.end_recurrence(session, recurrence_id, CLI, database_now(session))
    _tell(row, "has ended", as_json)


def _options(text: str) -> ImportOptions:
    try:
        return ImportOptions.model_validate(json_option(text, "--options"))
    except ValueError as error:
        raise InvalidInput("--options does not fit: see `outdial import --help`.") from error


def _values(row: Recurrence) -> dict[str, object]:
    names = (
        *("id", "campaign_id", "status", "rule", "unchanged", "grace_hours", "run_hours"),
        *("options", "problem", "next_key", "next_at", "created_at"),
    )
    return {name: getattr(row, name) for name in names} | {"source": str(recurring.source_of(row))}


def _tell(row: Recurrence, sentence: str, as_json: bool) -> None:
    if as_json:
        show_json(_values(row))
        return
    said = f"Recurrence {row.id} of campaign {row.campaign_id} {sentence}: {Rule.parse(row.rule)}."
    following = f" Next: {row.next_key.replace('T', ' ')}." if row.next_key else ""
    say(f"{said}{following}")
