"""Bringing a database's tables up to date."""

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_BESIDE_THE_PACKAGE = Path(__file__).resolve().parent.parent / "alembic"
_INSIDE_THE_WHEEL = Path(__file__).resolve().parent / "_alembic"


def config() -> Config:
    """Alembic's configuration for the scripts that belong to this code."""
    scripts = _BESIDE_THE_PACKAGE if _BESIDE_THE_PACKAGE.is_dir() else _INSIDE_THE_WHEEL
    made = Config()
    made.set_main_option("script_location", str(scripts))
    return made


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every migration up to `revision`; processes that start together take turns."""
    made = config()
    with engine.connect() as connection:
        made.attributes["connection"] = connection
        command.upgrade(made, revision)


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take migrations back down to `revision`."""
    made = config()
    with engine.connect() as connection:
        made.attributes["connection"] = connection
        command.downgrade(made, revision)


def pending_migrations(connection: Connection) -> list[str]:
    """Revisions this code needs and the database does not have, oldest first."""
    current = MigrationContext.configure(connection).get_current_revision()
    wanted = known_revisions()
    if current is None:
        return list(wanted)
    return list(wanted[wanted.index(current) + 1 :]) if current in wanted else []


@lru_cache(maxsize=1)
def known_revisions() -> tuple[str, ...]:
    """The revisions that this code knows, oldest first."""
    script = ScriptDirectory.from_config(config())
    return tuple(revision.revision for revision in script.walk_revisions())[::-1]


def schema_problem(connection: Connection) -> str | None:
    """Why this code cannot work on the database's tables as they are; None when it can.

    Tables that are newer than the code are fine until a migration has taken away what the code
    needs: such a migration writes down the oldest code that the tables still serve.
    """
    pending = pending_migrations(connection)
    if pending:
        return f"The tables are older than this code: run `outdial migrate` ({', '.join(pending)})."
    head = known_revisions()[-1]
    oldest = connection.execute(text("SELECT oldest_code FROM schema_line")).scalar_one()
    if head < oldest:
        return (
            f"This code ({head}) is older than the tables allow ({oldest}): update it, and start "
            "this process again."
        )
    return None
