"""`outdial campaign ...`: create, list, start, pause, resume, stop, watch, export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from campaigns import changing, exporting, operating, reporting
from campaigns.access import CLI
from campaigns.changing import PaceChange, RedialRequest
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, json_option, say, show_json, show_table
from campaigns.cli.report import show_counts, show_report
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.drafting import CampaignDraft
from campaigns.drafting.lengths import ramp_of_text
from campaigns.errors import InvalidInput
from campaigns.lifecycle import CampaignStatus, RecipientStatus
from campaigns.reporting import Surroundings, read_one_snapshot
from campaigns.reporting.values import CampaignView

app = typer.Typer(help="Campaigns: create, start, watch, stop.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The campaign's number.")]
Why = Annotated[str, typer.Option(help="The reason, for the log.")]


@app.command(cls=Command)
def create(
    name: Annotated[str, typer.Option(help="What people will know it by.")],
    kind: Annotated[str, typer.Option(help="reminder or announcement")],
    account: Annotated[str, typer.Option(help="Name of the account that calls.")],
    organisation: Annotated[str, typer.Option(help="Who is calling, as it is spoken.")] = "",
    contact: Annotated[str, typer.Option(help="How to reach them, as it is spoken.")] = "",
    message: Annotated[str | None, typer.Option(help="What is said, with {columns} in it.")] = None,
    voicemail: Annotated[str, typer.Option(help="hang_up or leave_message")] = "hang_up",
    voicemail_text: Annotated[str | None, typer.Option(help="Left on a machine.")] = None,
    language: Annotated[str, typer.Option(help="Language of the voice.")] = "en-US",
    voice: Annotated[str | None, typer.Option(help="The provider's name of a voice.")] = None,
    flow: Annotated[str | None, typer.Option(help="A whole call flow: JSON, or @FILE.")] = None,
    offset: Annotated[
        str | None, typer.Option(help='Due so long before the appointment: "24h", "90m".')
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(help="Of no more use so long before the appointment.")
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(help='How lists write appointments: "DD/MM/YYYY HH:MM".')
    ] = None,
    windows: Annotated[
        str, typer.Option(help='Calling hours, local: "mon-fri 09:00-17:30".')
    ] = "always",
    holidays: Annotated[
        str | None, typer.Option(help='No calls then: "US", "US-CA", "US-CA 2026-12-24".')
    ] = None,
    rule_set: Annotated[
        str | None, typer.Option(help="Calling rules: house, law, or practice on the simulator.")
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(help="reminder, informational, marketing, debt, survey or emergency"),
    ] = None,
    voice_type: Annotated[str, typer.Option(help="Who speaks: recorded, ai or live.")] = "recorded",
    subject: Annotated[
        str | None, typer.Option(help="What it is about, for caps on one subject.")
    ] = None,
    caller_id: Annotated[
        list[str] | None, typer.Option(help="Number to show; repeated: several to choose from.")
    ] = None,
    local_presence: Annotated[
        bool, typer.Option("--local-presence", help="Show one of the callee's own area code.")
    ] = False,
    starts_at: Annotated[str | None, typer.Option(help="ISO 8601 with offset.")] = None,
    ends_at: Annotated[str | None, typer.Option(help="ISO 8601 with offset.")] = None,
    max_cps: Annotated[float | None, typer.Option(help="Calls per second, at most.")] = None,
    weight: Annotated[float, typer.Option(help="Share beside other campaigns.")] = 1.0,
    ramp: Annotated[
        str | None, typer.Option(help='Growth after a start: "20% 10m", or "none".')
    ] = None,
    ring_timeout: Annotated[int, typer.Option(help="Seconds a call rings.")] = 30,
    retry_policy: Annotated[
        str, typer.Option(help="normal, gentle, persistent or once; or JSON, or @FILE.")
    ] = "normal",
    cap: Annotated[
        list[str] | None, typer.Option(help='Calls at most: "3 in 24h to a number". Repeatable.')
    ] = None,
    default_country: Annotated[
        str | None, typer.Option(help="Of numbers without a country code.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a draft. Import recipients into it, then start it."""
    given = {
        "name": name,
        "kind": kind,
        "account": account,
        "organisation": organisation,
        "contact": contact,
        "message": message,
        "voicemail": voicemail,
        "voice": voice,
        "voicemail_text": voicemail_text,
        "language": language,
        "offset": offset,
        "deadline": deadline,
        "date_format": date_format,
        "windows": windows,
        "holidays": holidays,
        "rule_set": rule_set,
        "purpose": purpose,
        "voice_type": voice_type,
        "subject": subject,
        "caller_id": caller_id[0] if caller_id else None,
        "more_caller_ids": caller_id[1:] if caller_id else None,
        "local_presence": local_presence,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "max_cps": max_cps,
        "weight": weight,
        "ramp": ramp_of_text(ramp) if ramp else None,
        "ring_timeout": ring_timeout,
        "flow": json_option(flow, "--flow") if flow else None,
        "retry_policy": (
            retry_policy if retry_policy.isalpha() else json_option(retry_policy, "--retry-policy")
        ),
        "caps": cap,
        "default_country": default_country or settings().default_country,
    }
    draft = CampaignDraft.read({key: value for key, value in given.items() if value is not None})
    with context.open_session() as session:
        created = operating.create_campaign(
            session, draft.as_new_campaign(), CLI, database_now(session)
        )
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
