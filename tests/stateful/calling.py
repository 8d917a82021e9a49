"""What happens to calls, what we are told of it and when; what sweepers find; time."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from campaigns import callbacks, campaigning, guarding, recalling, sweeping
from campaigns.calls import AnsweredBy, CallEvent
from campaigns.db import database_now
from campaigns.flows import swml
from campaigns.lifecycle import Disposition
from campaigns.links import AudioLinks, Links
from campaigns.recording import apply_event
from campaigns.store.events import store_event
from campaigns.sweeping import SweepRules
from campaigns.vault import Vault
from tests.factories import SECRET
from tests.stateful.exchange import Call, Letter
from tests.stateful.moved_clock import MovedClock
from tests.stateful.promises import (
    Broken,
)
from tests.stateful.working import Working

VAULT = Vault(SECRET)


class Calling(Working):
    """An installation with a telephone network around it."""

    def __init__(self, engine: Engine, moved: MovedClock, directory: Path) -> None:
        super().__init__(engine, moved, directory)
        self.exchange.overtaking = self._overtake
        self.sweep_rules = SweepRules(quarantine=900.0)
        self.applied = 0

    def _overtake(self, call: Call) -> None:
        """What happens to a call is told before the request for it is answered."""
        self.exchange.ring(call)
        self.deliver_all()

    # What happens to calls.

    def happens(self, call: Call, fate: str) -> None:
        """Something happens at the carrier; we are not told yet."""
        if fate == "ring":
            self.exchange.ring(call)
        elif fate in ("human", "machine"):
            self.exchange.answer(call, AnsweredBy(fate))
        elif fate != "nothing":
            self.exchange.end(call, Disposition(fate))
        self.tell(f"{call.id} to {call.to} (attempt {call.attempt}): {fate}")

    def campaign_of(self, call: Call) -> int:
        return self.promises.people[self.promises.person_of[call.attempt]].campaign

    # Events.

    def deliver(self, letter: Letter, how: str = "once") -> None:
        """`once`, `twice`, or `stored`: the process died before it was applied."""
        for _ in range(2 if how == "twice" else 1):
            stored = self.run(store_event, letter.attempt, letter.event, "raw", "webhook")
            if stored is None or how == "stored":
                continue
            self.applied += 1
            self.wanted_back += self.run(apply_event, *stored).recall
        self.tell(f"event {letter.event.kind} of attempt {letter.attempt}, {how}")

    def deliver_all(self) -> None:
        while self.exchange.mail:
            self.deliver(self.exchange.mail.pop(0))

    def forge(self, attempt: int, event: CallEvent) -> None:
        """Somebody else's call is told under this attempt's address."""
        self.deliver(Letter(attempt, event))

    def hear(self, call: Call) -> bool:
        """Whether whoever picked up is talked to: never somebody who said stop."""
        talk = self.run(callbacks.conversation, call.attempt)
        links = Links("https://public.example", "fake", str(call.attempt))
        said = callbacks.opening_document(talk, links, AudioLinks("https://public.example", VAULT))
        talked_to = said != swml.render_no_longer_valid()
        if talked_to and self.promises.opted_out(
            [call.to], self.campaign_of(call), self.clock.now()
        ):
            raise Broken("opt-out wins", f"{call.to} is talked to in {call.id}")
        return talked_to

    def press(self, call: Call, digit: str) -> None:
        """A key, on a call that somebody has answered; then the document of the reply."""
        talk = self.run(callbacks.conversation, call.attempt)
        done = self.run(
            lambda s: callbacks.record_key(s, call.attempt, talk, digit, database_now(s))
        )
        call.keys += digit
        call.answered_by = AnsweredBy.HUMAN
        self.wanted_back += done.recall
        if digit == "9":
            now = self.clock.now()
            self.promises.opt_out(call.to, now, prefix=False, campaign=None, until=None)
        self.tell(f"{call.to} presses {digit} in {call.id}")

    # Sweepers.

    def sweep(self) -> None:
        """What the scheduler does twice a second beside its ticks."""
        self.wanted_back += sweeping.apply_leftover_events(self.engine)
        self.wanted_back += sweeping.recalls_due(self.engine)
        self.wanted_back += guarding.watch(self.engine)
        sweeping.expire_deadlines(self.engine)
        self.run(lambda s: campaigning.start_scheduled_campaigns(s, database_now(s)))
        self.wanted_back += self.run(lambda s: campaigning.stop_ended_campaigns(s, database_now(s)))
        self.run(lambda s: campaigning.complete_drained_campaigns(s, database_now(s)))
        self.tell("sweep")

    def look_up(self) -> None:
        silent = sweeping.look_up_silent_attempts(
            self.engine, self.exchange.carrier, self.sweep_rules
        )
        self.tell(f"look up {silent} silent attempts")

    def recall(self) -> None:
        """The hint to take calls back arrives."""
        ids, self.wanted_back[:] = list(self.wanted_back), []
        results = recalling.recall(self.engine, ids, self.exchange.carrier)
        if results:
            self.tell(f"recall {results}")

    # Time.

    def wait(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.exchange.pass_time()
        self.worker_clock.measure()
        self.tell(f"{seconds:g} s pass")

    def step_clock(self, seconds: float, *, measured: bool = True) -> None:
        """The database's clock jumps; workers measure it again within a second."""
        self.clock.step(seconds)
        self.promises.stepped += timedelta(seconds=abs(seconds))
        if measured:
            self.worker_clock.measure()
        self.tell(f"the clock jumps by {seconds:g} s")
