"""Bringing a database's tables up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

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
    script = ScriptDirectory.from_config(config())
    current = MigrationContext.configure(connection).get_current_revision()
    wanted = [revision.revision for revision in script.walk_revisions()][::-1]
    if current is None:
        return wanted
    return wanted[wanted.index(current) + 1 :] if current in wanted else []
