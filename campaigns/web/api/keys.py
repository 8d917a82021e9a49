"""API keys: made, listed, revoked. A key is shown once, when it is made."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from campaigns import api_keys
from campaigns.access import Permission, Role
from campaigns.instants import GivenInstant
from campaigns.models import ApiKey
from campaigns.web.api.shapes import NOT_FOUND, BoundedRoute, Id, Page
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SnapshotDep, SnapshotNowDep
from campaigns.web.once import keep_no_answer

router = APIRouter(prefix="/keys", tags=["keys"], route_class=BoundedRoute)
ADMINISTER = [needs(Permission.ADMINISTER)]


class KeyIn(BaseModel):
    """A key for a program."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, examples=["booking system"])
    role: Role = Field(Role.OPERATOR, description="What it opens, as for people.")
    expires_at: GivenInstant | None = Field(
        None, description="Until when; null for ever.", examples=[None]
    )


class Key(BaseModel):
    """A key without its secret."""

    id: int
    name: str
    prefix: str = Field(description="How it begins, to tell it apart.", examples=["odk_3fK9aB2c"])
    role: Role
    state: str = Field(description="active, expired or revoked", examples=["active"])
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None


class CreatedKey(Key):
    """A new key."""

    key: str = Field(description="The key itself. Shown this once.", examples=["odk_..."])


@router.get("", dependencies=ADMINISTER)
def list_keys(session: SnapshotDep, now: SnapshotNowDep) -> Page[Key]:
    """Every key there ever was, newest first."""
    return Page(items=[_view(row, now) for row in api_keys.list_keys(session)])


@router.post("", status_code=201, dependencies=[*ADMINISTER, Depends(keep_no_answer)])
def create_key(body: KeyIn, session: SessionDep, now: NowDep, viewer: ViewerDep) -> CreatedKey:
    """Make a key."""
    made = api_keys.create_key(
        session, body.name, role=body.role, expires_at=body.expires_at, actor=viewer.actor
    )
    return CreatedKey(**_view(made.row, now).model_dump(), key=made.token)


@router.post("/{key_id}/revoke", responses=NOT_FOUND, dependencies=ADMINISTER)
def revoke_key(key_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> Key:
    """Let a key open nothing any more, from the moment this is answered."""
    return _view(api_keys.revoke_key(session, key_id, now, actor=viewer.actor), now)


def _view(row: ApiKey, now: datetime) -> Key:
    names = set(Key.model_fields) - {"state", "role"}
    return Key(
        **{name: getattr(row, name) for name in names},
        role=Role(row.role),
        state=api_keys.state_of(row, now),
    )
