"""What a worker process has one of: engine, clock, dialer, heartbeat. Made on first use.

Never made on import: a prefork worker forks after importing, and a database connection must not
be shared across a fork.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns import importing, recalling, recurring
from campaigns.config import Settings, settings
from campaigns.db import engine_for, transaction
from campaigns.dialing import DatabaseClock, Dialer, DialRules
from campaigns.links import public_url_of
from campaigns.provisioning import Carriers
from campaigns.store import dispatch
from campaigns.vault import vault

log = logging.getLogger(__name__)
BEAT_SECONDS = 1.0


class DialProcess:
    """One dial worker process."""

    def __init__(self, config: Settings) -> None:
        self.name = f"dial:{socket.gethostname()}:{os.getpid()}"
        self.engine: Engine = engine_for(
            str(config.database_url), pool_size=20, application_name="outdial-dial"
        )
        self.clock = DatabaseClock(self.engine)
        self.carriers = Carriers(self.engine, vault(), public_url_of(config))
        rules = DialRules(
            worker=self.name,
            live_allowed=config.live_dialling,
            freshness=config.claim_freshness,
            threads=config.dial_threads,
        )
        self.dialer = Dialer(self.engine, self.clock, rules, self.carriers.of, self._recall)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _recall(self, attempt_ids: Sequence[int]) -> None:
        if attempt_ids:
            recalling.recall(self.engine, attempt_ids, self.carriers.of)

    def _beat(self) -> None:
        while not self._stopped.is_set():
            try:
                self.clock.measure()
                self._sign()
            except SQLAlchemyError as error:
                log.warning("no heartbeat: %s", type(error).__name__)
            self._stopped.wait(BEAT_SECONDS)

    def _sign(self) -> None:
        detail: dict[str, Any] = {"clock_skew_seconds": round(self.clock.skew, 3)}
        with transaction(self.engine) as session:
            dispatch.beat(session, self.name, "dial", ready=self.clock.ready, detail=detail)

    def close(self) -> None:
        """Record the answers that are still out, then leave."""
        self.dialer.close()
        self._stopped.set()
        self._thread.join(timeout=3)
        try:
            with transaction(self.engine) as session:
                dispatch.forget_heartbeat(session, self.name)
        except SQLAlchemyError as error:
            log.warning("the heartbeat could not be taken back: %s", type(error).__name__)
        self.engine.dispose()


class ImportProcess:
    """One forked child of the import worker."""

    def __init__(self, config: Settings) -> None:
        self._engine = engine_for(
            str(config.database_url), pool_size=3, application_name="outdial-import"
        )
        self._data_dir = config.data_dir
        self._reader = recurring.Reader.of(config)

    def run(self, import_id: int) -> None:
        """Run one import that was handed in by the API."""
        with transaction(self._engine) as session:
            stored_at = importing.find(session, import_id).stored_at
        if stored_at is None:
            log.warning("import %d has no stored file; it is run where it was started", import_id)
            return
        path = self._data_dir / stored_at
        summary = importing.run(self._engine, import_id, path)
        log.info("import %d: %s", import_id, summary.sentence)
        # The file itself is kept: undone, the import may be confirmed again with other options.
        importing.forget_files(self._engine, self._data_dir)

    def fire(self, firing_id: int) -> None:
        """Carry out one firing of a recurring campaign: read its list anew, import, start."""
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
