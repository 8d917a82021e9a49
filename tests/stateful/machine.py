"""The machine that does everything in any order, and a tally of what it did.

One rule with many acts: of several rules Hypothesis leaves some out of each story, and a story
without workers, or without people who say stop, would show little.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from campaigns.calls import CallEvent, EventKind
from campaigns.lifecycle import Disposition
from tests.stateful.exchange import PLACED, PLANS
from tests.stateful.promises import ALWAYS, CHICAGO, HOUSE, NEW_YORK, OFFICE
from tests.stateful.world import World

AREAS = ("+1202", "+1312", "+1850", "+1208")
NUMBERS = [f"{area}555{n:04d}" for n in range(101, 109) for area in AREAS]
ZONES = (NEW_YORK, CHICAGO, "Asia/Kathmandu", None, None)
WAITS = (0.3, 1.0, 3.0, 20.0, 61.0, 130.0, 1000.0, 3600.0, 7 * 3600.0, 26 * 3600.0)
FATES = ("nothing", "ring", "human", "machine", "busy", "no_answer", "failed", "rejected")
STEPS = (0.5, 2.0, 3600.0, -0.3, -2.0, -40.0)

numbers, zones = st.sampled_from(NUMBERS), st.sampled_from(ZONES)
picks, waits = st.integers(0, 50), st.sampled_from(WAITS)
campaigns, accounts = st.integers(0, 2), st.integers(0, 1)
lasts, ahead = st.sampled_from((None, 30.0, 5000.0)), st.sampled_from((300.0, 3600.0, 8000.0, 9e4))
DEATHS = (
    *(None, None, "frozen", "claim lost"),
    *("before_claim", "after_claim", "after_post", "after_record"),
)
fates = st.lists(st.sampled_from(FATES), min_size=3, max_size=6)
plans = st.one_of(
    st.just(()),
    st.lists(st.sampled_from(PLACED), max_size=3).map(tuple),
    st.lists(st.sampled_from(PLANS), min_size=1, max_size=3).map(tuple),
)


# How often each act comes, and what it is given.
ACTS: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "moment": (10, (plans, fates, st.sampled_from(("all", "backwards", "none")))),
    "hour": (4, (plans, waits)),
    "hint": (5, (picks, plans, st.sampled_from(DEATHS), st.booleans())),
    "stop_before_post": (1, (plans, numbers, st.sampled_from(("number", "account", "all")))),
    "stop_during_tick": (1, (numbers, plans)),
    "tick": (2, (st.booleans(),)),
    "deposed": (1, ()),
    "web": (1, (st.booleans(),)),
    "heal": (3, ()),
    "opt_out": (3, (numbers, st.booleans(), st.sampled_from((None, None, 0, 1, 2)), lasts)),
    "consent": (1, (numbers, st.booleans())),
    "undo": (1, (picks, st.booleans())),
    "push": (3, (campaigns, st.lists(numbers, min_size=1, max_size=2, unique=True), zones, ahead)),
    "import_list": (1, (accounts, st.lists(st.tuples(numbers, zones), min_size=1, max_size=4))),
    "decide": (2, (campaigns, st.sampled_from(("pause", "pause", "resume", "resume", "stop")))),
    "account": (1, (accounts, st.sampled_from(("pause", "resume")))),
    "switch": (1, (st.booleans(),)),
    "call": (4, (picks, st.sampled_from(FATES))),
    "press": (2, (picks, st.sampled_from(("9", "1")))),
    "stop_caller": (3, (picks,)),
    "letter": (5, (picks, st.sampled_from(("once", "twice", "stored", "lost", "kept")))),
    "letters": (1, ()),
    "forge": (1, (picks, picks, st.sampled_from((EventKind.RINGING, EventKind.ENDED)))),
    "sweep": (2, (st.sampled_from((True, True, False)),)),
    "look_up": (2, (st.sampled_from((True, True, False)),)),
    "lose_recalls": (1, ()),
    "wait": (3, (waits,)),
    "step_clock": (1, (st.sampled_from(STEPS), st.booleans())),
}


def _given(name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *ACTS[name][1])


acts = st.sampled_from([name for name, (often, _) in ACTS.items() for _ in range(often)]).flatmap(
    _given
)


class Machine(RuleBasedStateMachine):
    """Three campaigns on two accounts, a dozen numbers, and no mercy."""

    make_world: ClassVar[Callable[[], World]]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.steps = 0
        self.whole = False  # after an act that failed there is nothing to be brought to rest

    @initialize(lag=st.sampled_from((0.0, 30.0, 300.0)))
    def set_up(self, lag: float) -> None:
        world = self.world
        world.exchange.listing_lag = lag
        first = world.account(cps=5.0, max_concurrent=4, max_waiting=3)
        second = world.account(cps=2.0)
        office = world.campaign(first, "mon-fri 09:00-17:00", (OFFICE,))
        always = world.campaign(
            second,
            waits={"busy": 60, "no_answer": 120, "failed": 30, "answered_machine": 90},
            machine_counts=False,
            max_attempts=2,
        )
        house = world.campaign(
            first,
            hours=(ALWAYS, HOUSE),
            rule_set="house",
            kind="reminder",
            reminder={"offset": 7200, "deadline": 600},
        )
        self.campaigns = (office, always, house)
        self.accounts = (first, second)
        now = world.clock.now()
        world.consent(NUMBERS[2:])  # the others are never called by the house's rules
        world.push_all(office, [([n], ZONES[i % 5], None) for i, n in enumerate(NUMBERS[:10])])
        world.push_all(always, [([n], ZONES[i % 5], None) for i, n in enumerate(NUMBERS[6:20])])
        world.push_all(
            house,
            [
                ([number, NUMBERS[n]], NEW_YORK, now + timedelta(minutes=20 * (n + 1)))
                for n, number in enumerate(NUMBERS[4:9])
            ],
        )
        for campaign in self.campaigns:
            world.decide(campaign, "start")
        self.whole = True

    @rule(act=acts)
    def then(self, act: tuple[Any, ...]) -> None:
        name, *given = act
        self.seen[name] += 1
        self.whole = False
        getattr(self, f"_{name}")(*given)
        self.whole = True

    # The machinery at work.

    def _moment(self, answers: tuple[str, ...], fates: list[str], mail: str) -> None:
        """An ordinary moment: slots, calls, and what becomes of the calls there are."""
        self.world.work(answers)
        for call, fate in zip(self.world.exchange.live(), fates, strict=False):
            self.world.happens(call, fate)
        if mail == "backwards":
            self.world.exchange.mail.reverse()
        if mail != "none":
            self.world.deliver_all()

    def _hour(self, answers: tuple[str, ...], seconds: float) -> None:
        """Time passes as it does while everything runs."""
        self.world.work(answers)
        self.world.sweep()
        self.world.recall()
        self.world.look_up()
        self.world.wait(seconds)

    def _hint(self, pick: int, answers: tuple[str, ...], dies: str | None, keep: bool) -> None:
        """A hint arrives: late, out of order, and perhaps once more later."""
        hints = self.world.hints
        if not hints:
            self.world.tick()
        if hints:
            place = pick % len(hints)
            batch = hints[place] if keep else hints.pop(place)
            self.world.dial(batch, answers, dies)

    def _stop_before_post(self, answers: tuple[str, ...], number: str, what: str) -> None:
        """Somebody stops calls after the claim was committed and before the request is written."""
        world = self.world

        def stop() -> None:
            if what == "number":
                world.opt_out(number)
            elif what == "account":
                world.account_action(self.accounts[0], "pause")
            else:
                world.switch(on=False)

        world.between = stop
        world.work(answers)
        world.between = lambda: None

    def _stop_during_tick(self, number: str, answers: tuple[str, ...]) -> None:
        """Somebody says stop whom a tick has just read and not yet committed."""
        self.world.tick(meanwhile=lambda: self.world.opt_out(number))
        for batch in self.world.hints[:]:
            self.world.dial(batch, answers)

    def _tick(self, dies: bool) -> None:
        self.world.tick(dies=dies)

    def _deposed(self) -> None:
        self.world.deposed_tick()

    def _web(self, alive: bool) -> None:
        self.world.web(alive=alive)

    # People.

    def _push(self, where: int, given: list[str], zone: str | None, ahead: float) -> None:
        at = self.world.clock.now() + timedelta(seconds=ahead)
        self.world.push(self.campaigns[where], given, zone, at if where == 2 else None)

    def _import_list(self, where: int, lines: list[tuple[str, str | None]]) -> None:
        self.world.import_list(self.campaigns[where], lines)

    def _opt_out(self, number: str, prefix: bool, where: int | None, lasts: float | None) -> None:
        said = number[:-1] if prefix else number
        campaign = None if where is None else self.campaigns[where]
        self.world.opt_out(said, prefix=prefix, campaign=campaign, lasts=lasts)

    def _consent(self, number: str, given: bool) -> None:
        if given:
            self.world.consent([number])
        else:
            self.world.revoke_consent(number)

    def _undo(self, pick: int, put_back: bool) -> None:
        self.world.undo_opt_out(pick, put_back=put_back)

    def _decide(self, where: int, verb: str) -> None:
        self.world.decide(self.campaigns[where], verb)

    def _account(self, which: int, verb: str) -> None:
        self.world.account_action(self.accounts[which], verb)

    def _switch(self, on: bool) -> None:
        self.world.switch(on=on)

    def _heal(self) -> None:
        self.world.heal()

    # Calls, and what is told of them.

    def _call(self, pick: int, fate: str) -> None:
        live = self.world.exchange.live()
        if live:
            self.world.happens(live[pick % len(live)], fate)

    def _press(self, pick: int, digit: str) -> None:
        """Somebody picks up, hears the document of their call, and presses a key."""
        live = self.world.exchange.live()
        if not live:
            return
        call = live[pick % len(live)]
        if self.world.campaign_of(call) != self.campaigns[2]:
            digit = "9"  # nothing else means anything in an announcement
        self.world.happens(call, "human")
        if self.world.hear(call):
            self.world.press(call, digit)
            self.seen[f"pressed {digit}"] += 1

    def _stop_caller(self, pick: int) -> None:
        """Somebody says stop whose call is on its way at this moment."""
        held = self.world.rows("SELECT number FROM attempt_numbers WHERE live ORDER BY attempt_id")
        if held:
            self.world.opt_out(held[pick % len(held)].number)

    def _letter(self, pick: int, how: str) -> None:
        """Events come in any order, twice, never, or long after they came before."""
        mail = self.world.exchange.mail
        if not mail:
            return
        place = pick % len(mail)
        one = mail[place] if how == "kept" else mail.pop(place)
        if how == "lost":
            self.world.tell(f"the event {one.event.kind} of attempt {one.attempt} is lost")
        else:
            self.world.deliver(one, how)
        self.seen[f"letters {how}"] += 1

    def _letters(self) -> None:
        self.world.deliver_all()

    def _forge(self, pick: int, other: int, kind: EventKind) -> None:
        """Another call's id, or nobody's, is told about an attempt whose call is known."""
        known = self.world.rows(
            "SELECT id FROM attempts WHERE provider_call_id IS NOT NULL ORDER BY id"
        )
        calls = ["call-of-nobody", *self.world.exchange.calls]
        if not known:
            return
        attempt, call_id = known[pick % len(known)].id, calls[other % len(calls)]
        if self.world.exchange.is_call_of(call_id, attempt):
            return
        event = CallEvent(kind, f"forged {self.steps}", call_id, disposition=Disposition.BUSY)
        self.world.forge(attempt, event)
        self.seen["forged"] += 1

    # Sweepers and time.

    def _sweep(self, reachable: bool) -> None:
        self.world.exchange.reachable = reachable
        self.world.sweep()
        self.world.recall()
        self.world.exchange.reachable = True

    def _look_up(self, reachable: bool) -> None:
        self.world.exchange.reachable = reachable
        self.world.look_up()
        self.world.exchange.reachable = True

    def _lose_recalls(self) -> None:
        self.world.wanted_back.clear()

    def _wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    def _step_clock(self, seconds: float, measured: bool) -> None:
        self.world.step_clock(seconds, measured=measured)

    # The judge.

    @invariant()
    def promises_are_kept(self) -> None:
        whole, self.whole = self.whole, False
        self.steps += 1
        self.seen["steps"] += 1
        self.world.check()
        if self.steps % 10 == 0:
            self.world.check_counters()
        self.whole = whole

    def teardown(self) -> None:
        world = self.world
        self.seen["dials"] += len(world.exchange.posts)
        self.seen["answers"] += world.answered
        self.seen["deaths"] += world.deaths
        self.seen["events"] += world.applied
        self.seen["stories"] += 1
        ((stopped,),) = world.rows(
            "SELECT count(*) FROM attempts "
            "WHERE cancel_reason = 'opted_out' OR recall_reason = 'opted_out'"
        )
        self.seen["opt-outs in time"] += stopped
        if self.whole:
            world.come_to_rest()
