"""Users: people who may sign in. A password that is made up is shown once."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from campaigns import users
from campaigns.access import Permission, Role
from campaigns.models import User
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute, Id, Page
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SnapshotDep, SnapshotNowDep
from campaigns.web.once import keep_no_answer

router = APIRouter(prefix="/users", tags=["users"], route_class=BoundedRoute)
ADMINISTER = [needs(Permission.ADMINISTER)]


class UserIn(BaseModel):
    """Somebody who may sign in."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    login: str = Field(min_length=1, max_length=100, examples=["ada@example.org"])
    name: str = Field(min_length=1, max_length=100, examples=["Ada Lovelace"])
    role: Role = Role.VIEWER


class UserChange(BaseModel):
    """What is to be another; what is left out stays."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str | None = Field(None, min_length=1, max_length=100)
    role: Role | None = None
    active: StrictBool | None = Field(None, description="False: cannot sign in any more.")


class UserView(BaseModel):
    """Somebody who may sign in, or might."""

    id: int
    login: str
    name: str
    role: Role
    active: bool
    must_change_password: bool = Field(description="Has a password that somebody else gave them.")
    signed_in_at: datetime | None
    created_at: datetime


class ListedUser(UserView):
    """The same, with what goes on now."""

    sessions: int = Field(description="Browsers in which they are signed in.")


class UserWithPassword(UserView):
    """Somebody with the password they sign in with once."""

    password: str = Field(description="Shown this once.")


class SignedOut(BaseModel):
    """What was ended."""

    sessions: int


@router.get("", dependencies=ADMINISTER)
def list_users(session: SnapshotDep, now: SnapshotNowDep) -> Page[ListedUser]:
    """Every user by login, those who are switched off last."""
    found = users.list_users(session, now)
    items = [ListedUser(**_view(one.user).model_dump(), sessions=one.sessions) for one in found]
    return Page(items=items)


@router.post(
    "", status_code=201, responses=CONFLICT, dependencies=[*ADMINISTER, Depends(keep_no_answer)]
)
def add_user(body: UserIn, session: SessionDep, now: NowDep, viewer: ViewerDep) -> UserWithPassword:
    """Let somebody in. They choose a password of their own when they sign in."""
    made = users.add_user(session, body.login, body.name, body.role, viewer.actor, now)
    return UserWithPassword(**_view(made.user).model_dump(), password=str(made.password))


@router.get("/{user_id}", responses=NOT_FOUND, dependencies=ADMINISTER)
def get_user(user_id: Id, session: SnapshotDep) -> UserView:
    """One user."""
    return _view(users.user_by_id(session, user_id))


@router.patch("/{user_id}", responses=NOT_FOUND | CONFLICT, dependencies=ADMINISTER)
def change_user(
    user_id: Id, body: UserChange, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> UserView:
    """Change a user. Another role, or being switched off, ends their sessions."""
    changed = users.change_user(
        session,
        user_id,
        viewer.actor,
        now,
        name=body.name,
        role=body.role,
        active=body.active,
    )
    return _view(changed)


@router.post(
    "/{user_id}/reset-password",
    responses=NOT_FOUND,
    dependencies=[*ADMINISTER, Depends(keep_no_answer)],
)
def reset_password(
    user_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> UserWithPassword:
    """Give a new password to who forgot theirs, and end their sessions."""
    made = users.reset_password(session, user_id, viewer.actor, now)
    return UserWithPassword(**_view(made.user).model_dump(), password=str(made.password))


@router.post("/{user_id}/sign-out", responses=NOT_FOUND, dependencies=ADMINISTER)
def sign_out(user_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> SignedOut:
    """End all sessions of a user."""
    return SignedOut(sessions=users.sign_out_everywhere(session, user_id, viewer.actor, now))


def _view(user: User) -> UserView:
    names = set(UserView.model_fields) - {"role"}
    return UserView(**{name: getattr(user, name) for name in names}, role=Role(user.role))
