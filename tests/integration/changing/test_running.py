"""Pauses are measured from the rows; archives and the kill switch are in the audit log."""

from datetime import timedelta

import pytest

from campaigns import changing
from campaigns.access import CLI
from campaigns.campaigning import campaign_by_id
from campaigns.changing import PauseReport
from campaigns.db import database_now
from campaigns.errors import NotAllowed
from campaigns.models import Campaign
from tests.factories import make_attempt, make_recipient
from tests.integration.core.conftest import Bench, said, tell


def pause(bench: Bench, campaign: Campaign) -> list[int]:
    return bench.run(lambda s: changing.pause(s, campaign.id, CLI, database_now(s), "lunch"))


def measured(bench: Bench, campaign: Campaign) -> PauseReport | None:
    return bench.run(lambda s: changing.last_pause(s, campaign_by_id(s, campaign.id)))


def call(bench: Bench, campaign: Campaign, status: str, **columns) -> int:
    return bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), status, **columns).id)


def test_a_pause_tells_when_the_last_call_was_dialled_and_how_many_were_recalled(bench, campaign):
    early = bench.now() - timedelta(seconds=5)
    call(bench, campaign, "ringing", claimed_at=early, accepted_at=early)
    dialing = call(bench, campaign, "dialing", claimed_at=early, provider_call_id="c")
    call(bench, campaign, "queued")
    assert pause(bench, campaign) == [dialing]
    report = measured(bench, campaign)
    assert report is not None
    assert report.last_dial_ms is not None
    assert report.last_dial_ms < -4000
    assert (report.recalled, report.recalled_in_time, report.recalled_too_late) == (1, 0, 0)
    log = [row[0] for row in bench.rows("SELECT sentence FROM campaign_log ORDER BY id")]
    assert log[0] == "The campaign was paused by the command line: lunch."
    assert "Nothing was dialled after the pause" in log[1]
    assert "1 call was recalled because nothing rang yet: 1 being taken back." in log[1]


def test_a_claim_during_the_pause_is_told_as_dialled_after_it(bench, campaign):
    meanwhile = call(bench, campaign, "dialing")
    pause(bench, campaign)
    paused_at = bench.value("SELECT paused_at FROM campaigns")
    bench.set("attempts", meanwhile, claimed_at=paused_at + timedelta(milliseconds=80))
    report = measured(bench, campaign)
    assert report is not None
    assert report.last_dial_ms == 130  # a call is dialled within 50 ms of its claim
    assert "at most 130 ms after" in report.sentence


def test_what_became_of_the_recalled_calls_is_counted(bench, campaign):
    gone, rang = (call(bench, campaign, "dialing", provider_call_id=name) for name in "ab")
    pause(bench, campaign)
    tell(bench, rang, said("ringing", "b"))
    tell(bench, gone, said("ended", "a", disposition="canceled", end_reason="canceled"))
    report = measured(bench, campaign)
    assert report is not None
    assert (report.recalled, report.recalled_in_time, report.recalled_too_late) == (2, 1, 1)
    assert "1 ended without ringing, 1 rang all the same." in report.sentence


def test_only_a_pause_that_holds_is_told(bench, campaign):
    assert measured(bench, campaign) is None
    pause(bench, campaign)
    report = measured(bench, campaign)
    assert report is not None
    assert report.sentence == (
        "Nothing had been dialled before the pause. No call had to be recalled."
    )
    bench.run(lambda s: changing.resume(s, campaign.id, CLI, database_now(s)))
    assert measured(bench, campaign) is None
    actions = bench.rows("SELECT action, before, after FROM audit_log ORDER BY id")
    assert [tuple(row) for row in actions] == [
        ("campaign.pause", {"status": "running"}, {"status": "paused", "why": "lunch"}),
        ("campaign.resume", {"status": "paused"}, {"status": "running"}),
    ]


def test_only_what_is_over_goes_into_the_archive(bench, campaign):
    with pytest.raises(NotAllowed, match="running"):
        bench.run(lambda s: changing.archive(s, campaign.id, CLI, database_now(s)))
    bench.run(lambda s: changing.stop(s, campaign.id, CLI, database_now(s), "over"))
    bench.run(lambda s: changing.archive(s, campaign.id, CLI, database_now(s)))
    assert bench.value("SELECT archived_at FROM campaigns") is not None
    bench.run(lambda s: changing.unarchive(s, campaign.id, CLI, database_now(s)))
    assert bench.value("SELECT archived_at FROM campaigns") is None
    actions = [row[0] for row in bench.rows("SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["campaign.stop", "campaign.archive", "campaign.unarchive"]


def test_the_kill_switch_says_who_used_it(bench, campaign):
    ringing = call(bench, campaign, "ringing", provider_call_id="c")
    recalled = bench.run(lambda s: changing.switch_off(s, CLI, database_now(s), "fire"))
    assert recalled == [ringing]
    assert bench.value("SELECT enabled FROM dialing_switch") is False
    bench.run(lambda s: changing.switch_on(s, CLI, database_now(s)))
    assert bench.value("SELECT enabled FROM dialing_switch") is True
    rows = bench.rows("SELECT action, after FROM audit_log ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("dialling.switch_off", {"dialling": "off", "why": "fire", "recalled": 1}),
        ("dialling.switch_on", {"dialling": "on"}),
    ]
