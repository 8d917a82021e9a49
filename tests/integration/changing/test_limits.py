"""Pace and hours changed while a campaign runs: at once, without a burst, nobody called outside."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from campaigns import campaigning, changing
from campaigns.access import CLI
from campaigns.changing import HoursChange, PaceChange
from campaigns.compliance import WeeklyWindows
from campaigns.db import database_now
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import Campaign
from tests.factories import make_attempt, make_recipient, make_recipients
from tests.integration.core.conftest import Bench, Ticker

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def change_pace(bench: Bench, campaign: Campaign, cps: float | None) -> None:
    bench.run(
        lambda s: changing.change_pace(
            s, campaign.id, PaceChange(max_cps=cps), CLI, database_now(s)
        )
    )


def change_hours(bench: Bench, campaign: Campaign, **change) -> list[int]:
    return bench.run(
        lambda s: changing.change_hours(s, campaign.id, HoursChange(**change), CLI, database_now(s))
    )


def slots_after(bench: Bench, at: datetime) -> list[datetime]:
    return [row.slot_at for row in bench.queued() if row.slot_at > at]


def not_today(bench: Bench) -> str:
    """Windows on every day but the one it is in New York, and those beside it."""
    today = bench.now().weekday()
    days = [day for n, day in enumerate(DAYS) if (n - today) % 7 not in (6, 0, 1)]
    return ", ".join(f"{day} 09:00-17:00" for day in days)


def test_a_slower_pace_holds_from_the_next_tick_on(bench, campaign, ticker: Ticker):
    bench.run(make_recipients, campaign, 60)
    ticker.tick()
    queued_before = {row.id for row in bench.queued()}
    assert len(queued_before) > 4  # the account's ten a second
    change_pace(bench, campaign, 2)
    for _ in range(12):
        ticker.tick(0.25, claiming=True)
    late = [row.slot_at for row in bench.queued() if row.id not in queued_before]
    assert len(late) >= 4
    assert all(b - a >= timedelta(seconds=0.5) for a, b in pairwise(late))


def test_a_faster_pace_does_not_wait_for_the_old_one_and_makes_no_burst(bench, campaign, ticker):
    bench.set("campaigns", campaign.id, max_cps=0.01)
    bench.run(make_recipients, campaign, 60)
    ticker.tick()
    ticker.tick(0.25, claiming=True)
    assert len(bench.queued()) == 1  # the next one would have been in a hundred seconds
    change_pace(bench, campaign, 5)
    changed_at = ticker.now
    for _ in range(8):
        ticker.tick(0.25, claiming=True)
    slots = slots_after(bench, changed_at)
    assert len(slots) >= 8
    assert slots[0] <= changed_at + timedelta(seconds=1)
    assert all(b - a >= timedelta(seconds=0.2) for a, b in pairwise(slots))


def test_a_pace_beyond_the_account_is_refused(bench, campaign):
    with pytest.raises(InvalidInput, match="10 calls per second at most"):
        change_pace(bench, campaign, 11)
    change_pace(bench, campaign, 3)
    change_pace(bench, campaign, None)
    assert bench.value("SELECT max_cps FROM campaigns WHERE id = :id", id=campaign.id) is None
    audited = bench.rows("SELECT before, after FROM audit_log ORDER BY id")
    assert [tuple(row) for row in audited] == [
        ({"max_cps": None}, {"max_cps": 3.0}),
        ({"max_cps": 3.0}, {"max_cps": None}),
    ]


def test_narrowed_hours_hold_for_what_is_queued_already(bench, campaign, ticker):
    people = bench.run(make_recipients, campaign, 3)
    ticker.tick()
    assert {row.status for row in bench.queued()} == {"queued"}
    assert change_hours(bench, campaign, windows=not_today(bench)) == []
    assert {row.cancel_reason for row in bench.queued()} == {"window_closed"}
    for person in people:
        row = bench.recipient(person.id)
        assert row.status == "pending"
        assert row.next_attempt_at > bench.now() + timedelta(hours=12)
        assert row.attempts_spent == 0
    ticker.tick(1.0)
    assert not [row for row in bench.queued() if row.status == "queued"]


def test_narrowed_hours_take_back_what_does_not_ring_yet(bench, campaign):
    dialing, ringing = (
        bench.run(
            lambda s, status=status: make_attempt(
                s, make_recipient(s, campaign), status, provider_call_id=status
            )
        )
        for status in ("dialing", "ringing")
    )
    assert change_hours(bench, campaign, windows=not_today(bench)) == [dialing.id]
    assert bench.attempt(dialing.id).recall_reason == "hours changed"
    assert bench.attempt(ringing.id).recall_requested_at is None


def test_other_hours_that_are_open_now_take_nothing_back(bench, campaign, ticker):
    bench.run(make_recipients, campaign, 2)
    dialing = bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "dialing"))
    ticker.tick()
    assert change_hours(bench, campaign, windows="daily 00:00-24:00, closed on 2020-01-01") == []
    assert bench.attempt(dialing.id).recall_requested_at is None
    ticker.tick(0.5)
    assert len([row for row in bench.queued() if row.status == "queued"]) == 2


def test_an_end_must_lie_ahead_and_may_be_taken_away(bench, campaign):
    with pytest.raises(InvalidInput, match="stop it"):
        change_hours(bench, campaign, ends_at=datetime(2020, 1, 1, tzinfo=UTC))
    end = bench.now() + timedelta(days=3)
    change_hours(bench, campaign, ends_at=end)
    assert bench.value("SELECT ends_at FROM campaigns") == end
    windows = WeeklyWindows.parse("always").serialise()
    assert bench.value("SELECT windows FROM campaigns") == windows  # was not named, so stays
    change_hours(bench, campaign, ends_at=None)
    assert bench.value("SELECT ends_at FROM campaigns") is None


def test_hours_that_never_open_under_the_rules_are_refused(bench, campaign):
    bench.set("campaigns", campaign.id, rule_set="house")
    with pytest.raises(InvalidInput, match="allow no call at these hours"):
        change_hours(bench, campaign, windows="daily 02:00-03:00")
    with pytest.raises(InvalidInput, match="never open"):
        change_hours(bench, campaign, windows={})


@pytest.mark.parametrize("status", ["draft", "completed", "stopped"])
def test_what_does_not_run_and_will_not_is_not_changed(bench, campaign, status):
    bench.set("campaigns", campaign.id, status=status)
    with pytest.raises(NotAllowed):
        change_pace(bench, campaign, 1)
    with pytest.raises(NotAllowed):
        change_hours(bench, campaign, windows="daily 10:00-11:00")


def test_changed_hours_are_told_with_before_and_after(bench, campaign):
    change_hours(bench, campaign, windows="mon-fri 09:00-17:00")
    (audit,) = bench.rows("SELECT action, before, after FROM audit_log")
    assert tuple(audit) == (
        "campaign.change_hours",
        {"windows": "always"},
        {"windows": "mon-fri 09:00-17:00"},
    )
    assert "hours were changed to mon-fri 09:00-17:00" in bench.value(
        "SELECT sentence FROM campaign_log"
    )


def test_a_pause_and_other_hours_do_not_wait_for_each_other(bench, campaign, ticker):
    """The tick skips a campaign that is being changed, and goes on with it afterwards."""
    bench.run(make_recipients, campaign, 2)
    with bench.engine.begin() as held:
        held.execute(text("SELECT 1 FROM campaigns FOR NO KEY UPDATE"))
        assert ticker.tick().given == 0
    assert ticker.tick(0.25).given == 2
    bench.run(lambda s: campaigning.pause_campaign(s, campaign.id, database_now(s), "test"))
    assert change_hours(bench, campaign, windows="daily 09:00-12:00") == []
