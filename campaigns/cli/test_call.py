"""`outdial test-call TO --account NAME --text TEXT`: hear how it sounds."""

from typing import Annotated

import typer

from campaigns import reporting
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, json_option, say, show_json
from campaigns.config import settings
from campaigns.db import database_now
from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow
from campaigns.flows.model import CallFlow
from campaigns.test_call import place_test_call

app = typer.Typer()


@app.command("test-call", cls=Command)
def call(
    to: Annotated[str, typer.Argument(help="The number to call.")],
    account: Annotated[str, typer.Option(help="Name of the account that calls.")],
    text: Annotated[str | None, typer.Option(help="What is said.")] = None,
    flow: Annotated[str | None, typer.Option(help="A whole call flow: JSON, or @FILE.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Have one number called once, under the account's own rules and limits."""
    if (text is None) == (flow is None):
        raise InvalidInput("Give --text or --flow, one of the two.")
    parts = CallFlow.from_json(json_option(flow, "--flow")) if flow else None
    with context.open_session() as session:
        campaign, recipient = place_test_call(
            session,
            account,
            to,
            parts or announcement_flow(text or ""),
            database_now(session),
            default_country=settings().default_country,
        )
        session.flush()
        view = reporting.campaign_view(session, campaign.id)
        number = recipient.numbers[0]
    if as_json:
        show_json({"campaign": view, "recipient_id": recipient.id})
    else:
        say(f"{number} is called next. Watch it: outdial campaign status {view.id}")
