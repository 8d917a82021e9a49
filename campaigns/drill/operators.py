"""The people and programs around a drill: they push recipients, opt out, pause and stop.

Everything they do goes over the REST API through the same door as the carrier, so that an answer
is a promise. What fails is asked again or given up; a promise is only what was answered.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaigns.access import Role
from campaigns.api_keys import create_key
from campaigns.db import database_now, transaction
from campaigns.drill.faults import Fault
from campaigns.drill.messages import Messages
from campaigns.drill.stage import Stage
from campaigns.drill.world import World
from campaigns.stopping import opt_out_numbers
from campaigns.store.gate import GATE_LOCK, close_gate

# People who wait for their call in each campaign: enough that it is never idle, few enough that
# everybody is served soon after the last fault.
WAITING = 25
PUSHED = 15
FEED_SECONDS = 0.7
# What people and programs do at the worst instants, by name: the group, and the rest it needs.
DEEDS = {
    "opt_out_of_a_queued_call": 0.0,
    "opt_out_of_a_claimed_call": 0.0,
    "opt_out_of_a_ringing_call": 0.0,
    "opt_out_while_claims_wait": 1.5,
    "pause": 0.0,
    "pause_by_hand": 1.5,
    "pause_of_an_account": 1.5,
    "stop": 0.0,
    "switch_off": 2.0,
}
_TARGETS = {
    "queued": "status = 'queued' AND slot_at < clock_timestamp() + interval '0.4 s'",
    "dialing": "status = 'dialing'",
    "ringing": "status = 'ringing'",
}
# One that is queued, and those whom the next ticks will come to.
_NEXT_TO_BE_CALLED = """
    (SELECT number FROM attempts WHERE status = 'queued' ORDER BY slot_at LIMIT 1)
    UNION
    (SELECT numbers[number_index + 1] FROM recipients
     WHERE status = 'pending' AND next_attempt_at < clock_timestamp() + interval '0.5 s'
       AND zone = ANY (:open)
     ORDER BY next_attempt_at LIMIT 6)
"""
_NUMBERS_OF = """
    SELECT numbers[number_index + 1] FROM recipients
    WHERE id = ANY (:ids) AND status IN ('pending', 'in_flight')
"""
# How long an opt-out waits at most for a claim to wait for it: a tick comes four times a second and
# gives slots some 0.7 s ahead.
GATE_HELD_SECONDS = 2.0
GATE_LOOK_SECONDS = 0.003
# Somebody's slot has come, and a claim stands before the gate.
_A_CLAIM_WAITS = f"""
    SELECT EXISTS (SELECT FROM attempts WHERE recipient_id = ANY (:ids)
                    AND status = 'queued' AND slot_at <= clock_timestamp())
       AND EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                    AND classid = 0 AND objid = {GATE_LOCK} AND mode = 'ShareLock')
"""
# People and programs that ask at the same time, and how long one insists on what undoes a pause.
THREADS = 8
UNDONE_SECONDS = 60.0
# How long somebody who wants to opt out of a call waits for one to be in the right state.
SOMEBODY_SECONDS = 0.5


class Operators:
    """One key, a few threads, and a count of what was answered."""

    def __init__(self, stage: Stage, world: World) -> None:
        self._stage, self._world = stage, world
        with transaction(stage.engine) as session:
            key = create_key(session, "drill", role=Role.ADMIN).token
        self._api = httpx.Client(
            base_url=f"{stage.public_url}/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=8,
        )
        self.key = key
        self.answered: Counter[str] = Counter()
        self.created = 0
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="operator")
        self.messages = Messages(stage, world, self._pool, self.insist, self.answered)
        self._resting = threading.Event()
        self._feeder = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._flash = 0

    def start(self) -> None:
        """Begin to feed the campaigns."""
        self._feeder.start()

    def rest(self) -> None:
        """Feed nobody any more, and finish what is being asked."""
        self._resting.set()
        self._feeder.join(20)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Drop the connections."""
        self._resting.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.messages.close()
        self._api.close()

    # Asking.

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response | None:
        """One request; None when nobody answered, or answered that it could not."""
        try:
            answer = self._api.request(method, path, **how)
        except httpx.HTTPError:
            return None
        return answer if answer.status_code < 500 else None

    def insist(self, method: str, path: str, seconds: float = 30, **how: Any) -> httpx.Response:
        """The same until it is answered."""
        deadline = time.monotonic() + seconds
        while (answer := self.ask(method, path, **how)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path} was not answered for {seconds:g} s")
            time.sleep(0.3)
        return answer

    def _soon(self, what: str, path: str, json: dict[str, Any]) -> None:
        """Ask on another thread; count it when it was granted."""
        self._submit(lambda: self._count(what, self.ask("POST", path, json=json)))

    def _for_a_while(self, seconds: float, what: str, path: str, undo: str, undo_path: str) -> None:
        """Ask on another thread, and so many seconds later for the opposite until it is granted.

        Neither overtakes the other, and neither is lost with the process that was asked: nobody
        would be called for the rest of the drill.
        """

        def work() -> None:
            self._count(what, self.ask("POST", path, json={"why": "drill"}))
            time.sleep(seconds)
            with suppress(TimeoutError):
                self._count(undo, self.insist("POST", undo_path, UNDONE_SECONDS))

        self._submit(work)

    def _submit(self, work: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # everybody is going home
            self._pool.submit(work)

    def _count(self, what: str, answer: httpx.Response | None) -> None:
        if answer is not None and answer.is_success:
            self.answered[what] += 1

    # Feeding.

    def _feed(self) -> None:
        while not self._resting.wait(FEED_SECONDS):
            with suppress(SQLAlchemyError):
                for campaign_id in (*self._world.dialling, self.flash):
                    if self._resting.is_set():
                        return
                    if self._waiting(campaign_id) < WAITING:
                        self.push(campaign_id, PUSHED)

    def _waiting(self, campaign_id: int) -> int:
        return int(
            self._stage.value(
                "SELECT count(*) FROM recipients WHERE campaign_id = :id AND status = 'pending'"
                " AND next_attempt_at < clock_timestamp() + interval '5 s' AND zone = ANY (:open)",
                id=campaign_id,
                open=self._world.open_zones,
            )
        )

    def push(self, campaign_id: int, count: int) -> list[int]:
        """New people for a campaign; the ids of those that were created for sure."""
        with transaction(self._stage.engine) as session:
            now = database_now(session)
        people = self._world.people(campaign_id, count, now)
        path = f"/campaigns/{campaign_id}/recipients"
        answer = self.ask("POST", path, json={"recipients": people})
        if answer is None or not answer.is_success:
            return []
        rows = answer.json()["rows"]
        found = [row["recipient_id"] for row in rows if row["outcome"] == "created"]
        self.created += len(found)
        return found

    @property
    def flash(self) -> int:
        """The campaign that is stopped next."""
        return self._world.flashes[min(self._flash, len(self._world.flashes) - 1)]

    # What they do at the worst instants.

    def faults(self) -> list[Fault]:
        """What they do, as faults."""
        own = [
            Fault(name, "people", getattr(self, f"_{name}"), rest) for name, rest in DEEDS.items()
        ]
        return own + self.messages.faults()

    def _opt_out_of_a_queued_call(self, stage: Stage) -> str | None:
        return self._opt_out("queued")

    def _opt_out_of_a_claimed_call(self, stage: Stage) -> str | None:
        return self._opt_out("dialing")

    def _opt_out_of_a_ringing_call(self, stage: Stage) -> str | None:
        return self._opt_out("ringing")

    def _opt_out(self, status: str) -> str | None:
        number = self._somebody(status)
        if number is None:
            return None
        self._soon("opt-out", "/opt-outs", {"number": number, "evidence": status})
        return f"while {status}"

    def _somebody(self, status: str) -> str | None:
        """The number of a call in that state, as soon as there is one; None if none comes."""
        until = time.monotonic() + SOMEBODY_SECONDS
        while time.monotonic() < until:
            number: str | None = self._stage.value(
                f"SELECT number FROM attempts WHERE {_TARGETS[status]} ORDER BY random() LIMIT 1"
            )
            if number is not None:
                return number
            time.sleep(0.01)
        return None

    def _opt_out_while_claims_wait(self, stage: Stage) -> str | None:
        """Some opt out in a transaction that takes its time: every claim waits for it.

        One is queued, and is cancelled by it. The others are about to be: the tick gives them slots
        before it is committed, and nobody but the claim can know. Claims of one account wait behind
        the first of them; of the quiet account that is the claim of one who has just opted out. It
        is committed as soon as that claim waits: one that has waited longer is too old to be used,
        whatever it saw.
        """
        soon = {"open": self._world.open_zones}
        if not stage.column(_NEXT_TO_BE_CALLED, **soon):
            return None

        def work() -> None:
            pushed = self.push(self._world.quiet, 1)
            with suppress(SQLAlchemyError):
                numbers = stage.column(_NEXT_TO_BE_CALLED, **soon)
                numbers += stage.column(_NUMBERS_OF, ids=pushed)
                self._opt_out_slowly(stage, numbers, pushed)

        self._submit(work)
        return "some numbers, until a claim waits"

    def _opt_out_slowly(self, stage: Stage, numbers: list[str], pushed: list[int]) -> None:
        with transaction(stage.engine) as session:
            now = database_now(session)
            opt_out_numbers(session, numbers, "cli", "while claims wait", now)
            waited = self._until_a_claim_waits(stage, pushed)
        self.answered["opt-out"] += len(numbers)
        self.answered["opt-out while their claim waited"] += waited

    def _until_a_claim_waits(self, stage: Stage, pushed: list[int]) -> bool:
        """Whether one did, for somebody whom the open transaction has opted out."""
        until = time.monotonic() + GATE_HELD_SECONDS
        with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while time.monotonic() < until:
                if connection.execute(text(_A_CLAIM_WAITS), {"ids": pushed}).scalar():
                    return True
                time.sleep(GATE_LOOK_SECONDS)
        return False

    def _pause(self, stage: Stage) -> str | None:
        campaign_id = stage.rng.choice(self._world.dialling)
        path = f"/campaigns/{campaign_id}"
        self._for_a_while(2.5, "pause", f"{path}/pause", "resume", f"{path}/resume")
        return f"campaign {campaign_id} for 2.5 s"

    def _pause_by_hand(self, stage: Stage) -> str | None:
        """A row is changed in the database, as in a repair: what is queued stays queued."""
        campaign_id = stage.rng.choice(self._world.dialling)
        if not self._set_by_hand(campaign_id, "running", "paused"):
            return None

        stage.later(2, lambda: self._submit(lambda: self._resume_by_hand(campaign_id)))
        return f"campaign {campaign_id} for 2 s"

    def _resume_by_hand(self, campaign_id: int) -> None:
        for _ in range(50):
            with suppress(SQLAlchemyError):
                self._set_by_hand(campaign_id, "paused", "running")
                return
            time.sleep(0.2)

    def _set_by_hand(self, campaign_id: int, before: str, status: str) -> bool:
        with transaction(self._stage.engine) as session:
            close_gate(session)
            changed = session.execute(
                text("UPDATE campaigns SET status = :status WHERE id = :id AND status = :before"),
                {"id": campaign_id, "status": status, "before": before},
            )
            return bool(changed.rowcount)  # type: ignore[attr-defined] # an UPDATE has one

    def _pause_of_an_account(self, stage: Stage) -> str | None:
        path = "/accounts/east"
        self._for_a_while(
            2, "pause of an account", f"{path}/pause", "resume of it", f"{path}/resume"
        )
        return "east for 2 s"

    def _stop(self, stage: Stage) -> str | None:
        if self._flash + 1 >= len(self._world.flashes):
            return None
        stopped = self.flash
        self._flash += 1
        self._soon("stop", f"/campaigns/{stopped}/stop", {"why": "drill"})

        def begin_next(campaign_id: int) -> None:
            def work() -> None:
                with suppress(TimeoutError, SQLAlchemyError):
                    self.push(campaign_id, PUSHED)
                    self.insist("POST", f"/campaigns/{campaign_id}/start", 10)

            self._submit(work)

        begin_next(self.flash)
        return f"campaign {stopped}"

    def _switch_off(self, stage: Stage) -> str | None:
        self._for_a_while(1.5, "switch off", "/switch/off", "switch on", "/switch/on")
        return "for 1.5 s"
