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
