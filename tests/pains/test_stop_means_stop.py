"""Pains 11 and 12: gaps in opt-outs; what stops by itself, and says why."""

from typing import Any

import pytest

from campaigns.calls import AnsweredBy
from campaigns.reporting import Surroundings, why
from tests.pains.days import ADA, BOB, CYD, answered, dialled, log_of, person, started
from tests.stateful.promises import NEW_YORK
from tests.stateful.world import World


@pytest.mark.parametrize(
    "said",
    [
        {"number": ADA},
        {"number": "+1202555", "prefix": True},
        {"number": ADA, "campaign": 1},
        {"number": ADA, "lasts": 86400.0},
    ],
    ids=["everywhere", "a prefix", "in this campaign", "for a day"],
)
def test_every_list_of_opt_outs_holds_for_every_call(world: World, said: dict[str, Any]) -> None:
    """newfies #37: several do-not-call lists for one campaign."""
    started(world)
    world.opt_out(**said)
    world.work()
    assert dialled(world) == []
    assert (person(world).status, person(world).reason) == ("blocked", "opted out")


def test_an_opt_out_is_asked_for_when_the_call_is_made(world: World) -> None:
    """Twilio phonebank #149: the flag was there, and was not looked at when calls were created."""
    started(world)
    world.tick(meanwhile=lambda: world.opt_out(ADA))
    for batch in world.hints:
        world.dial(batch)
    assert dialled(world) == []


def test_nine_in_one_campaign_is_heard_in_all_of_them(world: World) -> None:
    """newfies #37, agentops #25: the one list did not know of the other."""
    first, second = started(world), started(world)
    assert first != second
    world.work()
    (call,) = world.exchange.live()
    world.exchange.answer(call, AnsweredBy.HUMAN)
    world.press(call, "9")
    world.exchange.end(call)
    world.deliver_all()
    world.wait(7200.0)
    world.work()
    assert dialled(world) == [ADA]


def test_an_opt_out_is_undone_by_somebody_and_for_a_reason(world: World) -> None:
    """Spoke #137, #2042: no way to undo one, and nobody knows who did what."""
    started(world)
    world.opt_out(ADA)
    world.work()
    world.undo_opt_out(0, put_back=True)
    world.work()
    assert dialled(world) == [ADA]
    (row,) = world.rows("SELECT lifted_by, lifted_why FROM opt_outs")
    assert (row.lifted_by, row.lifted_why) == ("command line", "asked")
    actions = {row.action for row in world.rows("SELECT action FROM audit_log")}
    assert {"opt_out.add", "opt_out.lift"} <= actions


def test_it_can_be_told_why_somebody_was_not_called(world: World) -> None:
    """QuickVoice #117: nobody could prove why somebody was called, or was skipped."""
    started(world, [ADA, BOB])
    world.opt_out(ADA)
    world.work()
    answered(world)
    now = world.clock.now()
    told = {
        number: world.run(lambda s, number=number: why(s, number, now, Surroundings()))
        for number in (ADA, BOB)
    }
    gates = {number: told[number].campaigns[0] for number in told}
    refused = [each.gate for each in gates[ADA].verdicts if not each.passed]
    assert "opt_out" in refused
    assert "opt" in gates[ADA].sentence
    assert "opt_out" not in [each.gate for each in gates[BOB].verdicts if not each.passed]


def test_what_is_wrong_with_the_account_stops_it_and_says_why(world: World) -> None:
    """listmonk #2602: go on, or stop when something is wrong? #436: nobody knew why it stopped."""
    campaign = started(world, [ADA, BOB, CYD])
    world.tick()
    world.dial(world.hints[0], ["fault"])
    world.wait(5.0)
    world.work()
    ((status, reason),) = world.rows("SELECT status, status_reason FROM accounts")
    assert status == "paused"
    assert "insufficient_balance" in reason
    assert reason in log_of(world)
    assert len(dialled(world)) == 1
    world.come_to_rest()  # put right: everybody is called, whoever met the fault as well
    assert set(dialled(world)) == {ADA, BOB, CYD}
    assert world.promises.campaigns[campaign].status == "completed"


def test_one_number_that_does_not_exist_stops_nothing(world: World) -> None:
    """Chatwoot #11980: the whole campaign, because of one contact."""
    started(world, [ADA, BOB])
    world.tick()
    world.dial(world.hints[0], ["bad_number"])
    world.sweep()
    ((status,),) = world.rows("SELECT status FROM accounts")
    assert status == "active"
    world.come_to_rest()
    assert set(dialled(world)) == {ADA, BOB}


def test_a_list_of_numbers_that_do_not_exist_stops_itself_with_a_sentence(world: World) -> None:
    """Dograh PR #265: a breaker, and a log that people can read."""
    campaign = world.campaign(world.account(cps=20.0, max_concurrent=50, max_waiting=50))
    people = [([f"+1202555{n:04d}"], NEW_YORK, None) for n in range(101, 161)]
    world.push_all(campaign, people)
    world.decide(campaign, "start")
    for _ in range(6):
        world.work(["bad_number"] * 20)
        world.sweep()
        world.wait(1.0)
    stopped = world.rows(
        "SELECT status_reason FROM campaigns WHERE status = 'paused' "
        "UNION ALL SELECT status_reason FROM accounts WHERE status = 'paused'"
    )
    assert len(stopped) == 1
    assert len(dialled(world)) < 60
    assert stopped[0].status_reason in log_of(world)
