"""The end of a web process: first nobody is called on its account, then it stops to answer.

Whoever is being called hears what this process answers. So told to end, it takes its sign of life
back, which stops slots unless another web process is there, and goes on answering until nobody's
call is under way, or another one does, or its time is over. A second signal ends it at once.
"""

import logging
import threading
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaigns.db import transaction
from campaigns.store import signs

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.2
# Slots that were given just before are claimed within this time.
SETTLE_SECONDS = 1.0


class DrainingServer(uvicorn.Server):
    """Serves `app`, and drains before it stops."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self._draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, stop at the second."""
        if self._draining or not self.started:
            super().handle_exit(sig, frame)
            return
        self._draining = True
        self._app.state.draining = True
        threading.Thread(target=self._drain, args=(sig, frame), name="drain", daemon=True).start()

    def _drain(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.heartbeat.stop()
        began = time.monotonic()
        most = self._app.state.settings.drain
        while (spent := time.monotonic() - began) < most and self._needed(spent):
            time.sleep(LOOK_SECONDS)
        super().handle_exit(sig, frame)

    def _needed(self, spent: float) -> bool:
        """Whether somebody who is called would hear nothing if this process stopped now."""
        try:
            with transaction(self._app.state.engine) as session:
                limit = self._app.state.settings.heartbeat_limit
                if signs.alive_of_kind(session, "web", limit):
                    return False
                return spent < SETTLE_SECONDS or bool(session.execute(_UNDER_WAY).scalar_one())
        except SQLAlchemyError as error:
            log.warning("whether calls are under way is not known: %s", type(error).__name__)
            return False


_UNDER_WAY = text("""
    SELECT EXISTS (SELECT 1 FROM attempts
                   WHERE status IN ('queued', 'dialing', 'ringing', 'in_progress'))
""")
