"""Runs migrations online against OUTDIAL_DATABASE_URL, or on a connection the caller hands in.

Everything else goes on meanwhile. So a migration waits no longer than two seconds for a lock, lets
go of all it holds, and tries again: whoever waits behind it waits no longer than that either. Each
migration is a transaction of its own, and what is applied is not undone by the failure of a later.
"""

import logging
import random
import time

from alembic import context
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from campaigns.config import settings
from campaigns.db import engine_for
from campaigns.models import Base

log = logging.getLogger(__name__)

# Migrations of two processes that start together must not interleave.
MIGRATION_LOCK = 7420002
LOCK_TIMEOUT = "2s"
# In all some five minutes, in which some moment without a long transaction should come.
TRIES = 100
PAUSE_SECONDS = 1.0


def migrate(connection: Connection) -> None:
    """Run the migrations, alone, one transaction each; raises when a lock never comes."""
    for left in reversed(range(TRIES)):
        try:
            with_the_lock(connection)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable) or not left:
                raise
            log.warning("the tables are in use; the migration tries again")
            time.sleep(PAUSE_SECONDS * (0.5 + random.random()))
        else:
            return


def with_the_lock(connection: Connection) -> None:
    """One try. Whatever was set for it is taken back: the connection goes back to a pool."""
    connection.rollback()
    try:
        # A migration may think for longer than a page may: on a slow machine the rules that come
        # with the code take their time to be read. First of all, for the same reason.
        connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        run(connection)
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.execute(text("RESET lock_timeout"))
        connection.execute(text("RESET statement_timeout"))
        connection.execute(text("RESET idle_in_transaction_session_timeout"))
        connection.commit()


def run(connection: Connection) -> None:
    """What is still to be applied."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if context.is_offline_mode():  # `alembic upgrade --sql`: told, not done
    context.configure(dialect_name="postgresql", literal_binds=True)
    context.run_migrations()
elif handed_in is not None:
    migrate(handed_in)
else:
    url = settings().database_url
    if url is None:
        raise SystemExit("Set OUTDIAL_DATABASE_URL, or use `outdial migrate`.")
    with engine_for(url).connect() as own:
        migrate(own)
