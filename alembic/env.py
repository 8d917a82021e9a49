"""Runs migrations online against OUTDIAL_DATABASE_URL, or on a connection the caller hands in."""

from alembic import context
from sqlalchemy import Connection, text

from campaigns.config import settings
from campaigns.db import engine_for
from campaigns.models import Base

# Migrations of two processes that start together must not interleave.
MIGRATION_LOCK = 7420002


def migrate(connection: Connection) -> None:
    """Run the migrations in one transaction, alone."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    migrate(handed_in)
else:
    url = settings().database_url
    if url is None:
        raise SystemExit("Set OUTDIAL_DATABASE_URL, or use `outdial migrate`.")
    with engine_for(url).connect() as own:
        migrate(own)
