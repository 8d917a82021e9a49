"""Requests straight into the application: answers that never end are cut off after their head."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from fastapi import FastAPI

from campaigns import api_keys, signing_in
from campaigns.access import Role
from campaigns.db import database_now, transaction
from campaigns.models import User
from campaigns.web import live
from campaigns.web.auth import FORM_HEADER, SESSION_COOKIE
from campaigns.web.pages.rendering import NOTE_COOKIE

HOST = "127.0.0.1:8000"
ENOUGH = 300_000  # bytes of a body
T = TypeVar("T")


@dataclass(slots=True)
class Answer:
    """What came back; `route` is the endpoint that was reached, if any."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    endpoint: Any = None

    @property
    def refused(self) -> bool:
        """Whether the asker was turned away for who they are."""
        to_sign_in = self.headers.get("location", "").startswith("/sign-in")
        signed_out = NOTE_COOKIE in self.headers.get("set-cookie", "")
        return self.status in (401, 403) or (self.status == 303 and to_sign_in and not signed_out)


class Visitors:
    """Nobody, people and programs of each role, and how they introduce themselves."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._count = itertools.count()
        self._users: dict[Role, int] = {}
        self._keys: dict[Role, str] = {}
        self._tokens: dict[Role, str] = {}

    def person(self, role: Role, *, again: bool = False) -> dict[str, str]:
        """The headers of a browser in which a user of this role is signed in.

        With `again` they sign in for this and once more afterwards: it ends their session.
        """
        token = self._tokens.pop(role, None) if again else self._tokens.get(role)
        if token is None or again:
            token = self._sign_in(role)
        if not again:
            self._tokens[role] = token
        form_token = self._app.state.vault.form_token(signing_in.digest(token))
        return {"cookie": f"{SESSION_COOKIE}={token}", FORM_HEADER: form_token}

    def _sign_in(self, role: Role) -> str:
        with transaction(self._app.state.engine) as session:
            if role not in self._users:
                login = f"{role}{next(self._count)}"
                user = User(login=login, name=login, role=role.value, password_hash="none")
                session.add(user)
                session.flush()
                self._users[role] = user.id
            user = session.get_one(User, self._users[role])
            return signing_in.begin_session(session, user, database_now(session))

    def program(self, role: Role) -> dict[str, str]:
        """The headers of a program with a key of this role."""
        if role not in self._keys:
            with transaction(self._app.state.engine) as session:
                self._keys[role] = api_keys.create_key(session, "tests", role=role).token
        return {"authorization": f"Bearer {self._keys[role]}"}


async def ask(
    app: FastAPI,
    method: str,
    path: str,
    headers: dict[str, str],
    *,
    body: bytes = b"",
    whole: bool = False,
) -> Answer:
    """Send one request. Only the head of the answer is waited for, unless `whole`.

    Of an answer that goes on for ever, `whole` is the first piece.
    """
    answer = Answer()
    scope = scope_of(method, path, headers)
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await anyio.sleep_forever()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:

            async def send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    answer.status = message["status"]
                    for name, value in message.get("headers", []):
                        before = answer.headers.get(name.decode(), "")
                        answer.headers[name.decode()] = f"{before} {value.decode()}".strip()
                    if not whole:
                        tasks.cancel_scope.cancel()
                elif message["type"] == "http.response.body":
                    answer.body += message.get("body", b"")
                    endless = "event-stream" in answer.headers.get("content-type", "")
                    if len(answer.body) > ENOUGH or (endless and answer.body):
                        tasks.cancel_scope.cancel()

            async def run() -> None:
                try:
                    await app(scope, receive, send)
                except Exception:
                    if answer.status != 500:  # a fault is answered, and then raised for the log
                        raise
                tasks.cancel_scope.cancel()

            tasks.start_soon(run)
    answer.endpoint = scope.get("endpoint")
    return answer


def scope_of(method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """A request as a server hands it to an application."""
    given = {"host": HOST} | headers
    plain, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def run(app: FastAPI, work: Callable[[], Awaitable[T]]) -> T:
    """Do all of some work in one loop, as long as which the application lives."""

    async def while_it_lives() -> T:
        async with live.watching(app):
            return await work()

    return anyio.run(while_it_lives)
