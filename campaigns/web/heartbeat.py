"""The web process's sign of life: without a fresh one no slot is given, so nobody hears silence."""

import logging
import os
import socket
import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns import migrations
from campaigns.db import transaction
from campaigns.store import dispatch

log = logging.getLogger(__name__)
BEAT_SECONDS = 1.0


class WebHeartbeat:
    """Writes a heartbeat every second from its own thread until stopped."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._name = f"web:{socket.gethostname()}:{os.getpid()}"
        self._beaten = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    @property
    def age(self) -> float:
        """Seconds since the last sign of life was written."""
        return time.monotonic() - self._beaten

    def stop(self) -> None:
        """Stop, and take the sign of life back at once, so that no slot is given on it.

        Called again it does nothing.
        """
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._thread.join(timeout=3)
        try:
            with transaction(self._engine) as session:
                dispatch.forget_heartbeat(session, self._name)
        except SQLAlchemyError as error:
            log.warning("the heartbeat could not be taken back: %s", type(error).__name__)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with transaction(self._engine) as session:
                    unfit = migrations.schema_problem(session.connection())
                    detail = {"problems": [unfit] if unfit else []}
                    dispatch.beat(session, self._name, "web", ready=unfit is None, detail=detail)
                self._beaten = time.monotonic()
            except SQLAlchemyError as error:
                log.warning("no heartbeat: %s", type(error).__name__)
            self._stopped.wait(BEAT_SECONDS)
