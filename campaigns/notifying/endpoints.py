"""What people do with endpoints: add, change, pause, test, send again, give a new secret.

Each change is in the audit log, in the same transaction and without the secret.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns import auditing
from campaigns.access import Actor
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.models import WebhookEndpoint
from campaigns.notifying import signing
from campaigns.notifying.addresses import check_url
from campaigns.notifying.events import EVENT_TYPES
from campaigns.store import delivery_log, outgoing
from campaigns.store.delivery_log import DeliveryRow
from campaigns.vault import Vault

MOST_ENDPOINTS = 50  # every event is stored once for each that asked for it
OLD_SECRET_LASTS = timedelta(hours=24)
MOST_REPLAYED = 20_000
STATUSES = ("waiting", "sending", "delivered", "given_up")


@dataclass(frozen=True, slots=True)
class CreatedEndpoint:
    """A new endpoint. `secret` cannot be shown again."""

    row: WebhookEndpoint
    secret: str = field(repr=False)


def create_endpoint(
    session: Session,
    vault: Vault,
    url: str,
    event_types: Sequence[str],
    actor: Actor,
    now: datetime,
    *,
    description: str = "",
    allow_private: bool = False,
) -> CreatedEndpoint:
    """Tell this address of everything of these types from now on; no types: of all of them.

    Raises `AddressRefused`, `InvalidInput` or `NotAllowed`; then nothing was stored.
    """
    if len(outgoing.list_endpoints(session)) >= MOST_ENDPOINTS:
        raise NotAllowed(f"There are {MOST_ENDPOINTS} webhooks already. Remove one first.")
    secret = signing.new_secret()
    row = WebhookEndpoint(
        url=check_url(url.strip(), allow_private=allow_private),
        description=_short(description),
        event_types=_known(event_types or list(EVENT_TYPES)),
        secret=signing.seal(vault, secret),
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    auditing.record(session, actor, "webhook.create", subject(row), now, after=described(row))
    return CreatedEndpoint(row, secret)


def update_endpoint(
    session: Session,
    endpoint_id: int,
    actor: Actor,
    now: datetime,
    *,
    url: str | None = None,
    event_types: Sequence[str] | None = None,
    description: str | None = None,
    allow_private: bool = False,
) -> WebhookEndpoint:
    """Change what is given. What waits for the endpoint goes to its new address."""
    row = endpoint_by_id(session, endpoint_id, lock=True)
    before = described(row)
    # Read first and written afterwards: a refusal must leave nothing half changed.
    new_url = None if url is None else check_url(url.strip(), allow_private=allow_private)
    new_types = None if event_types is None else _known(event_types)
    new_description = None if description is None else _short(description)
    row.url = new_url or row.url
    row.event_types = new_types or row.event_types
    row.description = row.description if new_description is None else new_description
    return _changed(session, row, "webhook.update", actor, now, before)


def _changed(
    session: Session,
    row: WebhookEndpoint,
    action: str,
    actor: Actor,
    now: datetime,
    before: dict[str, Any],
) -> WebhookEndpoint:
    session.flush()
    after = described(row)
    auditing.record(session, actor, action, subject(row), now, before=before, after=after)
    return row


def _known(event_types: Sequence[str]) -> list[str]:
    wanted = set(event_types)
    unknown = sorted(wanted - EVENT_TYPES.keys())
    if unknown or not wanted:
        told = f"There is no event {unknown[0]!r}." if unknown else "Choose at least one event."
        raise InvalidInput(f"{told} Events: {', '.join(EVENT_TYPES)}.")
    return [one for one in EVENT_TYPES if one in wanted]


def _short(description: str) -> str:
    if len(description) > 200 or "\0" in description:
        raise InvalidInput("A description has at most 200 characters.")
    return description.strip()


def list_endpoints(session: Session) -> list[WebhookEndpoint]:
    """Every endpoint that was not removed, oldest first."""
    return outgoing.list_endpoints(session)


def endpoint_by_id(session: Session, endpoint_id: int, *, lock: bool = False) -> WebhookEndpoint:
    """The endpoint; raises `NotFound`."""
    row = outgoing.find_endpoint(session, endpoint_id, lock=lock)
    if row is None:
        raise NotFound(f"There is no webhook {endpoint_id}.")
    return row


def pause_endpoint(
    session: Session, endpoint_id: int, actor: Actor, now: datetime
) -> WebhookEndpoint:
    """Send nothing and store nothing for it until it is resumed; what waits is kept."""
    row = endpoint_by_id(session, endpoint_id, lock=True)
    before = described(row)
    if row.status == "active":
        row.status, row.status_reason = "paused", None
    return _changed(session, row, "webhook.pause", actor, now, before)


def resume_endpoint(
    session: Session, endpoint_id: int, actor: Actor, now: datetime
) -> WebhookEndpoint:
    """Tell it again what happens, whether a person or its failures had stopped that."""
    row = endpoint_by_id(session, endpoint_id, lock=True)
    before = described(row)
    row.status, row.status_reason = "active", None
    row.failures, row.failing_since, row.rest_until = 0, None, None
    return _changed(session, row, "webhook.resume", actor, now, before)


def remove_endpoint(
    session: Session, endpoint_id: int, actor: Actor, now: datetime
) -> WebhookEndpoint:
    """Forget it. Its secrets go at once, its deliveries when their time is over."""
    row = endpoint_by_id(session, endpoint_id, lock=True)
    before = described(row)
    row.status, row.status_reason = "removed", None
    row.secret, row.old_secret, row.old_secret_until = b"", None, None
    return _changed(session, row, "webhook.remove", actor, now, before)


def rotate_secret(
    session: Session, vault: Vault, endpoint_id: int, actor: Actor, now: datetime
) -> str:
    """A new secret, shown this once; for a day the old one signs beside it."""
    row = endpoint_by_id(session, endpoint_id, lock=True)
    secret = signing.new_secret()
    row.old_secret, row.old_secret_until = row.secret, now + OLD_SECRET_LASTS
    row.secret = signing.seal(vault, secret)
    session.flush()
    auditing.record(session, actor, "webhook.rotate_secret", subject(row), now)
    return secret


def send_test(session: Session, endpoint_id: int) -> int:
    """Send it a `webhook.test` event; returns the delivery's id."""
    row = endpoint_by_id(session, endpoint_id)
    if row.status != "active":
        raise NotAllowed(f"The webhook is {row.status}. Resume it, then test it.")
    greeting = {"webhook_id": row.id, "message": "A test. Nothing has happened."}
    return delivery_log.insert_test_event(session, row.id, json.dumps(greeting))


def list_deliveries(
    session: Session,
    endpoint_id: int,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[DeliveryRow]:
    """An endpoint's deliveries, newest first. Raises `NotFound` and `InvalidInput`."""
    endpoint_by_id(session, endpoint_id)
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"A delivery is {', '.join(STATUSES)}, not {status!r}.")
    return delivery_log.list_deliveries(
        session, endpoint_id, status=status, before=before, limit=limit
    )


def delivery_of(session: Session, endpoint_id: int, delivery_id: int) -> DeliveryRow:
    """One delivery of the endpoint; raises `NotFound`."""
    endpoint_by_id(session, endpoint_id)
    found = delivery_log.find_delivery(session, delivery_id)
    if found is None or found.endpoint_id != endpoint_id:
        raise NotFound(f"The webhook {endpoint_id} has no delivery {delivery_id}.")
    return found


def replay_one(
    session: Session, endpoint_id: int, delivery_id: int, actor: Actor, now: datetime
) -> DeliveryRow:
    """Send one delivery again, delivered or not, under the same id."""
    delivery_of(session, endpoint_id, delivery_id)
    if not delivery_log.replay_delivery(session, delivery_id):
        raise NotAllowed("It is being sent at this moment. Look again in a minute.")
    after = {"delivery_id": delivery_id}
    auditing.record(session, actor, "webhook.replay", f"webhook:{endpoint_id}", now, after=after)
    return delivery_of(session, endpoint_id, delivery_id)


def replay_failed_since(
    session: Session, endpoint_id: int, since: datetime, actor: Actor, now: datetime
) -> int:
    """Send again what failed since then, at most 20,000 at once; returns how many."""
    row = endpoint_by_id(session, endpoint_id)
    again = delivery_log.replay_failed(session, endpoint_id, since, MOST_REPLAYED)
    after = {"failed_since": since.isoformat(), "deliveries": again}
    auditing.record(session, actor, "webhook.replay", subject(row), now, after=after)
    return again


def subject(row: WebhookEndpoint) -> str:
    """How the audit log names the endpoint."""
    return f"webhook:{row.id}"


def described(row: WebhookEndpoint) -> dict[str, Any]:
    """The endpoint without its secrets, for the audit log."""
    return {
        "url": row.url,
        "description": row.description,
        "event_types": list(row.event_types),
        "status": row.status,
    }
