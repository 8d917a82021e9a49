"""Hours before a deadline cannot be met the log says so, once, and again when it changes."""

from datetime import timedelta

from campaigns.foreseeing import foresee
from campaigns.models import Account
from campaigns.store import late_risks
from tests.factories import make_account, make_campaign, make_recipients
from tests.integration.core.conftest import Bench

HOUR = timedelta(hours=1)


def sentences(bench: Bench) -> list[str]:
    return [row.sentence for row in bench.rows("SELECT sentence FROM campaign_log ORDER BY id")]


def test_it_is_said_once_and_again_only_when_it_changes(bench: Bench) -> None:
    slow = bench.run(make_account, cps=0.01)  # 36 calls an hour
    campaign = bench.run(
        make_campaign, slow, kind="reminder", reminder={"offset": 86400, "deadline": 0}
    )
    now = bench.now()
    people = bench.run(make_recipients, campaign, 100, deadline_at=now + 2 * HOUR)
    assert bench.run(foresee, now) == 1
    (told,) = sentences(bench)
    assert "people cannot be called in time" in told
    known = bench.run(late_risks.known_risks)[campaign.id]
    assert 25 <= known.people <= 32
    listed = bench.run(late_risks.people_at_risk, known, 0, 500)
    assert listed == [one.id for one in people]
    assert bench.run(foresee, now + timedelta(minutes=1)) == 0  # nothing new
    bench.rows("UPDATE recipients SET status = 'completed', next_attempt_at = NULL WHERE id > 30")
    assert bench.run(foresee, now + timedelta(minutes=2)) == 1
    assert sentences(bench)[1:] == ["Everybody whose deadline is near can be called in time again."]
    assert bench.run(late_risks.known_risks) == {}


def test_what_can_be_met_or_does_not_run_is_not_spoken_of(bench: Bench, account: Account) -> None:
    rule = {"kind": "reminder", "reminder": {"offset": 86400, "deadline": 0}}
    now = bench.now()
    fast, paused = (
        bench.run(make_campaign, account, status=status, **rule) for status in ("running", "paused")
    )
    for campaign in (fast, paused):
        bench.run(make_recipients, campaign, 50, deadline_at=now + 2 * HOUR)
    assert bench.run(foresee, now) == 0
    assert sentences(bench) == []


def test_hours_that_open_too_late_are_told_as_such(bench: Bench, account: Account) -> None:
    now = bench.now()
    shut = bench.run(
        make_campaign,
        account,
        kind="reminder",
        reminder={"offset": 86400, "deadline": 0},
        windows=f"{(now + timedelta(days=3)):%a} 09:00-10:00".lower(),
    )
    bench.run(make_recipients, shut, 3, deadline_at=now + 2 * HOUR)
    bench.run(foresee, now)
    (told,) = sentences(bench)
    assert "for all of them the calling hours do not open before their deadline" in told
