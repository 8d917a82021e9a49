"""Copies and redials: the settings come along; of the people, only those who were not reached."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns import campaigning, changing
from campaigns.access import CLI
from campaigns.changing import RedialRequest
from campaigns.db import database_now
from campaigns.errors import NotAllowed
from campaigns.models import Campaign, Recipient
from campaigns.stopping import opt_out
from campaigns.store.opt_outs import NewOptOut
from tests.factories import fiction_number, make_attempt, make_recipient
from tests.integration.core.conftest import Bench

SAME = (
    *("kind", "account_id", "caller_id_id", "flow_id", "rule_set", "windows", "max_cps"),
    *("weight", "ring_timeout", "retry_policy", "reminder", "default_country"),
)


def row_of(bench: Bench, campaign_id: int) -> Any:
    (row,) = bench.rows("SELECT * FROM campaigns WHERE id = :id", id=campaign_id)
    return row


def redial(bench: Bench, campaign: Campaign, **wanted: Any) -> tuple[int, int]:
    done = bench.run(
        lambda s: changing.redial_unreached(
            s, campaign.id, RedialRequest(**wanted), CLI, database_now(s)
        )
    )
    return done.campaign.id, done.people


def person(bench: Bench, campaign: Campaign, status: str, **columns: Any) -> Recipient:
    return bench.run(make_recipient, campaign, status=status, **columns)


def numbers_in(bench: Bench, campaign_id: int) -> list[str]:
    rows = bench.rows(
        "SELECT numbers[1 + number_index] FROM recipients WHERE campaign_id = :id", id=campaign_id
    )
    return sorted(row[0] for row in rows)


def test_a_copy_has_the_settings_and_nobody_in_it(bench, campaign):
    bench.run(make_recipient, campaign)
    ahead, past = bench.now() + timedelta(days=2), bench.now() - timedelta(days=2)
    bench.set("campaigns", campaign.id, starts_at=past, ends_at=ahead, max_cps=2.5, weight=3)
    copy = bench.run(lambda s: changing.clone_campaign(s, campaign.id, CLI, database_now(s)).id)
    old, new = row_of(bench, campaign.id), row_of(bench, copy)
    assert [getattr(new, name) for name in SAME] == [getattr(old, name) for name in SAME]
    assert (new.status, new.name) == ("draft", f"{old.name} (copy)")
    assert (new.starts_at, new.ends_at) == (None, ahead)
    assert (new.copied_from, new.copied_how) == (campaign.id, "clone")
    assert (new.started_at, new.vtime, new.next_free) == (None, 0, None)
    assert numbers_in(bench, copy) == []
    assert bench.value("SELECT after FROM audit_log") == {"campaign": copy, "name": new.name}


def test_a_test_call_is_not_copied(bench, campaign):
    bench.set("campaigns", campaign.id, kind="test")
    with pytest.raises(NotAllowed):
        bench.run(lambda s: changing.clone_campaign(s, campaign.id, CLI, database_now(s)))


def test_a_redial_takes_who_was_not_reached_and_nobody_else(bench, campaign):
    unreached = [person(bench, campaign, status).numbers[0] for status in ("exhausted", "expired")]
    for status in ("completed", "blocked", "review", "removed", "pending"):
        person(bench, campaign, status)
    person(bench, campaign, "exhausted", reason="no valid number left")
    everywhere, here = (person(bench, campaign, "exhausted").numbers[0] for _ in range(2))
    bench.run(lambda s: opt_out(s, [NewOptOut(everywhere)], "api", database_now(s)))
    bench.run(
        lambda s: opt_out(s, [NewOptOut(here)], "api", database_now(s), campaign_id=campaign.id)
    )
    draft, people = redial(bench, campaign)
    assert (people, numbers_in(bench, draft)) == (2, sorted(unreached))
    new = row_of(bench, draft)
    assert (new.status, new.copied_from, new.copied_how) == ("draft", campaign.id, "redial")
    states = bench.rows(
        "SELECT DISTINCT status, attempts_spent, reason FROM recipients WHERE campaign_id = :id",
        id=draft,
    )
    assert [tuple(row) for row in states] == [("pending", 0, None)]


def test_a_redial_can_be_started(bench, campaign, ticker):
    number = person(bench, campaign, "exhausted").numbers[0]
    draft, _ = redial(bench, campaign)
    bench.run(lambda s: campaigning.start_campaign(s, draft, database_now(s)))
    ticker.tick(1.0)
    assert [(row.campaign_id, row.number) for row in bench.queued()] == [(draft, number)]


def test_each_number_is_in_a_redial_once(bench, campaign):
    """Two entries whose other numbers proved wrong may have the same number left."""
    number = fiction_number()
    for _ in range(2):
        person(bench, campaign, "exhausted", numbers=[number])
    draft, people = redial(bench, campaign)
    assert (people, numbers_in(bench, draft)) == (1, [number])


def test_who_may_have_been_called_is_redialled_only_on_request(bench, campaign):
    doubtful = person(bench, campaign, "review")
    person(bench, campaign, "review", reason="no legal calling hour")
    bench.run(
        lambda s: make_attempt(s, s.get_one(Recipient, doubtful.id), "ended", disposition="unknown")
    )
    with pytest.raises(NotAllowed, match="nobody to call again"):
        redial(bench, campaign)
    assert bench.value("SELECT count(*) FROM campaigns") == 1
    draft, _ = redial(bench, campaign, include_unknown=True)
    assert numbers_in(bench, draft) == doubtful.numbers


def test_who_waits_is_redialled_only_when_the_campaign_was_stopped(bench, campaign):
    waiting = person(bench, campaign, "pending")
    with pytest.raises(NotAllowed, match="still called"):
        redial(bench, campaign, include_waiting=True)
    bench.set("campaigns", campaign.id, status="stopped")
    draft, _ = redial(bench, campaign, include_waiting=True)
    assert numbers_in(bench, draft) == waiting.numbers


def test_a_reminder_is_redialled_only_while_it_is_of_use(bench, campaign):
    bench.rows(
        "UPDATE campaigns SET kind = 'reminder',"
        ' reminder = \'{"offset": 86400, "deadline": 3600}\''
    )
    later = bench.now() + timedelta(days=3)
    soon = bench.now() + timedelta(minutes=30)  # the deadline is an hour before
    ahead = person(bench, campaign, "exhausted", appointment_at=later)
    person(bench, campaign, "expired", appointment_at=soon)
    draft, people = redial(bench, campaign)
    assert (people, numbers_in(bench, draft)) == (1, ahead.numbers)
    (row,) = bench.rows("SELECT * FROM recipients WHERE campaign_id = :id", id=draft)
    assert row.next_attempt_at == later - timedelta(days=1)
    assert (row.deadline_at, row.appointment_at) == (later - timedelta(hours=1), later)


def test_the_number_that_is_next_stays_next(bench, campaign):
    numbers = [fiction_number(), fiction_number()]
    person(bench, campaign, "exhausted", numbers=numbers, number_index=1)
    draft, _ = redial(bench, campaign)
    assert numbers_in(bench, draft) == [numbers[1]]


def test_a_draft_has_nobody_to_redial(bench, campaign):
    bench.set("campaigns", campaign.id, status="draft")
    with pytest.raises(NotAllowed, match="draft"):
        redial(bench, campaign)
