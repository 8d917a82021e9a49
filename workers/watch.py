"""A worker's eye on itself: whether it can do its work, and its end when it does none."""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psutil
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns import migrations
from campaigns.db import transaction
from campaigns.dialing import boot_seconds
from campaigns.hints import broker_problem
from campaigns.liveness import SILENT_SECONDS, consumes_nothing
from campaigns.store import dispatch, signs

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
BEAT_SECONDS = 1.0


class Watch:
    """Looks every few seconds, from a thread of its own, at what this worker depends on.

    A worker that hears nothing of what is sent through its queue is ended with `end`, for whoever
    looks after it to start anew: its connection to the broker is dead, and it does not know.
    """

    def __init__(
        self, engine: Engine, queue: str, broker_url: str, end: Callable[[str], None]
    ) -> None:
        self._engine, self._queue, self._broker_url, self._end = engine, queue, broker_url, end
        self._heard = boot_seconds()
        self._unfit: str | None = "The tables were not looked at yet."
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.problems: tuple[str, ...] = ("It has just started.",)

    def start(self) -> None:
        """Begin to look; at the tables at once, so that no work comes before that.

        To start takes time on a busy machine, and nothing can have come meanwhile.
        """
        self.heard()
        self._tables()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def heard(self, **_: object) -> None:
        """A message came, whatever it said."""
        self._heard = boot_seconds()

    @property
    def silent(self) -> float:
        """Seconds since the last message."""
        return boot_seconds() - self._heard

    @property
    def fit(self) -> bool:
        """Whether this code can work on the tables, as they were when they were last looked at."""
        return not self._unfit

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Look once."""
        found = [self._tables(), broker_problem(self._broker_url)]
        self.problems = tuple(problem for problem in found if problem)
        if not self.problems and self._deaf():
            told = f"It took nothing from its queue for {SILENT_SECONDS:.0f} s, though pings came."
            self.problems = (told,)
            log.error("this process ends itself: %s", told)
            self._end(told)

    def _tables(self) -> str | None:
        try:
            with self._engine.connect() as connection:
                self._unfit = migrations.schema_problem(connection)
        except SQLAlchemyError as error:
            return f"The database does not answer ({type(error).__name__})."
        return self._unfit

    def _deaf(self) -> bool:
        try:
            with transaction(self._engine) as session:
                pings = signs.pings_through(session, self._queue)
        except SQLAlchemyError:
            return False
        return consumes_nothing(pings, self.silent)


class Beat:
    """Writes this process's sign of life every second, and whether it is ready, and why not."""

    def __init__(
        self, engine: Engine, name: str, kind: str, detail: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._engine, self._name, self._kind, self._detail = engine, name, kind, detail
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the sign of life back."""
        self._stopped.set()
        if self._thread.ident is None:
            return  # told to end before it had begun
        self._thread.join(timeout=3)
        try:
            with transaction(self._engine) as session:
                dispatch.forget_heartbeat(session, self._name)
        except SQLAlchemyError as error:
            log.warning("the heartbeat could not be taken back: %s", type(error).__name__)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                detail = self._detail()
                with transaction(self._engine) as session:
                    ready = not detail["problems"]
                    dispatch.beat(session, self._name, self._kind, ready=ready, detail=detail)
            except SQLAlchemyError as error:
                log.warning("no heartbeat: %s", type(error).__name__)
            self._stopped.wait(BEAT_SECONDS)


def end_within(seconds: float, what: str, *, children: bool = False) -> None:
    """Let this process be gone by then, whatever it waits for; call it when it is told to end."""

    def end() -> None:
        log.error("%s did not end within %.0f s; what it was at is found by others", what, seconds)
        if children:
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    child.kill()
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
