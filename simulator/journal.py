"""A copy of the books on disk: append-only lines of JSON, written in batches."""

import asyncio
from pathlib import Path
from typing import IO, Any

from simulator.answers import dumps

FLUSH_EVERY = 0.5  # seconds that a line may wait in memory
FLUSH_LINES = 2_000


class Journal:
    """Appends to one file, or to none when `path` is None.

    Lines wait in memory for up to half a second: a disk write per call would cost more than the
    call. `close` writes the rest.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: IO[bytes] | None = None
        self._waiting: list[bytes] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def write(self, row: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._waiting.append(dumps(row))
        if len(self._waiting) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        if self._file is not None and self._waiting:
            self._file.write(b"\n".join(self._waiting) + b"\n")
            self._file.flush()
            self._waiting.clear()

    async def keep_flushing(self) -> None:
        while self._file is not None:
            await asyncio.sleep(FLUSH_EVERY)
            self.flush()

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
