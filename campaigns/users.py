"""Users: the first one, those who are added, and what an administrator changes about them."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns import auditing, passwords
from campaigns.access import SYSTEM, Actor, Role
from campaigns.compliance import zone_named
from campaigns.errors import InvalidInput, NotAllowed, NotFound
from campaigns.models import User
from campaigns.store import people
from campaigns.store.people import UserRow

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._+@-]{0,99}")


@dataclass(frozen=True, slots=True)
class GivenPassword:
    """A user with the password they were given. It cannot be shown again.

    `password` is None when whoever asked has set it and so knows it.
    """

    user: User
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class HashedPassword:
    """A password and what is kept of it. Made outside transactions: on a busy machine it takes
    longer than one may be idle.
    """

    plain: str = field(repr=False)
    kept: str = field(repr=False)


def is_first_start(session: Session) -> bool:
    """Whether nobody can sign in yet."""
    return people.nobody_is_a_user_yet(session)


def hash_new_password(password: str | None) -> HashedPassword:
    """A password for somebody new; one is made up when there is none."""
    plain = password or passwords.new_password()
    return HashedPassword(plain, passwords.hash_password(plain))


def create_first_admin(
    session: Session, login: str, password: str | None, hashed: HashedPassword, now: datetime
) -> GivenPassword | None:
    """The administrator of an empty installation; None when there is any user already.

    Of two processes that start together one makes it. Without `password` the one in `hashed` was
    made up, and is to be replaced at the first sign-in. Raises `InvalidInput` for a login or a
    password that will not do.
    """
    if not people.nobody_is_a_user_yet(session):
        return None
    return add_user(
        session, login, login, Role.ADMIN, SYSTEM, now, password=password, hashed=hashed
    )


def add_user(
    session: Session,
    login: str,
    name: str,
    role: str,
    actor: Actor,
    now: datetime,
    *,
    password: str | None = None,
    hashed: HashedPassword | None = None,
) -> GivenPassword:
    """Let somebody in. Without `password` one is made up, to be replaced at the first sign-in.

    `hashed` is it, made before; else it is made here.
    Raises `InvalidInput` or `NotAllowed`; then nobody was added.
    """
    plain = login.strip().lower()
    if not _LOGIN.fullmatch(plain):
        raise InvalidInput(
            f"{login.strip()[:100]!r} cannot be a login. Take up to 100 letters a-z, digits and "
            ". _ + @ -, beginning with a letter or digit. Nobody was added."
        )
    if people.find_user_by_login(session, plain) is not None:
        raise NotAllowed(f"There is a user with the login {plain!r} already. Nobody was added.")
    shown, trusted = _name(name), _role(role)
    if password is not None:
        passwords.check_password(password, words=[plain, shown])
    made = hashed or hash_new_password(password)
    user = User(
        login=plain,
        name=shown,
        role=trusted.value,
        password_hash=made.kept,
        must_change_password=password is None,
    )
    session.add(user)
    session.flush()
    session.refresh(user)
    _record(session, actor, "user.add", user, now, before=None)
    return GivenPassword(user, made.plain if password is None else None)


def list_users(session: Session, now: datetime) -> list[UserRow]:
    """Every user by login, those who are switched off last."""
    return people.list_users(session, now)


def user_by_id(session: Session, user_id: int, *, lock: bool = False) -> User:
    """The user; raises `NotFound`."""
    user = people.find_user(session, user_id, lock=lock)
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return user


def user_with_login(session: Session, login: str) -> User:
    """The user; raises `NotFound`."""
    user = people.find_user_by_login(session, login.strip().lower())
    if user is None:
        raise NotFound(f"There is no user with the login {login!r}.")
    return user


def change_user(
    session: Session,
    user_id: int,
    actor: Actor,
    now: datetime,
    *,
    name: str | None = None,
    role: str | None = None,
    active: bool | None = None,
) -> User:
    """Change what is given. Another role, or being switched off, ends the user's sessions.

    Raises `NotAllowed` when nobody would be left to administer; then nothing was changed.
    """
    admins = people.lock_active_admins(session)  # before the row: two at once wait here
    user = user_by_id(session, user_id, lock=True)
    before = described(user)
    if name is not None:
        user.name = _name(name)
    if role is not None:
        user.role = _role(role).value
    if active is not None:
        user.active = active
    loses = user_id in admins and not (user.active and user.role == Role.ADMIN)
    if loses and len(admins) == 1:
        raise NotAllowed(
            f"{user.login} is the only administrator who can sign in. Nothing was changed. "
            "Give somebody else that role first."
        )
    after = described(user)
    if after == before:
        return user
    if (after["role"], after["active"]) != (before["role"], before["active"]):
        people.end_sessions_of(session, user.id)
    session.flush()
    _record(session, actor, "user.change", user, now, before=before)
    return user


def set_own_zone(session: Session, actor: Actor, zone: str | None, now: datetime) -> None:
    """The clock on which a user sees times; None for the browser's. Raises `InvalidInput`."""
    user = user_by_id(session, _own_id(actor), lock=True)
    if zone:
        zone_named(zone)
    before = described(user)
    user.zone = zone or None
    session.flush()
    if before != described(user):
        _record(session, actor, "user.change", user, now, before=before)


def set_own_name(session: Session, actor: Actor, name: str, now: datetime) -> None:
    """The name under which a user's changes are written down. Raises `InvalidInput`."""
    change_user(session, _own_id(actor), actor, now, name=name)


def reset_password(session: Session, user_id: int, actor: Actor, now: datetime) -> GivenPassword:
    """A new password for who forgot theirs, to be replaced when they sign in; ends their sessions.

    Raises `NotFound`.
    """
    user = user_by_id(session, user_id, lock=True)
    made = passwords.new_password()
    user.password_hash, user.must_change_password = passwords.hash_password(made), True
    people.end_sessions_of(session, user.id)
    session.flush()
    auditing.record(session, actor, "user.reset_password", f"user:{user.id}", now)
    return GivenPassword(user, made)


def sign_out_everywhere(session: Session, user_id: int, actor: Actor, now: datetime) -> int:
    """End all sessions of a user; returns in how many browsers that was. Raises `NotFound`."""
    user = user_by_id(session, user_id, lock=True)
    ended = people.end_sessions_of(session, user.id)
    after = {"sessions": 0}
    before = {"sessions": ended}
    if ended:
        subject = f"user:{user.id}"
        auditing.record(session, actor, "user.sign_out", subject, now, before=before, after=after)
    return ended


def described(user: User) -> dict[str, Any]:
    """A user for the audit log: everything but the password."""
    return {name: getattr(user, name) for name in ("login", "name", "role", "active", "zone")}


def _record(
    session: Session,
    actor: Actor,
    action: str,
    user: User,
    now: datetime,
    *,
    before: dict[str, Any] | None,
) -> None:
    auditing.record(
        session, actor, action, f"user:{user.id}", now, before=before, after=described(user)
    )


def _own_id(actor: Actor) -> int:
    if actor.kind != "user" or actor.id is None:
        raise NotAllowed("This is for people who are signed in, not for API keys.")
    return actor.id


def _name(name: str) -> str:
    plain = name.strip()
    if not plain or len(plain) > 100 or not plain.isprintable():
        raise InvalidInput("A user needs a name of at most 100 characters. Nothing was changed.")
    return plain


def _role(role: str) -> Role:
    if role not in list(Role):
        raise InvalidInput(f"There is no role {role!r}. Roles: {', '.join(Role)}.")
    return Role(role)
