"""Each small change that would harm people is noticed by the model that judges every step.

Each story is told twice: as the product is, and nothing is broken; with one change, and the very
promise that it breaks is named.
"""

import threading
import time
from collections.abc import Callable

import pytest

from campaigns.access import CLI
from campaigns.calls import AnsweredBy
from campaigns.db import transaction
from campaigns.lifecycle import Disposition
from campaigns.opting_out import NewOptOut, opt_out
from tests.mutants import changes
from tests.mutants.changes import Change, changed
from tests.stateful.promises import CHICAGO, NEW_YORK, OFFICE, Broken
from tests.stateful.world import World

ADA, BOB = "+12025550101", "+13125550102"


def one_person(world: World, numbers: tuple[str, ...] = (ADA,)) -> int:
    campaign = world.campaign(world.account())
    world.push(campaign, numbers, NEW_YORK)
    world.decide(campaign, "start")
    return campaign


def dial_everything(world: World) -> None:
    for batch in world.hints:
        world.dial(batch)


def opt_out_while_a_tick_is_under_way(world: World) -> None:
    """The opt-out finds nothing to cancel, since the attempt is not committed yet."""
    campaign = one_person(world)
    world.tick(meanwhile=lambda: world.opt_out(ADA))
    world.push(campaign, [BOB], CHICAGO)
    world.tick()
    dial_everything(world)
    assert [post.to for post in world.exchange.posts] == [BOB]


def opt_out_while_a_claim_waits(world: World) -> None:
    """A claim waits at the gate while the opt-out is being committed."""
    campaign = one_person(world)
    came: list[BaseException | None] = []

    def dial() -> None:
        try:
            dial_everything(world)
            came.append(None)
        except Broken as broken:
            came.append(broken)

    worker = threading.Thread(target=dial)
    with transaction(world.engine) as session:
        now = world.clock.now()
        opt_out(session, [NewOptOut(ADA)], "api", CLI, now)
        world.tick()  # the opt-out has cancelled what there was; this comes after it
        assert len(world.hints) == 1
        world.promises.opt_out(ADA, now, prefix=False, campaign=None, until=None)
        worker.start()
        _until_somebody_waits(world)
    worker.join()
    if came[0] is not None:
        raise came[0]
    world.push(campaign, [BOB], CHICAGO)
    for _ in range(3):
        world.work()
        world.wait(5.0)
    assert [post.to for post in world.exchange.posts] == [BOB]


def _until_somebody_waits(world: World) -> None:
    # Other test processes wait for locks of the same kind, in databases of theirs.
    waiting = """
        SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    for _ in range(200):
        if world.rows(waiting):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the gate")


def time_out_of_a_placed_call(world: World) -> None:
    """The carrier has the call, and the answer to the request is lost. Somebody picks up."""
    one_person(world)
    world.work(["doubt_placed"])
    world.check()
    for call in world.exchange.live():
        world.exchange.answer(call, AnsweredBy.HUMAN)
    world.come_to_rest()
    assert len(world.exchange.posts) == 1


def crowd(world: World) -> None:
    """A dozen people are due at once, on an account of two calls a second."""
    campaign = world.campaign(world.account(cps=2.0, max_concurrent=50, max_waiting=50))
    people = [([f"+1202555{n:04d}"], NEW_YORK, None) for n in range(101, 113)]
    world.push_all(campaign, people)
    world.decide(campaign, "start")
    for _ in range(20):
        world.work()
        world.clock.move(0.3)
    assert len(world.exchange.posts) == 12


def evening(world: World) -> None:
    """A campaign in office hours; its last person is due when the day is over."""
    campaign = world.campaign(world.account(), "mon-fri 09:00-17:00", (OFFICE,))
    world.push(campaign, [ADA], NEW_YORK)
    world.decide(campaign, "start")
    world.work()
    world.wait(10 * 3600.0)
    world.push(campaign, [BOB], CHICAGO)
    world.work()
    assert [post.to for post in world.exchange.posts] == [ADA]


def call_that_is_listed_late(world: World) -> None:
    """Nothing is heard of a call, and the carrier's own log has it only after five minutes."""
    world.exchange.listing_lag = 300.0
    one_person(world)
    world.work(["doubt_placed"])
    for _ in range(20):
        world.wait(61.0)
        world.exchange.mail.clear()
        world.look_up()
        world.check()
    assert len(world.exchange.posts) == 1


def household(world: World) -> None:
    """Two people of two campaigns share a telephone, and the first of them is on it."""
    account = world.account()
    for _ in range(2):
        campaign = world.campaign(account)
        world.push(campaign, [ADA], NEW_YORK)
        world.decide(campaign, "start")
    world.work()
    for call in world.exchange.live():
        world.exchange.answer(call, AnsweredBy.HUMAN)
    world.wait(2.0)
    world.work()
    world.check()
    assert len(world.exchange.posts) == 1


def pause_while_a_tick_is_under_way(world: World) -> None:
    """As with the opt-out: the attempt is committed after the pause. The tick holds the campaign,
    so that a pause waits for it; here the pause was written by hand, as a repair might be."""
    campaign = one_person(world)
    world.tick()
    world.clock.run(f"UPDATE campaigns SET status = 'paused' WHERE id = {campaign}")
    world.promises.campaigns[campaign].status = "paused"
    dial_everything(world)
    assert world.exchange.posts == []
    world.clock.run(f"UPDATE campaigns SET status = 'running' WHERE id = {campaign}")
    world.promises.campaigns[campaign].status = "running"
    for _ in range(3):
        world.wait(5.0)
        world.work()
    assert len(world.exchange.posts) == 1


def events_in_the_wrong_order(world: World) -> None:
    """The end of a call is told first, then that it rings."""
    one_person(world)
    world.work()
    for call in world.exchange.live():
        world.exchange.ring(call)
        world.exchange.end(call, Disposition.BUSY)
    world.exchange.mail.reverse()
    world.deliver_all()
    world.check()
    assert len(world.exchange.posts) == 1


MUTANTS: list[tuple[Change, Callable[[World], None], set[str]]] = [
    (changes.no_opt_out_check_in_the_claim, opt_out_while_a_tick_is_under_way, {"opt-out wins"}),
    (changes.lock_and_gate_in_one_statement, opt_out_while_a_claim_waits, {"opt-out wins"}),
    (
        changes.in_doubt_treated_as_failed,
        time_out_of_a_placed_call,
        {"in doubt is not failed", "never twice"},
    ),
    (changes.request_repeated, time_out_of_a_placed_call, {"never twice"}),
    (changes.no_slots, crowd, {"pace"}),
    (changes.hours_asked_for_at_import_only, evening, {"only in legal hours"}),
    (changes.no_quarantine, call_that_is_listed_late, {"in doubt is not failed"}),
    (changes.numbers_not_held, household, {"never twice"}),
    (
        changes.claims_that_do_not_look_at_the_campaign,
        pause_while_a_tick_is_under_way,
        {"stopped means stopped"},
    ),
]
NAMES = [change.__name__ for change, _, _ in MUTANTS]


@pytest.mark.parametrize(("change", "story", "promises"), MUTANTS, ids=NAMES)
def test_a_harmful_change_is_noticed(
    stories: Callable[[], World],
    change: Change,
    story: Callable[[World], None],
    promises: set[str],
) -> None:
    story(stories())
    world = stories()
    with changed(world, change), pytest.raises(Broken) as caught:
        story(world)
    assert caught.value.promise in promises, caught.value


def test_an_event_never_moves_a_call_back_even_if_the_code_would(
    stories: Callable[[], World],
) -> None:
    """The database itself refuses: a trigger stands behind the rule in the code."""
    events_in_the_wrong_order(stories())
    world = stories()
    refused = pytest.raises(Exception, match="cannot become ringing")
    with changed(world, changes.late_word_applied_backwards), refused:
        events_in_the_wrong_order(world)
