"""Moving the database's clock for a drill, without touching the machine's.

A schema in front of PostgreSQL's own holds `clock_timestamp()` and `now()` that add an offset. It
is what every statement of the product asks; only the defaults of columns keep the real time.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine, text

_INSTALL = """
    CREATE SCHEMA drill;
    CREATE TABLE drill.moved (seconds double precision NOT NULL);
    INSERT INTO drill.moved VALUES (0);
    CREATE FUNCTION drill.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        'SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM drill.moved';
    CREATE FUNCTION drill.now() RETURNS timestamptz LANGUAGE sql STABLE AS
        'SELECT pg_catalog.now() + make_interval(secs => seconds) FROM drill.moved';
    ALTER DATABASE "{database}" SET search_path = public, drill, pg_catalog
"""


class MovedClock:
    """The database's clock. It is only ever moved ahead: evidence is ordered by it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jumps: list[tuple[datetime, timedelta]] = []  # by the moved clock, the whole offset
        self.offset = timedelta()

    def install(self) -> None:
        """After the migrations, before the product's first connection."""
        with self._engine.begin() as connection:
            connection.execute(text(_INSTALL.format(database=self._engine.url.database)))
        self._engine.dispose()  # a connection keeps the path it began with

    def jump(self, by: timedelta) -> None:
        """Put the clock ahead, for everybody at once."""
        total = self.offset + by
        with self._engine.begin() as connection:
            connection.execute(
                text("UPDATE drill.moved SET seconds = :seconds"),
                {"seconds": total.total_seconds()},
            )
        with self._engine.begin() as connection:
            now = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        self.offset = total
        self._jumps.append((now - by / 2, total))

    def real(self, at: datetime) -> datetime:
        """When it really was, at an instant of the moved clock."""
        offset = timedelta()
        for since, total in self._jumps:
            if at >= since:
                offset = total
        return at - offset
