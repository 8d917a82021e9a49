"""Pain 1: the same person contacted twice or more."""

from datetime import timedelta

from campaigns.lifecycle import Disposition
from tests.pains.days import ADA, BOB, answered, dialled, ends, person, started
from tests.stateful.promises import NEW_YORK, OFFICE
from tests.stateful.world import World


def test_a_time_out_does_not_place_the_call_a_second_time(world: World) -> None:
    """elizaOS #22382: an HTTP time-out, then the POST that creates the call once more."""
    started(world)
    world.work(["doubt_placed"])
    for _ in range(20):
        world.work()
        world.wait(1.0)
        world.sweep()
    assert dialled(world) == [ADA]


def test_a_task_that_is_delivered_again_and_again_calls_once(world: World) -> None:
    """kombu #337, celery #2481, #3270, #9882: a message comes back when a worker is slow."""
    started(world)
    world.tick()
    for _ in range(20):
        world.dial(world.hints[0])
    assert dialled(world) == [ADA]


def test_two_schedulers_at_once_do_not_copy_the_campaign(world: World) -> None:
    """Chatwoot #12821: 3,000 contacts got two or three copies each from overlapping runs."""
    started(world, [ADA, BOB])
    world.tick()
    world.deposed_tick()
    world.tick()
    for batch in world.hints:
        world.dial(batch)
    assert sorted(dialled(world)) == [ADA, BOB]


def test_a_number_that_stands_in_two_lists_is_never_on_two_calls(world: World) -> None:
    """VICIdial: the same number in two fields, or under two rules, is dialled again and again."""
    first, second = started(world), started(world)
    assert first != second
    world.work()
    world.work()
    assert dialled(world) == [ADA]
    answered(world)
    world.wait(3600.0)
    world.work()
    assert dialled(world) == [ADA, ADA]


def test_nobody_is_tried_again_and_again_when_the_next_slot_lies_after_the_end(
    world: World,
) -> None:
    """Surveda #2369: 96 attempts to one respondent whose next slot was after the end date."""
    end = world.clock.now() + timedelta(hours=8)
    campaign = started(
        world, windows="mon-fri 09:00-17:00", hours=(OFFICE,), ends_at=end, waits={"busy": 25200}
    )
    world.work()
    ends(world, Disposition.BUSY)
    for _ in range(40):
        world.wait(900.0)
        world.work()
        world.sweep()
    assert dialled(world) == [ADA]
    ((status,),) = world.rows("SELECT status FROM campaigns WHERE id = %(id)s", id=campaign)
    assert status == "stopped"


def test_a_list_that_is_handed_in_twice_calls_everybody_once(world: World) -> None:
    """listmonk #2070, #2313: a third got none, two thirds got three or more."""
    campaign = started(world)
    for _ in range(2):
        world.import_list(campaign, [(ADA, NEW_YORK), (BOB, NEW_YORK)])
    world.come_to_rest()
    assert sorted(dialled(world)) == [ADA, BOB]
    assert person(world, 1).reason
