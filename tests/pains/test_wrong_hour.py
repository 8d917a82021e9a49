"""Pain 4: calls at the wrong hour, when clocks change, and after the end."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.lifecycle import Disposition
from tests.pains.days import ADA, BOB, dialled, ends, started
from tests.stateful.promises import ALWAYS, HOUSE, LOS_ANGELES, NEW_YORK, OFFICE, Hours
from tests.stateful.world import World

# Days after Friday, and hours of the wall clock in New York. In the night to Sunday the hour from
# one to two comes twice.
MOMENTS = (
    *((1, 3.0), (1, 8.9), (1, 9.5), (1, 10.1)),
    *((2, 1.5), (2, 3.0), (2, 8.5), (2, 9.5), (2, 10.5)),
    *((3, 3.0), (3, 8.5), (3, 9.5), (3, 10.5)),
)


def hours_of_posts(world: World, zone: str) -> list[float]:
    walls = [post.at.astimezone(ZoneInfo(zone)) for post in world.exchange.posts]
    return [wall.hour + wall.minute / 60 for wall in walls]


def test_hours_are_no_longer_when_the_clocks_go_back(world: World) -> None:
    """Surveda #1602: the window became 24 hours longer, and people were called at three."""
    morning = Hours(frozenset({5, 6, 0}), 9, 10)
    campaign = started(world, windows="sat-mon 09:00-10:00", hours=(morning,))
    for day, hour in MOMENTS:
        at = datetime(2026, 10, 30, tzinfo=ZoneInfo(NEW_YORK)) + timedelta(days=day, hours=hour)
        world.wait((at - world.clock.now()).total_seconds())
        world.push(campaign, [f"+1202555{150 + len(world.promises.people):04d}"], NEW_YORK)
        world.work()
        ends(world, Disposition.REJECTED)
    walls = [post.at.astimezone(ZoneInfo(NEW_YORK)) for post in world.exchange.posts]
    assert {wall.hour for wall in walls} == {9}
    assert {f"{wall:%a}" for wall in walls} == {"Sat", "Sun", "Mon"}


def test_a_retry_keeps_the_hours_of_the_day(world: World) -> None:
    """RapidPro #977: quiet hours wanted for calls; the retry is where they are forgotten."""
    started(world, windows="mon-fri 09:00-17:00", hours=(OFFICE,), waits={"busy": 28800})
    world.work()
    ends(world, Disposition.BUSY)
    for _ in range(26):
        world.wait(3 * 3600.0)
        world.work()
    assert len(dialled(world)) == 2
    assert all(9 <= hour < 17 for hour in hours_of_posts(world, NEW_YORK))


def test_everybody_is_called_in_their_own_hours_in_one_campaign(world: World) -> None:
    """Mautic #11602, #10612, #6822: the contact's own time zone, not the server's."""
    campaign = world.campaign(world.account(), "mon-fri 09:00-17:00", (OFFICE,))
    world.push(campaign, [ADA], NEW_YORK)
    world.push(campaign, [BOB], LOS_ANGELES)
    world.decide(campaign, "start")
    world.work()
    assert dialled(world) == [ADA]  # ten in New York, seven in Los Angeles
    world.wait(2 * 3600.0)
    world.work()
    assert dialled(world) == [ADA, BOB]


def test_a_number_that_may_be_in_two_zones_is_called_when_both_are_open(world: World) -> None:
    """VICIdial: fixed offsets by area code. 850 lies on both sides of a border between zones."""
    campaign = world.campaign(world.account(), "mon-fri 10:00-17:00", (Hours(OFFICE.days, 10, 17),))
    world.push(campaign, ["+18505550101"])
    world.decide(campaign, "start")
    world.work()
    assert dialled(world) == []  # ten in one of them, nine in the other
    world.wait(3600.0)
    world.work()
    assert dialled(world) == ["+18505550101"]


def test_nobody_has_to_stop_campaigns_by_hand_in_the_evening(world: World) -> None:
    """Spoke #644: somebody archived every campaign at nine. And the call at 9:03 in Florida."""
    campaign = world.campaign(world.account(), hours=(ALWAYS, HOUSE), rule_set="house")
    world.consent([ADA])
    world.push(campaign, [ADA], NEW_YORK)
    world.decide(campaign, "start")
    world.wait(11 * 3600.0 + 180)  # three minutes past nine in the evening
    world.work()
    assert dialled(world) == []
    assert world.promises.campaigns[campaign].status == "running"
    world.wait(13 * 3600.0)
    world.work()
    assert dialled(world) == [ADA]


def test_hours_may_reach_past_midnight(world: World) -> None:
    """Dograh, Surveda: a window that begins later than it ends cannot be entered at all."""
    night = Hours(frozenset(range(7)), 0, 24)
    campaign = world.campaign(world.account(), "mon-sun 22:00-02:00", (night,))
    world.push(campaign, [ADA], NEW_YORK)
    world.decide(campaign, "start")
    world.work()
    assert dialled(world) == []
    world.wait(15 * 3600.0)
    world.work()
    assert [int(hour) for hour in hours_of_posts(world, NEW_YORK)] == [1]


def test_nobody_is_reminded_of_what_is_over(world: World) -> None:
    """Klaviyo, Bolna #511: what was scheduled is sent whenever there is room, too late as well."""
    campaign = world.campaign(
        world.account(), kind="reminder", reminder={"offset": 7200, "deadline": 600}
    )
    at = world.clock.now() + timedelta(hours=1)
    world.push(campaign, [ADA], NEW_YORK, at)
    world.decide(campaign, "start")
    world.switch(on=False)
    world.wait(3100.0)
    world.switch(on=True)
    for _ in range(3):
        world.work()
        world.sweep()
        world.wait(10.0)
    assert dialled(world) == []
