"""`outdial campaign ...`: create, list, start, pause, resume, stop, watch, export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from campaigns import changing, exporting, operating, reporting
from campaigns.access import CLI
from campaigns.changing import PaceChange, RedialRequest
from campaigns.cli import campaign_changes, context
from campaigns.cli.campaign_options import CampaignOptions, takes
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.cli.report import show_counts, show_report
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.drafting.lengths import ramp_of_text
from campaigns.errors import InvalidInput
from campaigns.lifecycle import CampaignStatus, RecipientStatus
from campaigns.reporting import Surroundings, read_one_snapshot
from campaigns.reporting.values import CampaignView

app = typer.Typer(help="Campaigns: create, start, watch, stop.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The campaign's number.")]
Why = Annotated[str, typer.Option(help="The reason, for the log.")]


@app.command(cls=Command)
@takes(CampaignOptions)
def create(options: CampaignOptions, as_json: bool) -> None:
    """Create a draft. Import recipients into it, then start it."""
    new = options.draft().as_new_campaign()
    with context.open_session() as session:
        created = operating.create_campaign(session, new, CLI, database_now(session))
        view = reporting.campaign_view(session, created.id)
    _tell(view, "was created as a draft. Import recipients into it, then start it", as_json)


@app.command("list", cls=Command)
def list_(
    status: Annotated[
        CampaignStatus | None, typer.Option(help="Only those with this status.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Campaigns, newest first."""
    with context.open_session() as session:
        found = reporting.list_campaigns(session, None, limit, status=status)
    if as_json:
        show_json(found)
        return
    rows = [(one.id, one.name, one.kind, one.status, one.account, one.windows) for one in found]
    columns = ("id", "name", "kind", "status", "account", "hours")
    show_table(columns, rows, "There is no campaign yet: outdial campaign create --help")


@app.command(cls=Command)
def start(campaign_id: Id, as_json: JsonOption = False) -> None:
    """Start a draft now, or at its start time when that lies ahead."""
    with context.open_session() as session:
        campaign = changing.start(session, campaign_id, CLI, database_now(session))
        session.flush()
        view = reporting.campaign_view(session, campaign.id)
    _tell(view, f"is {view.status}", as_json)


@app.command(cls=Command)
def pause(campaign_id: Id, why: Why = "by request", as_json: JsonOption = False) -> None:
    """Dial nobody any more; calls that ring may ring."""
    with context.open_session() as session:
        now = database_now(session)
        recall = changing.pause(session, campaign_id, CLI, now, why)
        view = reporting.campaign_view(session, campaign_id)
    context.send_recall(recall)
    _tell(view, "is paused", as_json)


@app.command(cls=Command)
def resume(campaign_id: Id, as_json: JsonOption = False) -> None:
    """Go on with a paused campaign."""
    with context.open_session() as session:
        changing.resume(session, campaign_id, CLI, database_now(session))
        session.flush()
        view = reporting.campaign_view(session, campaign_id)
    _tell(view, "is running", as_json)


@app.command(cls=Command)
def stop(campaign_id: Id, why: Why = "by request", as_json: JsonOption = False) -> None:
    """Stop for good; every call that nobody has answered is taken back."""
    with context.open_session() as session:
        now = database_now(session)
        recall = changing.stop(session, campaign_id, CLI, now, why)
        session.flush()
        view = reporting.campaign_view(session, campaign_id)
    context.send_recall(recall)
    _tell(view, "is stopped", as_json)


@app.command(cls=Command)
def pace(
    campaign_id: Id,
    cps: Annotated[
        float | None, typer.Argument(help="Calls per second, at most; none: as the account.")
    ] = None,
    weight: Annotated[
        float | None, typer.Option(help="Share beside other campaigns, instead of the pace.")
    ] = None,
    ramp: Annotated[
        str | None,
        typer.Option(help='Growth after a start, instead of the pace: "20% 10m", or "none".'),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change how fast a campaign calls; it holds within a second, without a restart."""
    if cps is not None and not 0 < cps <= 1000:
        raise InvalidInput("The pace is a number above 0. Nothing was changed.")
    if weight is not None and not 0 < weight <= 1000:
        raise InvalidInput("The weight is a number above 0. Nothing was changed.")
    wanted: dict[str, Any] = {} if cps is None and (weight or ramp) else {"max_cps": cps}
    wanted |= {"weight": weight} if weight is not None else {}
    wanted |= {"ramp": ramp_of_text(ramp)} if ramp else {}
    with context.open_session() as session:
        change = PaceChange(**wanted)
        changing.change_pace(session, campaign_id, change, CLI, database_now(session))
        view = reporting.campaign_view(session, campaign_id)
    told = f"{view.max_cps:g} calls per second" if view.max_cps else "its account's own pace"
    _tell(view, f"calls at {told} from now on, with weight {view.weight:g}", as_json)


campaign_changes.add_to(app)


@app.command(cls=Command)
def clone(
    campaign_id: Id,
    name: Annotated[str | None, typer.Option(help="Of the copy.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new draft with the same settings and texts, and nobody in it."""
    with context.open_session() as session:
        copy = changing.clone_campaign(session, campaign_id, CLI, database_now(session), name)
        view = reporting.campaign_view(session, copy.id)
    _tell(
        view,
        f"is a copy of campaign {campaign_id}. Import recipients into it, then start it",
        as_json,
    )


@app.command(cls=Command)
def redial(
    campaign_id: Id,
    name: Annotated[str | None, typer.Option(help="Of the new campaign.")] = None,
    unknown: Annotated[
        bool, typer.Option(help="Also those who may have been called; they may be called twice.")
    ] = False,
    waiting: Annotated[
        bool, typer.Option(help="Also those who waited when it was stopped.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new draft with those who were not reached, each of them once."""
    wanted = RedialRequest(
        name=(name or "")[:200] or None, include_unknown=unknown, include_waiting=waiting
    )
    with context.open_session() as session:
        now = database_now(session)
        done = changing.redial_unreached(session, campaign_id, wanted, CLI, now)
        view = reporting.campaign_view(session, done.campaign.id)
    _tell(view, f"has {done.people:,} people of campaign {campaign_id} in it. Start it", as_json)


@app.command(cls=Command)
def status(campaign_id: Id, as_json: JsonOption = False) -> None:
    """What goes on in a campaign now, and why."""
    with context.open_session() as session:
        read_one_snapshot(session)
        now, around = database_now(session), Surroundings.of(settings())
        counts = reporting.campaign_with_counts(session, campaign_id, now, around)
    show_json(counts) if as_json else show_counts(counts)


@app.command(cls=Command)
def report(campaign_id: Id, as_json: JsonOption = False) -> None:
    """Everything about a campaign, counted from its rows."""
    with context.open_session() as session:
        read_one_snapshot(session)
        now, around = database_now(session), Surroundings.of(settings())
        found = reporting.campaign_report(session, campaign_id, now, around)
    show_json(found) if as_json else show_report(found)


@app.command(cls=Command)
def reminders(campaign_id: Id, as_json: JsonOption = False) -> None:
    """How each reminder went: for how many people it was due, who were called, who reached."""
    with context.open_session() as session:
        found = reporting.reminder_counts(session, campaign_id, database_now(session))
    if as_json:
        show_json(found)
        return
    rows = [(f"{one.ahead} before", one.due, one.called, one.reached) for one in found]
    show_table(("reminder", "due", "called", "reached"), rows, "There is no reminder.")


@app.command(cls=Command)
def recipients(
    campaign_id: Id,
    status: Annotated[
        RecipientStatus | None, typer.Option(help="Only those with this status.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    after: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Go on after this recipient.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Recipients of a campaign, in the order of their ids."""
    with context.open_session() as session:
        found = reporting.list_recipients(session, campaign_id, status, after, limit)
    if as_json:
        show_json(found)
        return
    rows = [
        (
            *(one.id, one.status, one.reason, " ".join(one.numbers)),
            *(one.attempts_spent, one.next_attempt_at),
        )
        for one in found
    ]
    columns = ("id", "status", "reason", "numbers", "attempts", "next (UTC)")
    show_table(columns, rows, "There is no such recipient.")
    if len(found) == limit:
        say(f"There may be more: --after {found[-1].id}")


@app.command(cls=Command)
def export(
    campaign_id: Id,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The file; it is replaced.")],
) -> None:
    """Every recipient with their last call and answer, as CSV that a spreadsheet may open."""
    with context.open_engine() as engine:
        with transaction(engine) as session:
            variables = exporting.export_columns(session, campaign_id)
        try:
            with out.open("w", newline="", encoding="utf-8") as to:
                to.writelines(exporting.recipient_lines(engine, campaign_id, variables))
        except OSError as error:
            raise InvalidInput(f"{out} cannot be written: {error.strerror}.") from error
    say(f"The recipients of campaign {campaign_id} were written to {out}.")


def _tell(view: CampaignView, sentence: str, as_json: bool) -> None:
    if as_json:
        show_json(view)
    else:
        say(f"Campaign {view.id}, {view.name}, {sentence}.")
