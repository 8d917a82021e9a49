"""Every address that shows something costs the same however much there is."""

import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.integration.people.role_table import TABLE
from tests.integration.reporting.served import make_app, make_browser
from tests.integration.scale.conftest import Filled
from tests.integration.scale.plans import capture, cost, told

BOUND = 2000
# Files are read from end to end by their nature, in pieces that the exports' own test bounds.
FILES = re.compile(r"\.(csv|ndjson)$")
STREAMS = re.compile(r"^/live/")
ADDRESSES = sorted(
    path
    for path, methods in TABLE.items()
    if "GET" in methods and not FILES.search(path) and not STREAMS.search(path)
)
SEARCHES = [
    "/recipients?q=smith",
    "/recipients?q=0143",
    "/api/v1/recipients?query=lee",
    "/why?number=%2B12025550143",
    "/why?number=%2B12025550143&at=2026-03-01T09:00",
    "/evidence?number=%2B12025550143",
    "/api/v1/why?number=%2B12025550143",
    "/api/v1/evidence?number=%2B12025550143",
]


@pytest.fixture(scope="module")
def browser(filled: Filled, tmp_path_factory):
    return make_browser(
        make_app(filled.engine, Path(tmp_path_factory.mktemp("data"))), role="admin"
    )


@pytest.fixture(scope="module")
def known(filled: Filled) -> dict[str, str]:
    """What stands for each name in an address; a thing that is not there still costs a look."""
    with filled.engine.connect() as connection:
        recipient = connection.execute(
            text("SELECT min(id) FROM recipients WHERE campaign_id = :id"), {"id": filled.big}
        ).scalar_one()
        attempt = connection.execute(text("SELECT max(id) FROM attempts")).scalar_one()
        account = connection.execute(text("SELECT name FROM accounts LIMIT 1")).scalar_one()
    return {
        "campaign_id": str(filled.big),
        "recipient_id": str(recipient),
        "attempt_id": str(attempt),
        "name": str(account),
        "number": "+12025550143",
    }


@pytest.mark.parametrize("address", [*ADDRESSES, *SEARCHES])
def test_what_an_address_shows_costs_the_same_at_any_size(filled, browser, known, address):
    path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: known.get(found[1], "1"), address)
    plain = make_url(filled.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with capture(filled.engine) as issued:
        answer = browser.get(path)
    assert answer.status_code < 500, answer.text[:2000]
    if "{" not in address and "?" not in address:
        assert answer.status_code in (200, 303, 422), answer.text[:2000]
    with psycopg.connect(plain) as connection:
        for one in issued:
            found = cost(connection, one, generic=False)
            assert found.read_whole == [], told(one, found)
            assert found.touched <= BOUND, f"{found.touched:,.0f} rows: {told(one, found)}"


def test_the_pages_of_people_and_campaigns_are_among_them(browser, known):
    for path in ("/", f"/campaigns/{known['campaign_id']}", f"/recipients/{known['recipient_id']}"):
        assert browser.get(path).status_code == 200
    assert len(ADDRESSES) > 60
