"""Signed-in browsers over a test's database, with a campaign that has something to show."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from campaigns.db import database_now, transaction
from campaigns.store import dispatch
from tests.integration.reporting.seed import (
    make_account,
    make_attempt,
    make_campaign,
    make_recipient,
    make_response,
)
from tests.integration.reporting.served import make_app, make_browser

Browsers = Callable[[str], TestClient]


@pytest.fixture
def app(engine: Engine, tmp_path) -> FastAPI:
    """The application on an empty database."""
    return make_app(engine, tmp_path)


@pytest.fixture
def browsers(app: FastAPI) -> Browsers:
    """A browser for each role, signed in once."""
    known: dict[str, TestClient] = {}

    def of(role: str) -> TestClient:
        if role not in known:
            known[role] = make_browser(app, role=role)
        return known[role]

    return of


@pytest.fixture
def operator(browsers: Browsers) -> TestClient:
    """Who runs campaigns."""
    return browsers("operator")


@pytest.fixture
def running(engine: Engine) -> int:
    """A running campaign: somebody in every status, calls that ended, one that goes on."""
    with transaction(engine) as session:
        make_account(session)
        now = database_now(session)
        campaign_id = make_campaign(session, name="Water is off")
        for n in range(3):
            make_recipient(session, campaign_id, n, next_attempt_at=now)
        for n, status in enumerate(("completed", "exhausted", "blocked", "review")):
            person = make_recipient(session, campaign_id, 20 + n, status=status)
            endings = {"completed": "answered_human", "review": "unknown"}
            attempt = make_attempt(
                session,
                person,
                disposition=endings.get(status, "no_answer"),
                slot_at=now - timedelta(minutes=5 + n),
            )
            if status == "completed":
                make_response(session, attempt, "1", "confirm", now - timedelta(minutes=4))
        person = make_recipient(session, campaign_id, 30, status="in_flight")
        make_attempt(session, person, "in_progress", slot_at=now, ringing_at=now, answered_at=now)
        dispatch.write_log(session, "Something happened.", now, campaign_id=campaign_id)
    return campaign_id
