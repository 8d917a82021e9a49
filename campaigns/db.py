"""Connections to PostgreSQL: one engine per process, created lazily, with every time-out set.

A session is handed to a use case; only the edge that made it commits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from campaigns.config import settings
from campaigns.errors import NotConfigured

# A statement that waits longer than this for a lock fails, and with it the call it was for: a
# late "no" is harmless, a late "yes" is not.
LOCK_TIMEOUT = "2s"
# A frozen process that holds a transaction open (a stopped scheduler, say) loses it, so that its
# row locks cannot keep anybody else from leading.
IDLE_IN_TRANSACTION_TIMEOUT = "3s"
STATEMENT_TIMEOUT = "10s"


def engine_for(
    url: str, *, pool_size: int = 10, application_name: str = "outdial", pre_ping: bool = True
) -> Engine:
    """An engine for `url` with UTC, strict time-outs and no parameters in its error texts."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise NotConfigured(
            f"OUTDIAL_DATABASE_URL names {parsed.get_backend_name()!r}; Outdial runs on PostgreSQL."
        )
    options = (
        f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT} -c statement_timeout={STATEMENT_TIMEOUT}"
        f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT}"
        # Every statement here reads little: compiling a plan costs more than it could ever save.
        " -c jit=off"
    )
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=10,
        pool_timeout=5,
        pool_pre_ping=pre_ping,  # a restarted server must cost one check, not one failed call
        pool_recycle=1800,
        hide_parameters=True,  # telephone numbers stay out of error messages and logs
        connect_args={
            "options": options,
            "application_name": application_name,
            "connect_timeout": 3,
        },
    )


@lru_cache(maxsize=1)
def engine() -> Engine:
    """This process's engine for OUTDIAL_DATABASE_URL, made on first use: never before a fork."""
    url = settings().database_url
    if url is None:
        raise NotConfigured(
            "This process was started without OUTDIAL_DATABASE_URL. `outdial up` starts the "
            "embedded PostgreSQL and hands its address to every process."
        )
    return engine_for(url, pool_size=20)


@contextmanager
def transaction(bind: Engine | None = None) -> Iterator[Session]:
    """One session, one transaction: committed when the block ends, rolled back when it raises."""
    with Session(bind or engine(), expire_on_commit=False) as session, session.begin():
        yield session


def database_now(session: Session) -> datetime:
    """The database's clock right now, aware UTC: the only clock that decisions are made on."""
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now
