"""`outdial recipient ...`: one person's calls, by their id or by their number."""

from collections.abc import Iterator
from typing import Annotated

import typer

from campaigns import reporting
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now
from campaigns.phone import parse_number
from campaigns.reporting import read_one_snapshot
from campaigns.reporting.values import AttemptView, RecipientHistory

app = typer.Typer(help="One person: every call, and what comes next.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The recipient's number in lists.")]


@app.command(cls=Command)
def history(recipient_id: Id, as_json: JsonOption = False) -> None:
    """Every attempt, event and answer of a recipient, and when they are called next."""
    with context.open_session() as session:
        read_one_snapshot(session)
        found = reporting.recipient_history(session, recipient_id, database_now(session))
    show_json(found) if as_json else show_history(found)


@app.command(cls=Command)
def find(
    number: Annotated[str, typer.Argument(help="A telephone number, as people write it.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Recipients, at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Whoever has this number, in any campaign, newest first, with their histories."""
    wanted = parse_number(number, settings().default_country)
    with context.open_session() as session:
        read_one_snapshot(session)
        now = database_now(session)
        ids = reporting.recipients_with_number(session, wanted, limit)
        found = [reporting.recipient_history(session, one, now) for one in ids]
    if as_json:
        show_json(found)
        return
    if not found:
        say(f"No campaign has a recipient with {wanted}.")
    for one in found:
        show_history(one)
        say("")


def show_history(found: RecipientHistory) -> None:
    """One recipient as text: what comes next, then a table of attempts and what each brought."""
    say(
        f"Recipient {found.id}, {', '.join(found.numbers)}, "
        f"in campaign {found.campaign_id}, {found.campaign_name}"
    )
    say(found.sentence)
    for attempt in found.attempts:
        say("")
        say(_told(attempt))
        show_table(("what", "at", "came of it"), _rows(attempt), "Nothing was reported about it.")
    if not found.attempts:
        say("Nobody tried to call them yet.")


def _told(attempt: AttemptView) -> str:
    why = attempt.disposition or attempt.cancel_reason
    ended = f" ({why.replace('_', ' ')})" if why else ""
    status = attempt.status.replace("_", " ")
    return f"Attempt {attempt.n} to {attempt.number}, {attempt.local_time}: {status}{ended}"


def _rows(attempt: AttemptView) -> Iterator[tuple[object, ...]]:
    for event in attempt.events:
        yield f"{event.kind} from {event.source}", event.received_at, event.verdict or "not applied"
    for response in attempt.responses:
        yield f"pressed {response.digit}", response.at, response.meaning.replace("_", " ")
