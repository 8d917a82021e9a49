"""The audit log, filtered and paged."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns import auditing
from campaigns.access import CLI, Actor, Role
from campaigns.auditing import Wanted
from campaigns.db import transaction
from tests.integration.reporting.served import make_app, make_browser, make_client

ADA = Actor("user", "Ada", Role.ADMIN, 7)
CRM = Actor("key", "CRM", Role.OPERATOR, 7)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def log(engine) -> Any:
    """Six changes, an hour apart."""
    with transaction(engine) as session:
        for n, (actor, action, subject) in enumerate(
            [
                (ADA, "campaign.create", "campaign:1"),
                (ADA, "campaign.start", "campaign:1"),
                (CRM, "campaign.pause", "campaign:1"),
                (CLI, "campaign.stop", "campaign:2"),
                (ADA, "account.pause", "account:1"),
                (CRM, "opt_out.add", "everywhere"),
            ]
        ):
            at = NOON + timedelta(hours=n)
            auditing.record(session, actor, action, subject, at, after={"status": f"s{n}"})


def found(engine, wanted, before=None, limit=100) -> Any:
    with transaction(engine) as session:
        return [one.action for one in auditing.read(session, wanted, before, limit)]


@pytest.mark.parametrize(
    ("wanted", "actions"),
    [
        (Wanted(actor_kind="user"), ["account.pause", "campaign.start", "campaign.create"]),
        (Wanted(actor_kind="key", actor_id=7), ["opt_out.add", "campaign.pause"]),
        (Wanted(actor_kind="key", actor_id=8), []),
        (Wanted(actor_kind="cli"), ["campaign.stop"]),
        (Wanted(subject="campaign:1"), ["campaign.pause", "campaign.start", "campaign.create"]),
        (Wanted(action="campaign.stop"), ["campaign.stop"]),
        (Wanted(action="account"), ["account.pause"]),
        (Wanted(since=NOON + timedelta(hours=4)), ["opt_out.add", "account.pause"]),
        (Wanted(until=NOON + timedelta(hours=1)), ["campaign.create"]),
        (Wanted(action="100%"), []),
    ],
)
def test_it_is_found_by_who_what_whom_and_when(engine, log, wanted, actions):
    assert found(engine, wanted) == actions


def test_pages_follow_one_another(engine, log):
    with transaction(engine) as session:
        first = auditing.read(session, Wanted(), None, 4)
    assert found(engine, Wanted(), before=first[-1].id) == ["campaign.start", "campaign.create"]


def test_equal_values_are_left_out(engine):
    with transaction(engine) as session:
        auditing.record(
            session,
            ADA,
            "user.change",
            "user:1",
            NOON,
            before={"a": 1, "b": 2},
            after={"a": 1, "b": 3},
        )
    with transaction(engine) as session:
        (entry,) = auditing.read(session, Wanted(), None, 1)
    assert (entry.before, entry.after) == ({"b": 2}, {"b": 3})


def test_the_api_pages_and_filters(engine, log, tmp_path):
    client = make_client(make_app(engine, tmp_path))
    page = client.get("/api/v1/audit", params={"subject": "campaign:1", "limit": 2}).json()
    assert [one["action"] for one in page["items"]] == ["campaign.pause", "campaign.start"]
    rest = client.get(
        "/api/v1/audit", params={"subject": "campaign:1", "limit": 2, "after": page["next"]}
    ).json()
    assert [one["action"] for one in rest["items"]] == ["campaign.create"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "there", "missing"),
    [
        ("who=user:7", "Ada started campaign 1.", "CRM paused"),
        ("about=Campaign+2", "command line stopped campaign 2.", "Ada started"),
        ("action=opt_out.add", "CRM recorded opt-outs", "Ada started"),
        ("since=2026-11-24", "fits what you asked for", "Ada started"),
        ("until=2026-11-23", "Ada started campaign 1.", "fits what you asked for"),
        ("before=nonsense&since=never&who=x&about=", "Ada started campaign 1.", "fits what"),
    ],
)
def test_the_page_filters(engine, log, tmp_path, query, there, missing):
    browser = make_browser(make_app(engine, tmp_path), role="admin")
    page = browser.get(f"/audit?{query}")
    assert page.status_code == 200
    assert there in page.text
    assert missing not in page.text
