"""The application with what providers fetch, over a test's database."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from campaigns.db import transaction
from campaigns.web import audio
from tests.integration.reporting.seed import make_account
from tests.integration.reporting.served import make_app, make_client


@pytest.fixture
def app(engine: Engine, tmp_path: Any) -> FastAPI:
    """API, pages and audio; one account, `sim`."""
    app = make_app(engine, tmp_path)
    app.router.routes[:0] = audio.routes
    with transaction(engine) as session:
        make_account(session)
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """An administrator's program."""
    return make_client(app)


@pytest.fixture
def provider(app: FastAPI) -> TestClient:
    """Who has no key, and asks under the name of a tunnel."""
    return make_client(app, key=False, host="tunnel.example.org")
