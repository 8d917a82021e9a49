"""The audit log: who changed what, when, with what was before and after."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from campaigns import auditing
from campaigns.access import Permission
from campaigns.auditing import AuditLine, Wanted
from campaigns.web.api.shapes import LARGEST_ID, Before, BoundedRoute, Instant, Limit, Page
from campaigns.web.auth import needs
from campaigns.web.dependencies import SnapshotDep

router = APIRouter(prefix="/audit", tags=["audit"], route_class=BoundedRoute)

Text = Annotated[str | None, Query(max_length=200)]


@router.get("", dependencies=[needs(Permission.ADMINISTER)])
def read_audit_log(
    session: SnapshotDep,
    actor_kind: Literal["user", "key", "cli", "system"] | None = None,
    actor_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    subject: Annotated[Text, Query(examples=["campaign:12"])] = None,
    action: Annotated[
        Text, Query(description="`campaign.pause`, or all about a `campaign`.")
    ] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    after: Before = None,
    limit: Limit = 50,
) -> Page[AuditLine]:
    """Changes, newest first. Entries are never altered and never deleted."""
    wanted = Wanted(actor_kind, actor_id, subject, action, since, until)
    found = auditing.read(session, wanted, after, limit)
    return Page(items=found, next=found[-1].id if len(found) == limit else None)
