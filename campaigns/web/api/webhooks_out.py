"""Webhooks: addresses that are told what happens, signed as the Standard Webhooks have it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from campaigns.access import Permission
from campaigns.instants import GivenInstant
from campaigns.models import WebhookEndpoint
from campaigns.notifying import endpoints
from campaigns.notifying.events import EVENT_TYPES, VERSION, message_id
from campaigns.store.delivery_log import DeliveryRow
from campaigns.web.api.preconditions import PRECONDITION, check_if_match, tagged
from campaigns.web.api.shapes import (
    CONFLICT,
    NOT_FOUND,
    Before,
    BoundedRoute,
    Id,
    Limit,
    Page,
)
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SettingsDep, SnapshotDep
from campaigns.web.once import keep_no_answer

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=BoundedRoute)

Url = Annotated[str, Field(max_length=2000, examples=["https://example.org/outdial"])]
Types = Annotated[list[str], Field(max_length=100, examples=[["attempt.ended", "campaign.paused"]])]
Description = Annotated[str, Field(max_length=200, examples=["CRM"])]
DeliveryStatus = Literal["waiting", "sending", "delivered", "given_up"]
ADMINISTER = [needs(Permission.ADMINISTER)]


class WebhookIn(BaseModel):
    """An address to be told. It must be https on port 443 or 8443, on the public internet."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    url: Url
    event_types: Types = Field(default_factory=list, description="Empty: every type there is.")
    description: Description = ""


class WebhookChange(BaseModel):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    url: Url | None = None
    event_types: Types | None = None
    description: Description | None = None


class Webhook(BaseModel):
    """An address that is told what happens."""

    id: int
    url: str
    event_types: list[str]
    description: str
    status: str = Field(description="active, paused (by a person) or disabled (by its failures)")
    status_reason: str | None
    failing_since: datetime | None
    succeeded_at: datetime | None
    created_at: datetime


class CreatedWebhook(Webhook):
    """A new webhook."""

    secret: str = Field(
        description="Verifies the signatures. Shown this once.", examples=["whsec_..."]
    )


class NewSecret(BaseModel):
    """A webhook's new secret."""

    secret: str = Field(description="Shown this once.", examples=["whsec_..."])
    old_secret_until: datetime | None = Field(description="Until then the old one signs too.")


class EventType(BaseModel):
    """Something that can happen."""

    type: str
    version: int
    description: str


class Delivery(BaseModel):
    """One event on its way to one webhook, with what is known of its last try."""

    id: int
    webhook_id: str = Field(description="The `webhook-id` header, the same at each try.")
    type: str
    at: datetime = Field(description="When it happened.")
    status: DeliveryStatus
    tries: int
    due_at: datetime | None = Field(description="The next try; null when there is none.")
    tried_at: datetime | None
    finished_at: datetime | None
    status_code: int | None
    error: str | None
    duration_ms: int | None


class DeliveryDetail(Delivery):
    """A delivery with what was sent and how the answer began."""

    data: dict[str, Any]
    response: str | None


class Since(BaseModel):
    """From when on."""

    model_config = ConfigDict(extra="forbid")

    since: GivenInstant = Field(examples=["2026-03-01T00:00:00Z"])


class Replayed(BaseModel):
    """How much is sent again."""

    deliveries: int = Field(description="At most 20,000; ask again for more.")


class Sent(BaseModel):
    """What is on its way."""

    delivery_id: int


def view(row: WebhookEndpoint) -> Webhook:
    """The webhook without its secrets."""
    return Webhook(**{name: getattr(row, name) for name in Webhook.model_fields})


def delivery_view(row: DeliveryRow) -> Delivery:
    """The delivery without what it carries."""
    return Delivery(**_facts(row))


def _facts(row: DeliveryRow) -> dict[str, Any]:
    same = set(Delivery.model_fields) - {"webhook_id", "due_at"}
    facts = {name: getattr(row, name) for name in same}
    waits = row.status == "waiting"
    return facts | {"webhook_id": message_id(row.key), "due_at": row.due_at if waits else None}


@router.get("", dependencies=ADMINISTER)
def list_webhooks(session: SnapshotDep) -> Page[Webhook]:
    """Every webhook, oldest first."""
    return Page(items=[view(row) for row in endpoints.list_endpoints(session)])


@router.post(
    "", status_code=201, dependencies=[*ADMINISTER, Depends(keep_no_answer)], responses=CONFLICT
)
def create_webhook(
    request: Request,
    body: WebhookIn,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
) -> CreatedWebhook:
    """Tell an address of what happens from now on. The answer has the secret, this once."""
    made = endpoints.create_endpoint(
        session,
        request.app.state.vault,
        body.url,
        body.event_types,
        viewer.actor,
        now,
        description=body.description,
        allow_private=config.webhook_allow_private,
    )
    return CreatedWebhook(**view(made.row).model_dump(), secret=made.secret)


@router.get("/event-types", dependencies=[needs(Permission.SEE)])
def list_event_types() -> Page[EventType]:
    """Everything that can be asked for."""
    found = EVENT_TYPES.items()
    return Page(items=[EventType(type=k, version=VERSION, description=text) for k, text in found])


@router.get("/{webhook_id:int}", dependencies=ADMINISTER, responses=NOT_FOUND)
def get_webhook(webhook_id: Id, session: SnapshotDep, response: Response) -> Webhook:
    """One webhook."""
    return tagged(response, view(endpoints.endpoint_by_id(session, webhook_id)))


@router.patch("/{webhook_id:int}", dependencies=ADMINISTER, responses=NOT_FOUND | PRECONDITION)
def change_webhook(
    request: Request,
    webhook_id: Id,
    body: WebhookChange,
    session: SessionDep,
    now: NowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    response: Response,
) -> Webhook:
    """Change the address, the types or the description. What waits goes to the new address."""
    check_if_match(request, view(endpoints.endpoint_by_id(session, webhook_id, lock=True)))
    row = endpoints.update_endpoint(
        session,
        webhook_id,
        viewer.actor,
        now,
        url=body.url,
        event_types=body.event_types,
        description=body.description,
        allow_private=config.webhook_allow_private,
    )
    return tagged(response, view(row))


@router.delete("/{webhook_id:int}", status_code=204, dependencies=ADMINISTER, responses=NOT_FOUND)
def remove_webhook(webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> None:
    """Tell it nothing more. What still waits for it is not sent."""
    endpoints.remove_endpoint(session, webhook_id, viewer.actor, now)


@router.post("/{webhook_id}/pause", dependencies=ADMINISTER, responses=NOT_FOUND)
def pause_webhook(webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> Webhook:
    """Send nothing for a while; what waits is kept, what happens meanwhile is never told."""
    return view(endpoints.pause_endpoint(session, webhook_id, viewer.actor, now))


@router.post("/{webhook_id}/resume", dependencies=ADMINISTER, responses=NOT_FOUND)
def resume_webhook(webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> Webhook:
    """Tell it again, whether a person or its failures had stopped that."""
    return view(endpoints.resume_endpoint(session, webhook_id, viewer.actor, now))


@router.post(
    "/{webhook_id}/rotate-secret",
    dependencies=[*ADMINISTER, Depends(keep_no_answer)],
    responses=NOT_FOUND,
)
def rotate_secret(
    request: Request, webhook_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> NewSecret:
    """A new secret. For a day both sign, so that the receiver can change over."""
    vault = request.app.state.vault
    secret = endpoints.rotate_secret(session, vault, webhook_id, viewer.actor, now)
    row = endpoints.endpoint_by_id(session, webhook_id)
    return NewSecret(secret=secret, old_secret_until=row.old_secret_until)


@router.post(
    "/{webhook_id}/test", status_code=202, dependencies=ADMINISTER, responses=NOT_FOUND | CONFLICT
)
def test_webhook(webhook_id: Id, session: SessionDep) -> Sent:
    """Send it a `webhook.test` event; its delivery tells what came of it."""
    return Sent(delivery_id=endpoints.send_test(session, webhook_id))


@router.get("/{webhook_id}/deliveries", dependencies=ADMINISTER, responses=NOT_FOUND)
def list_deliveries(
    webhook_id: Id,
    session: SnapshotDep,
    status: Annotated[DeliveryStatus | None, Query(description="Only those.")] = None,
    before: Before = None,
    limit: Limit = 50,
) -> Page[Delivery]:
    """What was sent to a webhook and what waits for it, newest first."""
    rows = endpoints.list_deliveries(session, webhook_id, status=status, before=before, limit=limit)
    items = [delivery_view(row) for row in rows]
    return Page(items=items, next=items[-1].id if len(items) == limit else None)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    dependencies=ADMINISTER,
    responses=NOT_FOUND,
)
def get_delivery(webhook_id: Id, delivery_id: Id, session: SnapshotDep) -> DeliveryDetail:
    """One delivery, with what it carries."""
    row = endpoints.delivery_of(session, webhook_id, delivery_id)
    return DeliveryDetail(**_facts(row), data=row.data, response=row.response)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    dependencies=ADMINISTER,
    responses=NOT_FOUND | CONFLICT,
)
def replay_delivery(
    webhook_id: Id, delivery_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Delivery:
    """Send it again, delivered or not, under the same `webhook-id`."""
    row = endpoints.replay_one(session, webhook_id, delivery_id, viewer.actor, now)
    return delivery_view(row)


@router.post("/{webhook_id}/replay", status_code=202, dependencies=ADMINISTER, responses=NOT_FOUND)
def replay_failed(
    webhook_id: Id, body: Since, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> Replayed:
    """Send again everything that failed since then."""
    again = endpoints.replay_failed_since(session, webhook_id, body.since, viewer.actor, now)
    return Replayed(deliveries=again)
