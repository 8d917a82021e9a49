"""The API and the pages over a test's database, without the provider's side of the application."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.testclient import TestClient

from campaigns import api_keys
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.vault import Vault
from campaigns.web import api, metrics, pages, problems
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
    """An application with the API, the pages and the metrics."""
    app = FastAPI(title="Outdial", docs_url="/api/docs", openapi_url="/api/openapi.json")
    app.state.settings = Settings(data_dir=data_dir, **settings)
    app.state.vault = Vault(SECRET)
    app.state.engine = engine
    app.state.hints = RecordedHints()
    problems.install(app)
    for module in (api, metrics, pages):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    return app


def make_client(app: FastAPI, *, key: bool = True, host: str = "127.0.0.1") -> TestClient:
    """A client with an API key of its own, that is shown errors as callers are."""
    client = TestClient(app, base_url=f"http://{host}:8000", raise_server_exceptions=False)
    if key:
        with transaction(app.state.engine) as session:
            token = api_keys.create_key(session, "tests").token
        client.headers["Authorization"] = f"Bearer {token}"
    return client
