"""`outdial campaign change|archive|unarchive`: campaigns that run, are to run, or are over."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns import changing, gates, reporting
from campaigns.access import CLI
from campaigns.changing import HoursChange, TryingChange
from campaigns.cli import context
from campaigns.cli.campaign_options import policy_option
from campaigns.cli.output import Command, JsonOption, say, show_json
from campaigns.db import database_now
from campaigns.drafting import explained
from campaigns.errors import InvalidInput

Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The campaign's number.")]


def change(
    campaign_id: Id,
    windows: Annotated[
        str | None, typer.Option(help='Calling hours, local: "mon-fri 09:00-17:30".')
    ] = None,
    ends_at: Annotated[
        str | None, typer.Option(help='ISO 8601 with offset; "never": when all were called.')
    ] = None,
    retry_policy: Annotated[
        str | None, typer.Option(help="normal, gentle, persistent or once; or JSON, or @FILE.")
    ] = None,
    cap: Annotated[
        list[str] | None,
        typer.Option(help='Calls at most: "3 in 24h to a number", repeatable; or "none".'),
    ] = None,
    household: Annotated[
        str | None, typer.Option(help="People who share a number: wait or merge.")
    ] = None,
    offsets: Annotated[
        str | None, typer.Option(help='Reminders before the appointment: "3d, 24h, 2h".')
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change hours, end, retries, caps or reminders; it holds for everything not dialled yet."""
    hours = _given(windows=windows, ends_at=ends_at)
    if ends_at == "never":
        hours["ends_at"] = None
    trying = _given(
        household=household,
        retry_policy=policy_option(retry_policy) if retry_policy else None,
        offsets=[one.strip() for one in offsets.split(",")] if offsets else None,
        caps=_caps(cap),
    )
    if not hours and not trying:
        raise InvalidInput("Say what is to be different: see --help. Nothing was changed.")
    with context.open_session() as session:
        recalled = _change(session, campaign_id, hours, trying)
        view = reporting.campaign_view(session, campaign_id)
    context.send_recall(recalled)
    if as_json:
        show_json(view)
    else:
        say(f"Campaign {view.id}, {view.name}, was changed. It holds for all that is not dialled.")


def _change(
    session: Session, campaign_id: int, hours: dict[str, Any], trying: dict[str, Any]
) -> list[int]:
    now, recalled = database_now(session), []
    try:
        if hours:
            wanted = HoursChange.model_validate(hours)
            recalled = changing.change_hours(session, campaign_id, wanted, CLI, now)
        if trying:
            asked = TryingChange.model_validate(trying)
            changing.change_trying(session, campaign_id, asked, CLI, now)
    except ValidationError as error:
        raise InvalidInput(explained(error)) from error
    return recalled


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _caps(given: list[str] | None) -> list[dict[str, Any]] | None:
    if given is None:
        return None
    return [] if given == ["none"] else [one for text in given for one in gates.caps_of_text(text)]


def archive(campaign_id: Id, as_json: JsonOption = False) -> None:
    """Keep a campaign that is over out of lists."""
    _shelve(campaign_id, as_json=as_json, away=True)


def unarchive(campaign_id: Id, as_json: JsonOption = False) -> None:
    """Show an archived campaign in lists again."""
    _shelve(campaign_id, as_json=as_json, away=False)


def _shelve(campaign_id: int, *, as_json: bool, away: bool) -> None:
    verb = changing.archive if away else changing.unarchive
    with context.open_session() as session:
        verb(session, campaign_id, CLI, database_now(session))
        view = reporting.campaign_view(session, campaign_id)
    if as_json:
        show_json(view)
    else:
        say(f"Campaign {view.id}, {view.name}, is {'in' if away else 'out of'} the archive.")


def add_to(app: typer.Typer) -> None:
    """Put the commands beside the others."""
    for command in (change, archive, unarchive):
        app.command(cls=Command)(command)
