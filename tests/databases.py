"""Databases that tests make on the shared server, empty, and take away again."""

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from campaigns.models import Base

KEPT = {"dialing_switch", "installation", "schema_line", "calling_rules", "rule_activations"}
APPEND_ONLY = {"audit_log"}


def make_database(server_url: str, name: str) -> str:
    """Make an empty database, in place of one of that name that was left behind.

    Args:
        server_url: where the server is; the role there may create databases.
        name: what the new one is called; made for one test process, so it bears its name.

    Returns:
        The URL of the new database.
    """
    drop_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        # No test of these cuts the power. Whole stacks have servers of their own, and wait.
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, name: str) -> None:
    """Take a database away, whoever is still connected to it; one that is not there is no error."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        # Not WITH (FORCE): while the server vacuums that database on its own account, we may not
        # end what it does, and FORCE gives up. A plain DROP asks the vacuum to leave.
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            [name],
        )
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')


def empty_database(engine: Engine) -> None:
    """Empty every table of a migrated database, and let every id begin at 1 again."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        if connection.execute(text(_MANY)).scalar_one():
            connection.execute(text(f"TRUNCATE {', '.join(_TABLES)}"))
        # To truncate fifty tables with all their indexes makes hundreds of new files, and mostly
        # a few rows are there. Twice, since deleting makes triggers write.
        for _ in range(2):
            for table in connection.execute(text(_FILLED)).scalars():
                verb = "TRUNCATE" if table in APPEND_ONLY else "DELETE FROM"
                connection.execute(text(f"{verb} {table}"))
        connection.execute(text(_FROM_ONE))
        connection.execute(text("UPDATE dialing_switch SET enabled = true, reason = NULL"))


# Those that refer to others come before them.
_TABLES = [t.name for t in reversed(Base.metadata.sorted_tables) if t.name not in KEPT]
_FILLED = " UNION ALL ".join(
    f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in _TABLES
)
_MANY = "SELECT EXISTS (SELECT 1 FROM recipients OFFSET 500)"
_FROM_ONE = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
