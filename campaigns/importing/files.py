"""The files behind imports: kept for as long as an import of them may be run once more."""

from pathlib import Path

from sqlalchemy import Engine

from campaigns.db import transaction
from campaigns.store import imports


def forget_files(engine: Engine, data_dir: Path) -> int:
    """Delete the stored files that no import needs any more; returns how many.

    They are given up in the database first: a file that stays behind costs some room on the disk,
    one that is missing would cost an import.
    """
    with transaction(engine) as session:
        unneeded = imports.files_nobody_needs(session)
    for stored_at in unneeded:
        (data_dir / stored_at).unlink(missing_ok=True)
    return len(unneeded)
