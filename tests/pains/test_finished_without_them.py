"""Pains 2, 3 and 15: finished but never contacted; stuck for ever; again, but only those."""

import pytest

from campaigns.access import CLI
from campaigns.changing import RedialRequest, redial_unreached
from campaigns.db import database_now
from campaigns.lifecycle import Disposition
from tests.pains.days import ADA, BOB, CYD, answered, dialled, ends, log_of, started, statuses
from tests.stateful.world import World


def test_a_campaign_is_not_finished_while_somebody_was_not_called(world: World) -> None:
    """listmonk #1762, #2860 (2,061 of 5,239), Chatwoot #4897 (stopped at 1,200 of 2,300)."""
    numbers = [f"+1202555{n:04d}" for n in range(101, 113)]
    campaign = started(world, numbers)
    world.work()
    answered(world)
    world.sweep()
    assert "pending" in statuses(world, campaign)
    world.check()  # a campaign that is completed with somebody waiting would be told here
    world.come_to_rest()
    assert sorted(dialled(world)) == numbers
    assert world.promises.campaigns[campaign].status == "completed"
    assert "completed" in log_of(world)


def test_one_bad_contact_stops_nobody_else(world: World) -> None:
    """Chatwoot #11980: one contact that could not be reached ended the campaign for all."""
    campaign = started(world, [ADA, BOB, CYD])
    world.tick()
    world.dial(world.hints[0], ["bad_number"])
    world.come_to_rest()
    assert set(dialled(world)) == {ADA, BOB, CYD}
    assert "exhausted" in statuses(world, campaign)


def test_a_killed_worker_loses_nobody(world: World) -> None:
    """Chatwoot #12955: the fix against doubles was paid for with people silently lost."""
    campaign = started(world, [ADA, BOB, CYD])
    for step in ("before_claim", "after_claim", "after_post", "after_record"):
        world.tick()
        for batch in world.hints[-1:]:
            world.dial(batch, dies=step)
        world.wait(3.0)
    assert world.deaths > 0
    world.come_to_rest()
    assert set(statuses(world, campaign)) <= {"completed", "exhausted", "review"}


def test_a_call_whose_end_nobody_told_us_frees_its_line(world: World) -> None:
    """Dograh #737 (held a slot for 20 minutes), openclaw #6721, CALLE-AI #97 (for five days)."""
    campaign = world.campaign(world.account(max_concurrent=1))
    for number in (ADA, BOB):
        world.push(campaign, [number], "America/New_York")
    world.decide(campaign, "start")
    world.work()
    (first,) = dialled(world)  # both are due at once: which one comes first is nobody's promise
    world.wait(100.0)  # the carrier gave up, and every word of it is lost
    world.exchange.mail.clear()
    world.look_up()
    world.work()
    assert sorted(dialled(world)) == [ADA, BOB]
    assert dialled(world)[0] == first


@pytest.mark.parametrize("lost", ["doubt_lost", "killed_lost"])
def test_an_attempt_nobody_ever_hears_of_does_not_run_for_ever(world: World, lost: str) -> None:
    """listmonk #905, #1433, Surveda #401, newfies #53: running for ever."""
    campaign = started(world)
    world.work([lost])
    world.come_to_rest()
    assert world.promises.campaigns[campaign].status == "completed"


def test_only_those_who_were_not_reached_are_called_again(world: World) -> None:
    """listmonk #2616, craft-campaign #228: a button to retry the failed ones, not everybody."""
    campaign = started(world, [ADA, BOB], waits={})
    world.tick()
    for batch in world.hints:
        world.dial(batch)
    for call in world.exchange.live():
        if call.to == ADA:
            world.happens(call, "human")
    ends(world, Disposition.BUSY)
    world.sweep()
    again = world.run(
        lambda s: redial_unreached(s, campaign, RedialRequest(), CLI, database_now(s))
    )
    assert again.people == 1
    numbers = world.rows(
        "SELECT numbers FROM recipients WHERE campaign_id = %(id)s", id=again.campaign.id
    )
    assert [row.numbers for row in numbers] == [[BOB]]
