"""`outdial user ...`: add, list, role, reset-password, off, on, sessions, sign-out."""

from typing import Annotated

import typer
from sqlalchemy import Engine

from campaigns import signing_in, users
from campaigns.access import CLI, Role
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.models import User

app = typer.Typer(help="People who may sign in.", no_args_is_help=True)

Login = Annotated[str, typer.Argument(help="The user's login.")]


@app.command(cls=Command)
def add(
    login: Login,
    name: Annotated[str | None, typer.Option(help="Shown to others; else the login.")] = None,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
    as_json: JsonOption = False,
) -> None:
    """Let somebody in. Their password is shown this once; they choose their own when they sign in.

    A viewer watches and sees no telephone number in full, an operator runs campaigns, an admin
    also looks after accounts, users and keys.
    """
    with context.open_session() as session:
        now = database_now(session)
        made = users.add_user(session, login, name or login, role, CLI, now)
    _tell_password(made.user, str(made.password), as_json)


@app.command("list", cls=Command)
def list_(as_json: JsonOption = False) -> None:
    """Every user."""
    with context.open_session() as session:
        found = users.list_users(session, database_now(session))
    columns = ("login", "name", "role", "active", "last sign-in (UTC)", "sessions")
    rows = [
        (
            *(one.user.login, one.user.name, one.user.role, one.user.active),
            *(one.user.signed_in_at, one.sessions),
        )
        for one in found
    ]
    if as_json:
        names = ("login", "name", "role", "active", "signed_in_at", "sessions")
        show_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        show_table(columns, rows, "There is no user yet: outdial user add LOGIN --role admin")


@app.command(cls=Command)
def role(
    login: Login, role: Annotated[Role, typer.Argument()], as_json: JsonOption = False
) -> None:
    """Trust somebody with more, or with less. They sign in again."""
    user = _change(login, role=role)
    _tell(user, f"is {user.role} now", as_json)


@app.command(cls=Command)
def off(login: Login, as_json: JsonOption = False) -> None:
    """Let somebody in no more; what they did stays in the audit log."""
    _tell(_change(login, active=False), "cannot sign in any more", as_json)


@app.command(cls=Command)
def on(login: Login, as_json: JsonOption = False) -> None:
    """Let somebody in again, with the password they had."""
    _tell(_change(login, active=True), "can sign in again", as_json)


@app.command("reset-password", cls=Command)
def reset_password(login: Login, as_json: JsonOption = False) -> None:
    """Give a new password to who forgot theirs. It is shown this once."""
    with context.open_session() as session:
        user = users.user_with_login(session, login)
        made = users.reset_password(session, user.id, CLI, database_now(session))
    _tell_password(made.user, str(made.password), as_json)


@app.command(cls=Command)
def sessions(login: Login, as_json: JsonOption = False) -> None:
    """The browsers in which somebody is signed in."""
    with context.open_session() as session:
        user = users.user_with_login(session, login)
        found = signing_in.sessions_of(session, user.id, database_now(session))
    columns = ("created_at", "seen_at", "expires_at", "user_agent")
    rows = [tuple(getattr(one, name) for name in columns) for one in found]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        shown = ("signed in (UTC)", "last seen", "ends", "browser")
        show_table(shown, rows, f"{user.login} is not signed in.")


@app.command("sign-out", cls=Command)
def sign_out(login: Login, as_json: JsonOption = False) -> None:
    """End all sessions of somebody."""
    with context.open_session() as session:
        user = users.user_with_login(session, login)
        users.sign_out_everywhere(session, user.id, CLI, database_now(session))
    _tell(user, "is signed out everywhere", as_json)


def make_first_admin(engine: Engine, config: Settings) -> None:
    """In an empty database, make the first user and say how to sign in."""
    given = config.admin_password
    password = given.get_secret_value() if given is not None else None
    with transaction(engine) as session:
        if not users.is_first_start(session):
            return
    hashed = users.hash_new_password(password)
    with transaction(engine) as session:
        now = database_now(session)
        made = users.create_first_admin(session, config.admin_login, password, hashed, now)
    if made is None:
        return
    if made.password is None:
        say(f"Sign in as {made.user.login} with the password in OUTDIAL_ADMIN_PASSWORD.")
        return
    say(
        f"Sign in as {made.user.login} with the password {made.password}\n"
        "It is shown this once, and you choose your own when you sign in. "
        f"If it is lost: outdial user reset-password {made.user.login}"
    )


def _change(login: str, *, role: Role | None = None, active: bool | None = None) -> User:
    with context.open_session() as session:
        user = users.user_with_login(session, login)
        now = database_now(session)
        return users.change_user(session, user.id, CLI, now, role=role, active=active)


def _tell(user: User, sentence: str, as_json: bool) -> None:
    if as_json:
        show_json({name: getattr(user, name) for name in ("login", "name", "role", "active")})
    else:
        say(f"{user.login} {sentence}.")


def _tell_password(user: User, password: str, as_json: bool) -> None:
    if as_json:
        show_json({"login": user.login, "role": user.role, "password": password})
        return
    say(password)
    typer.echo(
        f"{user.login} ({user.role}) signs in with it once and chooses another. It cannot be "
        "shown again.",
        err=True,
    )
