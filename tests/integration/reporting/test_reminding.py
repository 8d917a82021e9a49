"""How each reminder went: counted by people, through every door, and only of reminders."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from campaigns import reporting
from campaigns.db import database_now
from campaigns.errors import NotAllowed
from tests.factories import make_account, make_attempt, make_campaign, make_recipient
from tests.integration.core.conftest import Bench
from tests.integration.reporting.served import make_app, make_browser, make_client

RULE = {
    "offsets": [259200.0, 86400.0, 7200.0],
    "deadlines": [86400.0, 7200.0, 0.0],
    "again_when_confirmed": False,
}
HOUR = timedelta(hours=1)


@pytest.fixture
def bench(engine: Any) -> Bench:
    return Bench(engine)


@pytest.fixture
def visits(bench: Bench) -> Any:
    """Six people with appointments: reached at once, at the second reminder, and not yet."""

    def act(session: Any) -> Any:
        now = database_now(session)
        campaign = make_campaign(session, make_account(session), kind="reminder", reminder=RULE)

        def who(at: timedelta, stage: int, *ends: tuple[int, str], **columns: Any) -> None:
            values = {"appointment_at": now + at, "stage": stage, **columns}
            row = make_recipient(session, campaign, **values)
            for n, (attempt_stage, disposition) in enumerate(ends, 1):
                make_attempt(
                    session, row, "ended", n=n, stage=attempt_stage, disposition=disposition
                )

        done = {"status": "completed"}
        who(60 * HOUR, 0, (0, "busy"), (0, "answered_human"), **done)  # each person only once
        who(20 * HOUR, 1, (0, "no_answer"), (1, "answered"), **done)
        who(20 * HOUR, 1, (0, "no_answer"))  # waits for the second
        who(40 * HOUR, 1, (0, "answered_machine"))  # whose time for the second has not come
        who(90 * HOUR, 0)  # nor for the first
        who(20 * HOUR, 0, status="removed", appointment_cancelled_at=now)
        return campaign

    return bench.run(act)


def counted(bench: Bench, campaign: Any) -> list[tuple[str, int, int, int]]:
    found = bench.run(lambda s: reporting.reminder_counts(s, campaign.id, database_now(s)))
    return [(one.ahead, one.due, one.called, one.reached) for one in found]


def test_people_are_counted_once_for_each_reminder(bench: Bench, visits: Any) -> None:
    assert counted(bench, visits) == [
        ("3 days", 4, 4, 2),  # a machine counts as reached
        ("1 day", 2, 1, 1),
        ("2 hours", 0, 0, 0),
    ]
    policy = '{"machine_counts_as_reached": false}'
    bench.rows("UPDATE campaigns SET retry_policy = CAST(:policy AS jsonb)", policy=policy)
    assert counted(bench, visits)[0] == ("3 days", 4, 4, 1)


def test_the_file_and_the_page_that_leads_to_it(
    bench: Bench, visits: Any, engine: Any, tmp_path: Any
) -> None:
    app, path = make_app(engine, tmp_path), f"/api/v1/campaigns/{visits.id}/reminders.csv"
    rows = list(csv.DictReader(io.StringIO(make_client(app, role="viewer").get(path).text)))
    assert [(one["stage"], one["due"]) for one in rows] == [("0", "4"), ("1", "2"), ("2", "0")]
    page = make_browser(app).get(f"/campaigns/{visits.id}").text
    assert path in page
    assert "How each of the 3 reminders went" in page


def test_other_campaigns_have_none(bench: Bench, engine: Any, tmp_path: Any) -> None:
    other = bench.run(lambda s: make_campaign(s, make_account(s)))
    with pytest.raises(NotAllowed, match="is no reminder"):
        counted(bench, other)
    app = make_app(engine, tmp_path)
    assert make_client(app).get(f"/api/v1/campaigns/{other.id}/reminders.csv").status_code == 409
    assert "reminders.csv" not in make_browser(app).get(f"/campaigns/{other.id}").text
