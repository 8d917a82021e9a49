"""How far an import is: told to whoever watches, and written down as its sign of life."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from campaigns.crash_points import crash_point
from campaigns.db import transaction
from campaigns.store import imports

INTERVAL = 0.5  # seconds between two signs of life
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows and bytes of the file taken so far; `storing` once all are read."""

    rows_read: int
    bytes_read: int
    bytes_total: int
    storing: bool


class ProgressWriter:
    """Writes progress to the import's row while its rows are read and stored.

    A thread with a connection of its own: the import's transaction shows nothing before it
    commits, and one of its statements may outlast any number of intervals.
    """

    def __init__(
        self,
        engine: Engine,
        import_id: int,
        bytes_total: int,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._engine = engine
        self._import_id = import_id
        self._on_progress = on_progress
        self._now = Progress(0, 0, bytes_total, storing=False)
        self._told_at = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_until_over, daemon=True)

    def __enter__(self) -> Self:
        with transaction(self._engine) as session:
            imports.start_import(session, self._import_id, self._now.bytes_total)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop before the import writes its own row, or the two would wait for each other."""
        self._over.set()
        self._thread.join()

    def at(self, rows_read: int, bytes_read: int) -> None:
        """Note how far the reading is."""
        self._now = Progress(rows_read, bytes_read, self._now.bytes_total, storing=False)
        if time.monotonic() - self._told_at >= INTERVAL:
            self._tell()

    def storing(self) -> None:
        """Note that everything is read."""
        total = self._now.bytes_total
        self._now = Progress(self._now.rows_read, total, total, storing=True)
        self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        if self._on_progress is not None:
            self._on_progress(self._now)

    def _write_until_over(self) -> None:
        while not self._over.wait(INTERVAL):
            seen = self._now
            try:
                with transaction(self._engine) as session:
                    imports.note_progress(session, self._import_id, seen.rows_read, seen.bytes_read)
                crash_point("import_progress")
            except DBAPIError as error:
                # The import itself will say whether the database is gone; a missed sign of life
                # alone must not stop it.
                _log.warning("import.progress_not_written", error=type(error).__name__)
