"""What every test of the wizard's pages stands on."""

import pytest

from tests.integration.reporting.served import make_app, make_browser


@pytest.fixture
def app(engine, tmp_path):
    return make_app(engine, tmp_path)


@pytest.fixture
def browser(app):
    """A browser in which an operator is signed in."""
    return make_browser(app)
