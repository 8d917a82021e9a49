"""Pains 8, 9 and 13: what a retry counts, what a pause stops, and a pace that is changed."""

from itertools import pairwise

from campaigns.access import CLI
from campaigns.changing import PaceChange, change_pace
from campaigns.db import database_now
from campaigns.lifecycle import Disposition
from tests.pains.days import ADA, BOB, CYD, answered, dialled, ends, person, started
from tests.stateful.promises import NEW_YORK
from tests.stateful.world import World


def test_an_attempt_counts_when_it_is_dialled_and_not_when_it_is_queued(world: World) -> None:
    """Surveda #1589: attempts were counted when they were queued."""
    started(world, max_attempts=1)
    for _ in range(5):  # slots are given and nobody takes them
        world.tick()
        world.hints.clear()
        world.wait(70.0)
    world.tick()
    assert person(world).attempts_spent == 0
    world.hints.clear()
    for _ in range(4):
        world.wait(70.0)
        world.work()
    assert dialled(world) == [ADA]


def test_nobody_is_used_up_without_a_single_ring(world: World) -> None:
    """Surveda #1619: the time-out began when a call was queued; attempts ended without a ring."""
    started(world, max_attempts=2)
    for answer in ("congested", "not_sent", "congested", "not_sent"):
        world.work([answer])
        world.wait(100.0)
    assert (person(world).status, person(world).attempts_spent) == ("pending", 0)
    world.work()
    answered(world)
    assert person(world).status == "completed"


def test_the_wait_between_two_calls_is_kept(world: World) -> None:
    """newfies #14: the interval between retries was off. RapidPro #386: a retry right away."""
    started(world, waits={"busy": 300})
    world.work()
    ends(world, Disposition.BUSY)
    for _ in range(12):
        world.wait(30.0)
        world.work()
    first, second = (post.boot for post in world.exchange.posts)
    assert 300.0 <= second - first < 400.0


def test_a_busy_line_and_one_that_rings_out_have_waits_of_their_own(world: World) -> None:
    """Surveda #641: one wait for everything."""
    started(world, [ADA, BOB], waits={"busy": 60, "no_answer": 1000})
    world.work()
    one, other = world.exchange.live()
    world.exchange.end(one, Disposition.BUSY)
    world.exchange.ring(other)
    world.exchange.end(other, Disposition.NO_ANSWER)
    world.deliver_all()
    world.wait(200.0)
    world.work()
    assert dialled(world)[2:] == [one.to]


def test_a_retry_shows_the_same_caller_id(world: World) -> None:
    """newfies #20: the retry used the wrong caller id."""
    numbers = ("+12015550101", "+12015550102", "+12015550103")
    campaign = world.campaign(world.account(caller_ids=numbers), waits={"busy": 60})
    world.push(campaign, [ADA], NEW_YORK)
    world.decide(campaign, "start")
    for _ in range(3):
        world.work()
        ends(world, Disposition.BUSY)
        world.wait(100.0)
    shown = [post.caller_id for post in world.exchange.posts]
    assert len(shown) == 3
    assert len(set(shown)) == 1


def test_a_retry_that_is_due_in_a_pause_is_not_dialled(world: World) -> None:
    """Newfies-Dialer: retries were countdowns in the queue, and looked at no pause."""
    campaign = started(world, waits={"busy": 60})
    world.work()
    ends(world, Disposition.BUSY)
    world.decide(campaign, "pause")
    for _ in range(5):
        world.wait(60.0)
        world.work()
    assert dialled(world) == [ADA]
    world.decide(campaign, "resume")
    world.work()
    assert dialled(world) == [ADA, ADA]


def test_a_pause_holds_for_what_is_queued_already(world: World) -> None:
    """listmonk #2610, #2070; Gomobile and Genesys document that scheduled work may proceed."""
    campaign = started(world, [ADA, BOB, CYD])
    world.tick()
    hints = world.hints[:]
    world.decide(campaign, "pause")
    for batch in hints:
        world.dial(batch)
    assert dialled(world) == []


def test_a_pause_takes_back_what_waits_at_the_provider(world: World) -> None:
    """SignalWire queues 10,000 calls, Twilio a day of them: they ring long after the pause."""
    campaign = started(world, [ADA, BOB])
    world.work()
    rings, waits = world.exchange.live()
    world.exchange.ring(rings)
    world.deliver_all()
    world.decide(campaign, "pause")
    world.recall()
    assert (rings.state, waits.state) == ("ringing", "ended")
    world.deliver_all()
    taken_back = "SELECT attempts_spent FROM recipients WHERE numbers[1] = %(number)s"
    assert [row.attempts_spent for row in world.rows(taken_back, number=waits.to)] == [0]


def test_it_is_safe_to_resume(world: World) -> None:
    """listmonk #1222: is it safe to resume? Nobody twice, and nobody forgotten."""
    numbers = [f"+1202555{n:04d}" for n in range(101, 111)]
    campaign = started(world, numbers)
    for _ in range(4):
        world.work()
        answered(world)
        world.tick()
        world.decide(campaign, "pause")
        world.wait(20.0)
        world.decide(campaign, "resume")
    world.come_to_rest()
    assert sorted(dialled(world)) == numbers


def test_stop_means_stop(world: World) -> None:
    """Genesys PureConnect: stop acts after the cache is empty. Micromentor #37."""
    campaign = started(world, [ADA, BOB, CYD])
    world.work()
    world.decide(campaign, "stop")
    world.recall()
    assert world.exchange.live() == []
    before = len(dialled(world))
    for _ in range(5):
        world.wait(60.0)
        world.work()
    assert len(dialled(world)) == before


def test_the_pace_is_changed_while_the_campaign_runs(world: World) -> None:
    """listmonk #1687: a changed setting restarts and stops campaigns. Mautic #2518, Dograh #106."""
    numbers = [f"+1202555{n:04d}" for n in range(101, 125)]
    campaign = started(world, numbers)
    for pace, least in ((0.5, 2.0), (4.0, 0.25)):
        world.run(
            lambda s, pace=pace: change_pace(
                s, campaign, PaceChange(max_cps=pace), CLI, database_now(s)
            )
        )
        world.wait(3.0)
        before = len(world.exchange.posts)
        for _ in range(12):
            world.work()
            world.clock.move(0.4)
        times = [post.boot for post in world.exchange.posts[before:]]
        assert len(times) >= 2
        assert min(b - a for a, b in pairwise(times)) >= least
        answered(world)


def test_more_lines_than_the_provider_takes_wait_for_a_line(world: World) -> None:
    """Dograh #737, PR #769: too many at once, and whoever found no line was marked failed."""
    campaign = world.campaign(world.account(max_concurrent=2))
    numbers = [f"+1202555{n:04d}" for n in range(101, 107)]
    world.push_all(campaign, [([number], NEW_YORK, None) for number in numbers])
    world.decide(campaign, "start")
    for _ in range(6):
        world.work()
        assert len(world.exchange.live()) <= 2
        answered(world)
        world.wait(2.0)
    assert sorted(dialled(world)) == numbers
