"""Clients of the API over a test's database."""

import pytest

from tests.integration.reporting.seed import make_running_campaign
from tests.integration.reporting.served import make_app, make_client


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path, max_upload_mb=1)


@pytest.fixture
def client(app):
    return make_client(app)


@pytest.fixture
def stranger(app):
    return make_client(app, key=False)


@pytest.fixture
def running(engine) -> int:
    """A running campaign with three people."""
    return make_running_campaign(engine)
