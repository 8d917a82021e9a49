"""A clock that stands still until a test moves it: the database's, and that of dial workers.

Decisions are made on the database's clock, so a test that is to see a day pass has to move that
one. Product code calls `clock_timestamp()` by its plain name, in its statements and inside its SQL
functions; in the database of these tests that name is found first in a schema of ours, by the
search path. Nothing of the product is changed, and nobody waits.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Engine

BEGINS = datetime(2026, 10, 30, 14, 0, tzinfo=UTC)  # a Friday; two days before clocks go back
BOOTED = 1_000_000_000  # microseconds

# A sequence, because its value is seen by every session at once, whatever their snapshots.
SCHEMA = """
CREATE SCHEMA moved;
CREATE SEQUENCE moved.clock;
CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM moved.clock $$;
CREATE FUNCTION moved.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM moved.clock $$;
CREATE FUNCTION moved.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM moved.clock $$;
"""
SEARCH_PATH = "public, moved, pg_catalog"


class MovedClock:
    """The time of a whole installation. Stands where a worker's `time` module stands, too.

    Two counts in microseconds: since boot, which only grows, and the database's, which may step.
    """

    CLOCK_BOOTTIME = 7

    def __init__(self, engine: Engine) -> None:
        address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(address, autocommit=True, row_factory=namedtuple_row)
        self._boot, self._ahead = BOOTED, 0
        self.begin()

    def begin(self) -> None:
        """Back to where every story begins."""
        self.slept: Callable[[], None] = lambda: None
        self._boot = BOOTED
        self._ahead = round(BEGINS.timestamp()) * 1_000_000 - BOOTED
        self._tell()

    def close(self) -> None:
        self._connection.close()

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._boot += math.ceil(seconds * 1_000_000)
        self._tell()

    def step(self, seconds: float) -> None:
        """Let the database's clock jump, forward or back, while no time passes."""
        self._ahead += round(seconds * 1_000_000)
        self._tell()

    def _tell(self) -> None:
        self._connection.execute("SELECT setval('moved.clock', %s)", (self._boot + self._ahead,))

    def rows(self, query: LiteralString, **values: object) -> list[Any]:
        """What a query finds, or a statement returns; committed at once."""
        found = self._connection.execute(query, values)
        return list(found.fetchall()) if found.description else []

    def run(self, statement: str) -> None:
        """A statement that a test has put together."""
        self._connection.execute(statement.encode())

    def now(self) -> datetime:
        """What the database's clock shows."""
        seconds, rest = divmod(self._boot + self._ahead, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)

    @property
    def boot(self) -> float:
        """Seconds that have really passed."""
        return self._boot / 1_000_000

    # What the dialer's modules take from `time`.

    def clock_gettime(self, _clock: int) -> float:
        return self.boot

    def time(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.move(seconds)
