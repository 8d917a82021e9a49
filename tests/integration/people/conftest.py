"""The whole application over a test's database, with nobody to send hints to."""

import pytest

from campaigns.config import Settings
from campaigns.throttling import Throttle
from campaigns.web.clients import RATE_SECONDS
from tests.applications import application
from tests.integration.people.asking import Visitors
from tests.integration.reporting.seed import SECRET
from tests.integration.reporting.served import RecordedHints


@pytest.fixture
def app(engine, database_url, servers, tmp_path):
    config = Settings(
        database_url=database_url,
        redis_url=servers.redis_url,
        data_dir=tmp_path,
        secret_key=SECRET,
    )
    app = application(config, engine)
    app.state.hints = RecordedHints()
    # The server is shared with other test processes, whose tries must not count here.
    app.state.throttle = Throttle(None)
    app.state.api_throttle = Throttle(None, window=RATE_SECONDS)
    return app


@pytest.fixture
def visitors(app):
    return Visitors(app)
