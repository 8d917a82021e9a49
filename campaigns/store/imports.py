"""Imports: one row per file and campaign, held by the one process that works on it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.models import Import

# Advisory locks in pairs (one of these, a number): apart from the single-key gate lock.
_IMPORT_LOCK = 7420003
_CAMPAIGN_LOCK = 7420004


@dataclass(frozen=True, slots=True)
class ImportingCampaign:
    """What an import needs to know of the campaign it feeds."""

    id: int
    name: str
    kind: str
    status: str
    reminder: dict[str, Any] | None
    default_country: str
    live: bool


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A row that was not imported."""

    line: int
    reason: str
    detail: str
    row: str


def campaign_for_import(session: Session, campaign_id: int) -> ImportingCampaign | None:
    """The campaign with what its account decides."""
    row = session.execute(
        text("""
            SELECT c.id, c.name, c.kind, c.status, c.reminder, c.default_country, k.live
            FROM campaigns c JOIN accounts k ON k.id = c.account_id
            WHERE c.id = :id
        """),
        {"id": campaign_id},
    ).one_or_none()
    return None if row is None else ImportingCampaign(*row)


def find_import(session: Session, import_id: int) -> Import | None:
    """The import as it is in the database now."""
    return session.get(Import, import_id, populate_existing=True)


def find_import_of_file(session: Session, campaign_id: int, sha256: str) -> Import | None:
    """The one import of this file into this campaign that did not fail."""
    found = session.execute(
        text("""
            SELECT id FROM imports
            WHERE campaign_id = :campaign AND file_sha256 = :sha256 AND status <> 'failed'
        """),
        {"campaign": campaign_id, "sha256": sha256},
    ).scalar_one_or_none()
    return None if found is None else find_import(session, found)


def create_import_unless_known(session: Session, values: dict[str, Any]) -> int | None:
    """A new waiting import; `None` when this file is imported, or on its way, already."""
    statement = (
        insert(Import)
        .values(values)
        .on_conflict_do_nothing(
            index_elements=["campaign_id", "file_sha256"], index_where=text("status <> 'failed'")
        )
        .returning(Import.id)
    )
    return session.execute(statement).scalar_one_or_none()


def reopen_fruitless_import(
    session: Session, import_id: int, options: dict[str, Any], stored_at: str | None
) -> bool:
    """Let an import that brought nothing in wait again, if the options are others now."""
    statement = text("""
        WITH reopened AS (
            UPDATE imports SET status = 'waiting', options = CAST(:options AS jsonb),
                stored_at = :stored_at, mapping = NULL, rows_read = 0, rows_rejected = 0,
                bytes_read = 0, claimed_at = NULL, finished_at = NULL
            WHERE id = :id AND status = 'done' AND rows_imported = 0
              AND options <> CAST(:options AS jsonb)
            RETURNING id
        ), forgotten AS (
            DELETE FROM import_rejects x USING reopened WHERE x.import_id = reopened.id
        )
        SELECT count(*) FROM reopened
    """)
    values = {"id": import_id, "options": json.dumps(options), "stored_at": stored_at}
    return bool(session.execute(statement, values).scalar_one())


def allow_long_work(session: Session) -> None:
    """Lift the time-outs that are set for short transactions, for this transaction only.

    It may wait its turn without holding what others need. A process that froze still loses its
    transaction, and with it the import, to the next one.
    """
    session.execute(
        text("""
            SELECT set_config('statement_timeout', '0', true),
                   set_config('lock_timeout', '0', true),
                   set_config('idle_in_transaction_session_timeout', '60s', true)
        """)
    )


def hold_import(session: Session, import_id: int) -> bool:
    """Whether this transaction now is the only one at work on the import; until it ends.

    A lock rather than a status: it goes with the connection of a process that was killed.
    """
    held: bool = session.execute(
        text("SELECT pg_try_advisory_xact_lock(:kind, CAST(:id % 2147483647 AS integer))"),
        {"kind": _IMPORT_LOCK, "id": import_id},
    ).scalar_one()
    return held


def wait_for_turn_at_campaign(session: Session, campaign_id: int) -> None:
    """Let the imports of one campaign store their rows one after the other.

    Two that store the same numbers in different orders would wait for each other for ever.
    """
    session.execute(
        text("SELECT pg_advisory_xact_lock(:kind, CAST(:id % 2147483647 AS integer))"),
        {"kind": _CAMPAIGN_LOCK, "id": campaign_id},
    )


def start_import(session: Session, import_id: int, bytes_total: int) -> None:
    """Show the import as running, from its first row."""
    session.execute(
        text("""
            UPDATE imports SET status = 'running', claimed_at = clock_timestamp(), error = NULL,
                rows_read = 0, bytes_read = 0, bytes_total = :bytes_total
            WHERE id = :id AND status IN ('waiting', 'running')
        """),
        {"id": import_id, "bytes_total": bytes_total},
    )


def note_progress(session: Session, import_id: int, rows_read: int, bytes_read: int) -> None:
    """Show how far the import is, and that it is alive."""
    session.execute(
        text("""
            UPDATE imports SET claimed_at = clock_timestamp(), rows_read = :rows,
                bytes_read = :bytes
            WHERE id = :id AND status = 'running'
        """),
        {"id": import_id, "rows": rows_read, "bytes": bytes_read},
    )


def finish_import(
    session: Session,
    import_id: int,
    *,
    rows_read: int,
    rows_imported: int,
    rows_opted_out: int,
    mapping: dict[str, Any],
) -> None:
    """Show the import as done; the rejects are counted where they are."""
    session.execute(
        text("""
            UPDATE imports SET status = 'done', finished_at = clock_timestamp(),
                rows_read = :read, rows_imported = :imported, rows_opted_out = :opted_out,
                rows_rejected = (SELECT count(*) FROM import_rejects WHERE import_id = :id),
                bytes_read = bytes_total, mapping = CAST(:mapping AS jsonb)
            WHERE id = :id
        """),
        {
            "id": import_id,
            "read": rows_read,
            "imported": rows_imported,
            "opted_out": rows_opted_out,
            "mapping": json.dumps(mapping),
        },
    )


def fail_import(session: Session, import_id: int, error: str) -> None:
    """Show the import as failed, and why. A failed one does not keep the file from a new one."""
    session.execute(
        text("""
            UPDATE imports SET status = 'failed', error = :error, finished_at = clock_timestamp()
            WHERE id = :id AND status IN ('waiting', 'running')
        """),
        {"id": import_id, "error": error},
    )


def count_rejects_by_reason(session: Session, import_id: int) -> dict[str, int]:
    """How many rows were rejected for each reason, the commonest first."""
    rows = session.execute(
        text("""
            SELECT reason, count(*) FROM import_rejects WHERE import_id = :id
            GROUP BY reason ORDER BY count(*) DESC, reason
        """),
        {"id": import_id},
    )
    return {row[0]: row[1] for row in rows}


def stream_rejects(session: Session, import_id: int) -> Iterator[RejectRow]:
    """Every reject of an import by line, a few thousand in memory at a time."""
    rows = session.execute(
        text("""
            SELECT line, reason, detail, row FROM import_rejects
            WHERE import_id = :id ORDER BY line
        """),
        {"id": import_id},
        execution_options={"yield_per": 2000},
    )
    for row in rows:
        yield RejectRow(*row)


def imports_without_a_worker(session: Session, now: datetime) -> list[int]:
    """Imports handed in by the API that nobody works on: never begun, or begun by a dead worker.

    Those started by the command line keep their file where it was and are not ours to run.
    """
    rows = session.execute(
        text("""
            SELECT id FROM imports
            WHERE stored_at IS NOT NULL
              AND ((status = 'waiting' AND created_at < :now - interval '5 seconds')
                   OR (status = 'running' AND claimed_at < :now - interval '30 seconds'))
            ORDER BY id
        """),
        {"now": now},
    )
    return [row[0] for row in rows]
