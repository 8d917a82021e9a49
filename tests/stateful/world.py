"""The whole installation in one process and one thread: real use cases on a real database.

Time moves when it is told to, workers die where they are told to, and the carrier answers as it is
told to. After every act the model judges; what happened so far is kept as a story for people.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from campaigns import recording
from campaigns.dialing import dialer
from campaigns.lifecycle import Disposition
from campaigns.store import attempts
from tests.stateful.calling import Calling
from tests.stateful.promises import (
    Broken,
)

ATTEMPTS = """
    SELECT id, recipient_id, campaign_id, number, status, disposition, cancel_reason, spent,
           incident, recall_requested_at, provider_call_id FROM attempts ORDER BY id
"""
PEOPLE = """
    SELECT id, campaign_id, status, reason, next_attempt_at, numbers, attempts_spent
    FROM recipients ORDER BY id
"""
# What the rows are, and what the counters say that they are.
COUNTED = """
    SELECT campaign_id, key, sum(n) FROM (
        SELECT campaign_id, key[1] AS key, n FROM campaign_tallies WHERE tally = %(tally)s
        UNION ALL SELECT campaign_id, key[1], n FROM tally_deltas WHERE tally = %(tally)s
    ) counted GROUP BY 1, 2 HAVING sum(n) <> 0
    EXCEPT SELECT campaign_id, status, count(*) FROM {table} GROUP BY 1, 2
"""


class World(Calling):
    """One installation, from its first account to the end of its last call."""

    # The judge.

    def check(self) -> None:
        self.promises.look(
            self.rows(ATTEMPTS),
            self.rows(PEOPLE),
            self.rows("SELECT id, status, paused_itself FROM campaigns ORDER BY id"),
        )

    def check_counters(self) -> None:
        """Whatever a report adds up is what its rows are."""
        for table in ("recipients", "attempts"):
            wrong = self.rows(COUNTED.format(table=table), tally=table)
            if wrong:
                raise Broken("counters", f"{table}: {wrong} is not what the rows are")

    def come_to_rest(self, rounds: int = 100) -> None:
        """Everything works again; whoever can be called is called, and every call ends."""
        self.tell("everything works again")
        self.exchange.reachable, self.exchange.listing_lag = True, 0.0
        for _ in range(rounds):
            self._round()
            if self._at_rest():
                break
        self.check()
        self.check_counters()
        opted_out = {row.number for row in self.rows("SELECT number FROM opt_outs")}
        self.promises.settle(self.rows(ATTEMPTS), self.rows(PEOPLE), opted_out)

    def _round(self) -> None:
        """Slots while there are any, then the end of every call; then time until the next."""
        self.heal()
        given = 0
        for _ in range(8):
            slots = self.work()
            given += slots
            if not slots:
                break
            for call in self.exchange.live():
                self.exchange.end(call, Disposition.REJECTED)
        self.deliver_all()
        self.sweep()
        self.recall()
        self.look_up()
        ((live,),) = self.rows(
            "SELECT count(*) FROM attempts WHERE status IN ('dialing', 'ringing', 'in_progress')"
        )
        # The product may know more reasons to wait than the model: it never stands still.
        least = 1.0 if given else 900.0
        self.wait(65.0 if live else max(least, self._until_somebody_may_be_called()))

    def _until_somebody_may_be_called(self) -> float:
        """Seconds until the first of those who wait is due, and may legally be called."""
        waiting = self.rows(
            "SELECT r.id, r.numbers[r.number_index + 1] AS number, r.next_attempt_at "
            "FROM recipients r JOIN campaigns c ON c.id = r.campaign_id "
            "WHERE r.status = 'pending' AND c.status = 'running'"
        )
        now = self.clock.now()
        first = min(
            (
                self.promises.next_legal(row.id, row.number, max(row.next_attempt_at, now))
                for row in waiting
            ),
            default=now + timedelta(minutes=15),
        )
        return (first - now).total_seconds()

    def _at_rest(self) -> bool:
        ((open_,),) = self.rows(
            "SELECT (SELECT count(*) FROM attempts WHERE status IN "
            "('queued', 'dialing', 'ringing', 'in_progress')) + "
            "(SELECT count(*) FROM recipients r JOIN campaigns c ON c.id = r.campaign_id "
            "WHERE r.status IN ('pending', 'in_flight') AND c.status = 'running')"
        )
        return not open_ and not self.exchange.mail


@contextmanager
def watched(world: World) -> Iterator[World]:
    """The model sees every claim and every recorded answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempts, "claim_attempts", world.watched_claim(attempts.claim_attempts))
        patch.setattr(dialer, "record_answer", world.watched_record(recording.record_answer))
        patch.setattr(dialer, "crash_point", world.crash_point)
        yield world
