"""`outdial webhook ...`: add, list, change, remove, look at deliveries, send again, test."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.notifying import endpoints
from campaigns.notifying.delivery import Courier, Outside
from campaigns.notifying.events import EVENT_TYPES, message_id
from campaigns.store.delivery_log import DeliveryRow
from campaigns.vault import vault

app = typer.Typer(help="Webhooks: who is told what happens.", no_args_is_help=True)

COLUMNS = ("id", "url", "status", "events", "description", "failing_since", "succeeded_at", "why")
DELIVERY_COLUMNS = ("id", "type", "at", "status", "tries", "code", "ms", "next try", "error")

WebhookId = Annotated[
    int, typer.Argument(metavar="WEBHOOK", min=1, max=2**63 - 1, help="The webhook's id.")
]


@app.command(cls=Command)
def add(
    url: Annotated[str, typer.Argument(help="https://example.org/outdial")],
    event: Annotated[
        list[str] | None, typer.Option(help="A type of event; may be repeated. None: all of them.")
    ] = None,
    description: Annotated[str, typer.Option(help="To tell it apart.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Tell an address of what happens from now on. Its secret is shown this once."""
    with context.open_session() as session:
        made = endpoints.create_endpoint(
            session,
            vault(),
            url,
            event or [],
            CLI,
            database_now(session),
            description=description,
            allow_private=settings().webhook_allow_private,
        )
        webhook_id = made.row.id
    if as_json:
        show_json({"id": webhook_id, "url": url, "secret": made.secret})
        return
    say(made.secret)
    typer.echo(
        f"That is the secret of webhook {webhook_id}. Keep it: it cannot be shown again.", err=True
    )


@app.command(cls=Command)
def events(as_json: JsonOption = False) -> None:
    """Every type of event there is."""
    if as_json:
        show_json(EVENT_TYPES)
    else:
        show_table(("type", "meaning"), EVENT_TYPES.items(), "")


@app.command("list", cls=Command)
def list_(as_json: JsonOption = False) -> None:
    """Every webhook, without its secret."""
    with context.open_session() as session:
        rows = endpoints.list_endpoints(session)
        if as_json:
            show_json([{"id": one.id, **endpoints.described(one)} for one in rows])
            return
        shown = [
            (
                *(one.id, one.url, one.status),
                "all" if len(one.event_types) == len(EVENT_TYPES) else ", ".join(one.event_types),
                *(one.description, one.failing_since, one.succeeded_at, one.status_reason),
            )
            for one in rows
        ]
    show_table(COLUMNS, shown, "There is no webhook yet: outdial webhook add URL")


@app.command(cls=Command)
def pause(webhook: WebhookId, as_json: JsonOption = False) -> None:
    """Send nothing for a while. What waits is kept; what happens meanwhile is never told."""
    with context.open_session() as session:
        row = endpoints.pause_endpoint(session, webhook, CLI, database_now(session))
        _tell(webhook, row.status, as_json)


@app.command(cls=Command)
def resume(webhook: WebhookId, as_json: JsonOption = False) -> None:
    """Tell it again, whether a person or its own failures had stopped that."""
    with context.open_session() as session:
        row = endpoints.resume_endpoint(session, webhook, CLI, database_now(session))
        _tell(webhook, row.status, as_json)


@app.command(cls=Command)
def remove(webhook: WebhookId, as_json: JsonOption = False) -> None:
    """Tell it nothing more. What still waits for it is not sent."""
    with context.open_session() as session:
        row = endpoints.remove_endpoint(session, webhook, CLI, database_now(session))
        _tell(webhook, row.status, as_json)


@app.command(cls=Command)
def secret(webhook: WebhookId, as_json: JsonOption = False) -> None:
    """Give it a new secret, shown this once. For a day the old one signs too."""
    with context.open_session() as session:
        now = database_now(session)
        fresh = endpoints.rotate_secret(session, vault(), webhook, CLI, now)
    if as_json:
        show_json({"id": webhook, "secret": fresh})
    else:
        say(fresh)


@app.command(cls=Command)
def deliveries(
    webhook: WebhookId,
    status: Annotated[
        str | None, typer.Option(help=f"Only those: {', '.join(endpoints.STATUSES)}.")
    ] = None,
    before: Annotated[int | None, typer.Option(min=1, help="Older than this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """What was sent to it and what waits for it, newest first."""
    with context.open_session() as session:
        rows = endpoints.list_deliveries(
            session, webhook, status=status, before=before, limit=limit
        )
    if as_json:
        show_json([_plain(row) for row in rows])
        return
    shown = [
        (
            *(row.id, row.type, row.at, row.status, row.tries, row.status_code, row.duration_ms),
            *(row.due_at if row.status == "waiting" else None, row.error),
        )
        for row in rows
    ]
    show_table(DELIVERY_COLUMNS, shown, "Nothing was sent yet: outdial webhook test ID")


@app.command(cls=Command)
def replay(
    webhook: WebhookId,
    delivery: Annotated[int | None, typer.Option(min=1, help="Only this one.")] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.01, max=24 * 365, help="All that failed since then.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send again one delivery, or everything that failed in the last hours."""
    if (delivery is None) == (hours is None):
        raise InvalidInput("Say --delivery ID or --hours N. Nothing was sent.")
    with context.open_session() as session:
        now = database_now(session)
        if delivery is not None:
            endpoints.replay_one(session, webhook, delivery, CLI, now)
            count = 1
        else:
            since: datetime = now - timedelta(hours=hours or 0)
            count = endpoints.replay_failed_since(session, webhook, since, CLI, now)
    if as_json:
        show_json({"id": webhook, "deliveries": count})
    else:
        say(f"Sent again: {count:,}. A scheduler takes them from here.")


@app.command("test", cls=Command)
def send_test(webhook: WebhookId, as_json: JsonOption = False) -> None:
    """Send it a test now and say what came of it; exit code 1 when it was not accepted."""
    with context.open_engine() as engine:
        courier = Courier(engine, Outside.of(settings(), vault()), threads=1)
        with transaction(engine) as session:
            delivery_id = endpoints.send_test(session, webhook)
        courier.deliver_now(delivery_id)
        courier.close()
        with transaction(engine) as session:
            row = endpoints.delivery_of(session, webhook, delivery_id)
    if as_json:
        show_json(_plain(row))
    elif row.status == "delivered":
        say(f"Accepted: {row.status_code} after {row.duration_ms} ms.")
    else:
        say(f"Not accepted. {row.error or 'A scheduler is sending it at this moment.'}")
    if row.status != "delivered":
        raise typer.Exit(1)


def _plain(row: DeliveryRow) -> dict[str, object]:
    names = ("id", "type", "at", "status", "tries", "status_code", "duration_ms", "due_at", "error")
    return {"webhook_id": message_id(row.key)} | {name: getattr(row, name) for name in names}


def _tell(webhook: int, status: str, as_json: bool) -> None:
    if as_json:
        show_json({"id": webhook, "status": status})
    else:
        say(f"The webhook {webhook} is {status}.")
