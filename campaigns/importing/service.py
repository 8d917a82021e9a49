"""Register a file for import, and run the import.

`run` owns its transactions, unlike other use cases: the recipients of a file appear all at once
or not at all, while its progress must be seen before that, on another connection.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, exc
from sqlalchemy.orm import Session

from campaigns.db import transaction
from campaigns.errors import NotAllowed, NotFound, OutdialError
from campaigns.importing.loading import load
from campaigns.importing.mapping import ImportOptions
from campaigns.importing.progress import Progress, ProgressWriter
from campaigns.lifecycle import CampaignStatus
from campaigns.models import Import
from campaigns.store import imports

# The server is away, short of something, or has ended our transaction; not a fault of the rows.
# COPY goes past SQLAlchemy, so psycopg's own errors are met as well.
_DATABASE_TROUBLE = (
    *(exc.OperationalError, exc.InternalError, exc.InterfaceError),
    *(psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError),
)
_FINAL = frozenset({CampaignStatus.COMPLETED, CampaignStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a file: the SHA-256 of its bytes, in hex, and how many there are."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Registered:
    """An import that waits to be run; `already` when this file was imported or on its way."""

    row: Import
    already: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """Where an import is, or how it ended.

    Every row read is either imported or rejected. Rejected rows include duplicates; imported ones
    include those stored as blocked because a number of theirs is opted out.
    """

    import_id: int
    status: str
    error: str | None
    rows_read: int
    rows_imported: int
    rows_rejected: int
    rows_opted_out: int
    rejects_by_reason: dict[str, int]

    @property
    def duplicates(self) -> int:
        """Rejected rows that were in the file, or in the campaign, before."""
        return self.rejects_by_reason.get("duplicate", 0)

    @property
    def sentence(self) -> str:
        """What happened, for the person who imported."""
        if self.status == "failed":
            return self.error or "The import failed. Nothing was imported."
        if self.status != "done":
            return f"The import is {self.status}: {self.rows_read:,} rows read so far."
        if not self.rows_imported:
            return f"No row was imported: {_counted(self.rejects_by_reason)}."
        told = f"{self.rows_imported:,} of {self.rows_read:,} rows were imported"
        if self.rows_opted_out:
            told += f", {self.rows_opted_out:,} of them blocked by an opt-out"
        if self.rows_rejected:
            word = "was" if self.rows_rejected == 1 else "were"
            told += f"; {self.rows_rejected:,} {word} rejected: {_counted(self.rejects_by_reason)}"
        return f"{told}."


def fingerprint(path: Path) -> Fingerprint:
    """The identity of a file, by which an import knows that it has seen it."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Fingerprint(digest, stream.tell())


def register(
    session: Session,
    campaign_id: int,
    *,
    file_name: str,
    file: Fingerprint,
    options: ImportOptions | None = None,
    stored_at: str | None = None,
) -> Registered:
    """Note that a file is to be imported into a campaign; nothing is read yet.

    The same file is imported once per campaign: while it waits, runs or is done, its import is
    returned with `already`. A failed import, or one that brought nothing in and is asked for with
    other options, may be tried again. `stored_at` is where the edge keeps the file. Raises
    `NotFound` for an unknown campaign and `NotAllowed` for one that is over.
    """
    _open_campaign(session, campaign_id)
    asked = (options or ImportOptions()).model_dump(mode="json", exclude_none=True)
    values = {
        "campaign_id": campaign_id,
        "file_name": file_name,
        "file_sha256": file.sha256,
        "bytes_total": file.size,
        "options": asked,
        "stored_at": stored_at,
    }
    created = imports.create_import_unless_known(session, values)
    if created is not None:
        return Registered(find(session, created), already=False)
    known = imports.find_import_of_file(session, campaign_id, file.sha256)
    if known is None:  # it failed in this very moment
        raise NotAllowed("An import of this file has just failed. Import it again.")
    reopened = imports.reopen_fruitless_import(session, known.id, asked, stored_at)
    if not reopened and asked and asked != known.options:
        raise NotAllowed(
            "This file was imported into this campaign before, with other options. Nothing was "
            "changed. To import it differently, make another campaign and import it there."
        )
    return Registered(find(session, known.id), already=not reopened)


def find(session: Session, import_id: int) -> Import:
    """The import; raises `NotFound`."""
    found = imports.find_import(session, import_id)
    if found is None:
        raise NotFound(f"There is no import {import_id}.")
    return found


def summarise(session: Session, import_id: int) -> Summary:
    """Where an import is; raises `NotFound`."""
    row = find(session, import_id)
    return Summary(
        import_id=row.id,
        status=row.status,
        error=row.error,
        rows_read=row.rows_read,
        rows_imported=row.rows_imported,
        rows_rejected=row.rows_rejected,
        rows_opted_out=row.rows_opted_out,
        rejects_by_reason=imports.count_rejects_by_reason(session, import_id),
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
            campaign = _open_campaign(work, row.campaign_id)
            _check_unchanged(row, path)
            options = ImportOptions.model_validate(row.options)
            loaded = load(engine, work, row.id, campaign, path, options, progress)
            _open_campaign(work, row.campaign_id)
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
            mapping=loaded.mapping.as_json(),
        )


def _open_campaign(session: Session, campaign_id: int) -> imports.ImportingCampaign:
    campaign = imports.campaign_for_import(session, campaign_id)
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id}.")
    if campaign.status in _FINAL:
        raise NotAllowed(
            f"The campaign {campaign.name!r} is {campaign.status}. Nothing was imported. "
            "Import the file into a campaign that is not over."
        )
    return campaign


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


def _counted(reasons: dict[str, Any]) -> str:
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons.items())
