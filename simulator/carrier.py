"""The whole carrier: its parts put together, and the calls it carries."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from simulator.auth import BasicAuth, Signer
from simulator.books import Books, CallRow
from simulator.callbacks import Callbacks
from simulator.calls import Call, DialRequest, new_call_id
from simulator.clock import Clock, Instant
from simulator.documents import Documents
from simulator.engine import Engine
from simulator.faults import Faults
from simulator.journal import Journal
from simulator.knobs import Knobs
from simulator.pacer import Pacer
from simulator.personas import Persona, choose
from simulator.swml.interpreter import Exchange
from simulator.wire import Wire

BURST_CHECK = 0.1  # seconds between looks whether gathered callbacks are due


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line sets and nothing changes later."""

    project: str
    token: str
    signing_key: str
    time_scale: float
    seed: int
    log: Path | None
    knobs: Knobs


class Carrier:
    """Create it inside the running loop; `stop` leaves nothing behind."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.auth = BasicAuth(options.project, options.token)
        self.faults = Faults(options.knobs, options.seed)
        self.journal = Journal(options.log)
        self.books = Books(self.journal)
        self.stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wire = Wire()
        signer = Signer(options.signing_key)
        self.callbacks = Callbacks(self._wire, signer, self.faults, self.spawn)
        exchange = Exchange(
            Clock(options.time_scale),
            self._wire,
            Documents(self._wire, signer),
            self.callbacks,
            self.faults,
            self.spawn,
        )
        self.engine = Engine(exchange, self.books)
        self.pacer = Pacer(self.faults, self.engine.begin)
        self._forget()
        self._keepers = [
            asyncio.create_task(self.journal.keep_flushing()),
            asyncio.create_task(self._release_bursts()),
        ]

    def persona_for(self, number: str) -> Persona:
        """Who would take a call to this number now."""
        overrides = self.faults.knobs.overrides
        return choose(number, number not in self._dials_to, overrides)

    def accept(self, request: DialRequest, row: CallRow, arrived: Instant) -> Call:
        """Take a call and put it into the queue."""
        persona = self.persona_for(request.to_number)
        nth = self._dials_to[request.to_number] = self._dials_to.get(request.to_number, 0) + 1
        call = Call(
            id=new_call_id(self._ids),
            request=request,
            persona=persona,
            row=row,
            accepted=arrived,
            # Seeded by number and count, so that the order of arrival changes nothing.
            rng=Random(f"{self.options.seed}:{request.to_number}:{nth}"),
            project=self.options.project,
        )
        row.persona = persona.name
        self.calls[call.id] = call
        self.engine.enqueue(call)
        self.pacer.submit(call)
        return call

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the calls, until it ends or the carrier stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reset(self) -> None:
        """Forget every call, row, fault and turned knob. Live calls vanish without a callback."""
        for task in self._running():
            task.cancel()
        self.pacer.reset()
        self.callbacks.reset()
        self.faults.reset()
        self.books.reset()
        self._forget()

    async def stop(self) -> None:
        self.stopping.set()
        tasks = [*self._running(), *self._keepers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._wire.close()
        self.journal.close()

    def _running(self) -> list[asyncio.Task[Any]]:
        calls = [call.task for call in self.calls.values() if call.task is not None]
        return [*calls, *self._tasks]

    def _forget(self) -> None:
        self.calls: dict[str, Call] = {}
        self._dials_to: dict[str, int] = {}
        # Never the same id twice, in this run or after a restart: what a call does may be repeated
        # with a seed, but who it is must not be.
        self._ids = SystemRandom()

    async def _release_bursts(self) -> None:
        released = Instant.now().ticks
        while True:
            await asyncio.sleep(BURST_CHECK)
            now = Instant.now().ticks
            if now - released >= self.faults.knobs.burst:
                self.callbacks.release()
                released = now
