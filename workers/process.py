"""What a worker process has one of: engine, clock, dialer, heartbeat. Made on first use.

Never made on import: a prefork worker forks after importing, and a database connection must not
be shared across a fork.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine

from campaigns import importing, recalling, recurring
from campaigns.config import Settings, settings
from campaigns.db import engine_for, transaction
from campaigns.dialing import DatabaseClock, Dialer, DialRules
from campaigns.links import public_url_of
from campaigns.providers.http import shared_client
from campaigns.provisioning import Carriers
from campaigns.vault import vault
from workers.broker import broker_of
from workers.watch import Beat, Watch, end_within

log = logging.getLogger(__name__)
# Told to end, a dial worker is gone by then: a provider may take ten seconds for its answer, and
# longer to write it out. Whoever looks after the process should give it a little more.
LEAVE_SECONDS = 35.0


class DialProcess:
    """One dial worker process. Made before it can be told to end: what is told so in the middle of
    this would make it once more in a signal handler, and wait there for itself."""

    def __init__(self, config: Settings) -> None:
        self.name = f"dial:{socket.gethostname()}:{os.getpid()}"
        self.engine: Engine = engine_for(
            str(config.database_url), pool_size=20, application_name="outdial-dial"
        )
        self.clock = DatabaseClock(self.engine)
        self.carriers = Carriers(self.engine, vault(), public_url_of(config))
        # Now, not with the first call: to read whom to trust takes longer than a claim is fresh.
        shared_client(config)
        rules = DialRules(
            worker=self.name,
            live_allowed=config.live_dialling,
            freshness=config.claim_freshness,
            threads=config.dial_threads,
        )
        self.dialer = Dialer(self.engine, self.clock, rules, self.carriers.of, self._recall)
        self.watch = Watch(self.engine, "dial", broker_of(config), self._end)
        self._beat = Beat(self.engine, self.name, "dial", self._detail)
        self._left = False

    def begin(self) -> None:
        """Look after itself and give signs of life: it takes what there is from now on."""
        self.watch.start()
        self._beat.start()

    def run_batch(self, attempt_ids: Sequence[int]) -> None:
        """Dial what a hint names, unless the tables are not those that this code knows."""
        if not self.watch.fit:
            log.warning("not ready: %s", "; ".join(self.watch.problems))
            return
        self.dialer.run_batch(attempt_ids)

    def _recall(self, attempt_ids: Sequence[int]) -> None:
        if attempt_ids:
            recalling.recall(self.engine, attempt_ids, self.carriers.of)

    def _detail(self) -> dict[str, Any]:
        self.clock.measure()
        problems = [*self.watch.problems]
        if not self.clock.ready:
            problems.append(f"Its clock is {self.clock.skew:.1f} s off the database's.")
        if self._left:
            problems.append("It is about to end.")
        return {
            "clock_skew_seconds": round(self.clock.skew, 3),
            "silent_seconds": round(self.watch.silent, 1),
            "problems": problems,
        }

    def leave(self) -> None:
        """Take nothing more and let go of what is held; in a signal handler, so nothing waits."""
        self._left = True
        self.dialer.leave()

    def _end(self, _why: str) -> None:
        """Whoever looks after this process starts it anew. Answers that are out are waited for."""
        end_within(LEAVE_SECONDS, "the dial worker")
        self.close()
        logging.shutdown()
        os._exit(1)

    def close(self) -> None:
        """Record the answers that are still out, then leave."""
        self.watch.stop()
        self.dialer.close()
        self._beat.stop()
        self.engine.dispose()


class ImportProcess:
    """One forked child of the import worker."""

    def __init__(self, config: Settings) -> None:
        self._engine = engine_for(
            str(config.database_url), pool_size=3, application_name="outdial-import"
        )
        self._data_dir = config.data_dir
        self._reader = recurring.Reader.of(config)
        self._broker_url = broker_of(config)
        self._watch: Watch | None = None
        self._beat: Beat | None = None
        self._busy = 0

    def begin(self, worker: int, end: Callable[[str], None]) -> Watch:
        """Give signs of life for the worker process whose child this is."""
        self._watch = watch = Watch(self._engine, "imports", self._broker_url, end)
        name = f"imports:{socket.gethostname()}:{worker}"
        self._beat = Beat(self._engine, name, "imports", lambda: self._detail(watch, worker))
        watch.start()
        self._beat.start()
        return watch

    def _detail(self, watch: Watch, worker: int) -> dict[str, Any]:
        if os.getppid() != worker:
            os._exit(1)  # nobody is there to hand it anything
        if self._busy:
            watch.heard()  # what is being done counts as heard: nothing else can come meanwhile
        return {"silent_seconds": round(watch.silent, 1), "problems": [*watch.problems]}

    def close(self) -> None:
        """Take the signs of life back."""
        if self._watch is not None:
            self._watch.stop()
        if self._beat is not None:
            self._beat.stop()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def run(self, import_id: int) -> None:
        """Run one import that was handed in by the API."""
        with transaction(self._engine) as session:
            stored_at = importing.find(session, import_id).stored_at
        if stored_at is None:
            log.warning("import %d has no stored file; it is run where it was started", import_id)
            return
        path = self._data_dir / stored_at
        with self._at_work():
            summary = importing.run(self._engine, import_id, path)
        log.info("import %d: %s", import_id, summary.sentence)
        # The file itself is kept: undone, the import may be confirmed again with other options.
        importing.forget_files(self._engine, self._data_dir)

    def fire(self, firing_id: int) -> None:
        """Carry out one firing of a recurring campaign: read its list anew, import, start."""
        with self._at_work():
            status = recurring.run_firing(self._engine, firing_id, self._reader, self._data_dir)
        log.info("firing %d: %s", firing_id, status or "not ours to try")


@lru_cache(maxsize=1)
def dial_process() -> DialProcess:
    """This process's dialer."""
    return DialProcess(settings())


@lru_cache(maxsize=1)
def import_process() -> ImportProcess:
    """This process's importer."""
    return ImportProcess(settings())
