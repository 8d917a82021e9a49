"""Run an import.

`run` owns its transactions, unlike other use cases: the recipients of a file appear all at once
or not at all, while its progress must be seen before that, on another connection.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
from sqlalchemy import Engine, exc
from sqlalchemy.orm import Session

from campaigns.db import database_now, transaction
from campaigns.errors import NotAllowed, OutdialError
from campaigns.importing.handing_in import fingerprint, open_campaign
from campaigns.importing.loading import load
from campaigns.importing.mapping import ImportOptions
from campaigns.importing.progress import Progress, ProgressWriter
from campaigns.importing.results import Summary, find, summarise
from campaigns.models import Import
from campaigns.store import dispatch, imports

# The server is away, short of something, or has ended our transaction; not a fault of the rows.
# COPY goes past SQLAlchemy, so psycopg's own errors are met as well.
_DATABASE_TROUBLE = (
    *(exc.OperationalError, exc.InternalError, exc.InterfaceError),
    *(psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError),
)


def run(
    engine: Engine,
    import_id: int,
    path: Path,
    on_progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Import the file at `path`, whole or not at all, and say how it went.

    May be called again at any time: what is done or failed stays as it is, what another process
    works on is left to it (`status` is then `running`), and what a killed process began is begun
    anew. A file that cannot be imported makes the import `failed` with the reason; only faults of
    the machinery are raised. `on_progress` is called about twice a second, in this thread.
    """
    with Session(engine) as work, work.begin():
        imports.allow_long_work(work)
        row = find(work, import_id)
        held = imports.hold_import(work, import_id)
        if held:
            work.refresh(row)
            if row.status in ("waiting", "running"):
                _run_held(engine, work, row, path, on_progress)
    with transaction(engine) as session:
        summary = summarise(session, import_id)
    if not held and summary.status == "waiting":  # its holder is about to write that it runs
        return replace(summary, status="running")
    return summary


def _run_held(
    engine: Engine,
    work: Session,
    row: Import,
    path: Path,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    """Import into a savepoint, so that a refusal can be noted while the import is still held."""
    try:
        with (
            ProgressWriter(engine, row.id, row.bytes_total, on_progress) as progress,
            work.begin_nested(),
        ):
            campaign = open_campaign(work, row.campaign_id)
            _check_unchanged(row, path)
            options = ImportOptions.model_validate(row.options)
            loaded = load(engine, work, row.id, campaign, path, options, progress)
            open_campaign(work, row.campaign_id)
    except OutdialError as refusal:
        imports.fail_import(work, row.id, str(refusal))
    except OSError as problem:
        imports.fail_import(work, row.id, _unreadable(problem))
    except _DATABASE_TROUBLE:
        raise  # the import may not even be ours any more; it stays as it is, for the next run
    except Exception as fault:
        _note_fault(engine, row.id, fault)
        raise
    else:
        imports.finish_import(
            work,
            row.id,
            rows_read=loaded.rows_read,
            rows_imported=loaded.stored.imported,
            rows_opted_out=loaded.stored.opted_out,
            rows_recently_called=loaded.recently_called,
            rows_moved=loaded.moved,
            rows_missing=loaded.missing,
            repairs=loaded.repairs,
            mapping=loaded.mapping.as_json(),
        )
        told = f"“{row.file_name}”: {summarise(work, row.id).sentence}"
        dispatch.write_log(work, told, database_now(work), campaign_id=row.campaign_id)


def _check_unchanged(row: Import, path: Path) -> None:
    if fingerprint(path).sha256 != row.file_sha256:
        raise NotAllowed(
            "The file has changed since it was handed in. Nothing was imported. Import it again."
        )


def _unreadable(problem: OSError) -> str:
    return (
        f"The file could not be read ({problem.strerror or type(problem).__name__}). "
        "Nothing was imported. Import it again."
    )


def _note_fault(engine: Engine, import_id: int, fault: Exception) -> None:
    """Without this a fault that comes back every time would be met again by every next run."""
    with transaction(engine) as session:
        imports.fail_import(
            session,
            import_id,
            f"The import stopped because of a fault in Outdial ({type(fault).__name__}). "
            "Nothing was imported. The log has the details; the file may be imported again.",
        )
