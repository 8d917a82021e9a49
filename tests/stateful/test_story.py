"""The moved world itself: a plain day in it, told without chance."""

from tests.stateful.world import World


def test_an_ordinary_day(world: World) -> None:
    account = world.account()
    campaign = world.campaign(account)
    for n in range(12):
        world.push(campaign, [f"+1202555{100 + n:04d}"], "America/New_York")
    world.decide(campaign, "start")
    world.work()
    world.check()
    world.come_to_rest()
    assert len(world.exchange.posts) == 12


def test_a_clock_that_jumps_ahead_puts_no_worker_to_sleep(world: World) -> None:
    """A worker knows the database's clock as it was measured up to a second ago. Whatever that
    clock did since, the worker learns of it at its next measurement and not after the jump's
    length: threads that sleep for an hour would be missed by everybody who is due."""
    campaign = world.campaign(world.account())
    world.push(campaign, ["+12025550101"], "America/New_York")
    world.decide(campaign, "start")
    world.measured_while_asleep()
    world.step_clock(3600.0, measured=False)
    world.tick()
    before = world.clock.boot
    world.dial(world.hints.pop())
    assert world.clock.boot - before < 5.0
    world.come_to_rest()
    assert len(world.exchange.posts) == 1


def test_a_clock_that_jumps_between_claim_and_request_holds_no_claim(world: World) -> None:
    """The instant of the request is on the clock as it is now: the worker gives up at once."""
    campaign = world.campaign(world.account())
    world.push(campaign, ["+12025550101"], "America/New_York")
    world.decide(campaign, "start")
    world.tick()
    world.before_claim = lambda: world.step_clock(0.2, measured=False)
    before = world.clock.boot
    world.dial(world.hints.pop())
    assert world.clock.boot - before < 0.3
    assert world.exchange.posts == []
    world.come_to_rest()
    assert len(world.exchange.posts) == 1
