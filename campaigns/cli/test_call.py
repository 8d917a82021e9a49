"""`outdial test-call TO --account NAME --text TEXT`: hear how it sounds."""

import time
from typing import Annotated

import typer
from sqlalchemy import Engine

from campaigns import reporting
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, json_option, say, show_json
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow
from campaigns.flows.model import CallFlow
from campaigns.lifecycle import RECIPIENT_TERMINAL, AttemptStatus
from campaigns.reporting.values import CampaignView, RecipientHistory
from campaigns.test_call import place_test_call

app = typer.Typer()

_POLL_SECONDS = 0.5


@app.command("test-call", cls=Command)
def call(
    to: Annotated[str, typer.Argument(help="The number to call.")],
    account: Annotated[str, typer.Option(help="Name of the account that calls.")],
    text: Annotated[str | None, typer.Option(help="What is said.")] = None,
    flow: Annotated[str | None, typer.Option(help="A whole call flow: JSON, or @FILE.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to wait for how the call ends.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Have one number called once, under the account's own rules and limits."""
    if (text is None) == (flow is None):
        raise InvalidInput("Give --text or --flow, one of the two.")
    parts = CallFlow.from_json(json_option(flow, "--flow")) if flow else None
    with context.open_engine() as engine:
        view, recipient_id, number = _place(
            engine, account, to, parts or announcement_flow(text or "")
        )
        if not as_json:
            say(f"{number} is called next. Watch it: outdial campaign status {view.id}")
        found = _wait(engine, recipient_id, wait) if wait else None
    if as_json:
        ended = {"history": found} if found is not None else {}
        show_json({"campaign": view, "recipient_id": recipient_id, **ended})
    elif found is not None:
        say(_outcome(found, wait))


def _place(engine: Engine, account: str, to: str, flow: CallFlow) -> tuple[CampaignView, int, str]:
    with transaction(engine) as session:
        campaign, recipient = place_test_call(
            session,
            account,
            to,
            flow,
            database_now(session),
            default_country=settings().default_country,
        )
        session.flush()
        return reporting.campaign_view(session, campaign.id), recipient.id, recipient.numbers[0]


def _wait(engine: Engine, recipient_id: int, seconds: float) -> RecipientHistory:
    """The recipient's history once the call ended, or as it is after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        with transaction(engine) as session:
            found = reporting.recipient_history(session, recipient_id, database_now(session))
        left = until - time.monotonic()
        if _is_over(found) or left <= 0:
            return found
        time.sleep(min(_POLL_SECONDS, left))


def _is_over(found: RecipientHistory) -> bool:
    """An attempt that was cancelled is no end: the next slot may bring another."""
    last = found.attempts[-1].status if found.attempts else None
    return last == AttemptStatus.ENDED or found.status in RECIPIENT_TERMINAL


def _outcome(found: RecipientHistory, waited: float) -> str:
    if not _is_over(found):
        return f"The call did not end within {waited:g} seconds. {found.sentence}"
    last = found.attempts[-1] if found.attempts else None
    if last is None or last.status != AttemptStatus.ENDED:
        return f"No call was made. {found.sentence}"
    pressed = ", ".join(f"{one.digit} ({one.meaning.replace('_', ' ')})" for one in last.responses)
    how = (last.disposition or "nobody knows how").replace("_", " ")
    return f"The call ended: {how}. {f'Pressed: {pressed}.' if pressed else 'Nothing was pressed.'}"
