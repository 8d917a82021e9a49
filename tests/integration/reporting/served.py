"""The real web application over a test's database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from campaigns import api_keys, signing_in
from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.models import User
from campaigns.web.auth import FORM_HEADER, SESSION_COOKIE
from tests.applications import application
from tests.integration.reporting.seed import SECRET


class RecordedHints:
    """Stands where the publisher of hints is, and remembers what it was given."""

    def __init__(self) -> None:
        self.recalled: list[list[int]] = []
        self.sent: list[tuple[str, Any]] = []

    def recall(self, ids: Sequence[int]) -> None:
        self.recalled.append(list(ids))

    def send(self, task: str, *args: Any) -> None:
        self.sent.append((task, *args))


def make_app(engine: Engine, data_dir: Path, **settings: Any) -> FastAPI:
    """The real application on this engine; hints are remembered instead of sent."""
    config = Settings(
        data_dir=data_dir,
        database_url=engine.url.render_as_string(hide_password=False),
        redis_url="redis://127.0.0.1:1/0",  # nobody is there: what needs Redis falls back
        secret_key=SECRET,
        **settings,
    )
    app = application(config, engine)
    app.state.hints = RecordedHints()
    return app


def make_client(
    app: FastAPI, *, key: bool = True, host: str = "127.0.0.1", role: str = "admin"
) -> TestClient:
    """A client with an API key of its own, that is shown errors as callers are."""
    client = TestClient(app, base_url=f"http://{host}:8000", raise_server_exceptions=False)
    if key:
        with transaction(app.state.engine) as session:
            token = api_keys.create_key(session, "tests", role=role).token
        client.headers["Authorization"] = f"Bearer {token}"
    return client


def make_browser(app: FastAPI, *, role: str = "operator", host: str = "127.0.0.1") -> TestClient:
    """A browser in which a user of this role is signed in; redirects are shown, not followed.

    The form token is in a header of every request, as htmx sends it.
    """
    browser = TestClient(
        app, base_url=f"http://{host}:8000", raise_server_exceptions=False, follow_redirects=False
    )
    with transaction(app.state.engine) as session:
        user = User(login=f"{role}@test", name=f"The {role}", role=role, password_hash="none")
        session.add(user)
        session.flush()
        token = signing_in.begin_session(session, user, database_now(session))
    browser.cookies.set(SESSION_COOKIE, token)
    browser.headers[FORM_HEADER] = app.state.vault.form_token(signing_in.digest(token))
    return browser
