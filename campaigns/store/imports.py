"""Imports: one row per file and campaign, held by the one process that works on it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.models import Import

# Advisory locks in pairs (one of these, a number): apart from the single-key gate lock.
_IMPORT_LOCK = 7420003
_CAMPAIGN_LOCK = 7420004

# What keeps a file from being imported into the same campaign once more.
_COUNTS = "status NOT IN ('failed', 'undone', 'discarded')"


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


@dataclass(frozen=True, slots=True)
class RepairRow:
    """An example of one kind of repair."""

    kind: str
    line: int
    before: str
    after: str


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


def hold_status_of_campaign(session: Session, campaign_id: int) -> str:
    """The campaign's status, which nobody changes before this transaction ends."""
    status: str = session.execute(
        text("SELECT status FROM campaigns WHERE id = :id FOR SHARE"), {"id": campaign_id}
    ).scalar_one()
    return status


def flow_of_campaign(session: Session, campaign_id: int) -> dict[str, Any]:
    """The definition of the flow that the campaign's calls follow."""
    definition: dict[str, Any] = session.execute(
        text("""
            SELECT f.definition FROM campaigns c JOIN flows f ON f.id = c.flow_id WHERE c.id = :id
        """),
        {"id": campaign_id},
    ).scalar_one()
    return definition


def find_import(session: Session, import_id: int) -> Import | None:
    """The import as it is in the database now."""
    return session.get(Import, import_id, populate_existing=True)


def find_import_of_file(session: Session, campaign_id: int, sha256: str) -> Import | None:
    """The one import of this file into this campaign that neither failed nor was taken back."""
    found = session.execute(
        text(f"""
            SELECT id FROM imports
            WHERE campaign_id = :campaign AND file_sha256 = :sha256 AND {_COUNTS}
        """),
        {"campaign": campaign_id, "sha256": sha256},
    ).scalar_one_or_none()
    return None if found is None else find_import(session, found)


def create_import_unless_known(session: Session, values: dict[str, Any]) -> int | None:
    """A new import; `None` when this file is imported, or on its way, already."""
    statement = (
        insert(Import)
        .values(values)
        .on_conflict_do_nothing(
            index_elements=["campaign_id", "file_sha256"], index_where=text(_COUNTS)
        )
        .returning(Import.id)
    )
    return session.execute(statement).scalar_one_or_none()


def lock_import(session: Session, import_id: int) -> Import | None:
    """The import, for this transaction to change."""
    return session.get(Import, import_id, with_for_update=True, populate_existing=True)


def let_import_wait(
    session: Session, import_id: int, options: dict[str, Any], stored_at: str | None
) -> None:
    """Let an import wait to be run, as if it had never been."""
    for table in ("import_rejects", "import_repairs"):
        session.execute(text(f"DELETE FROM {table} WHERE import_id = :id"), {"id": import_id})
    session.execute(
        text("""
            UPDATE imports SET status = 'waiting', options = CAST(:options AS jsonb),
                stored_at = :stored_at, mapping = NULL, error = NULL, rows_read = 0,
                rows_imported = 0, rows_rejected = 0, rows_opted_out = 0,
                rows_recently_called = 0, repairs = '{}', rejects_by_reason = '{}',
                bytes_read = 0, claimed_at = NULL, finished_at = NULL
            WHERE id = :id
        """),
        {"id": import_id, "options": json.dumps(options), "stored_at": stored_at},
    )


def note_import_taken_back(session: Session, import_id: int, status: str) -> None:
    """Show the import as `undone` or `discarded`; a discarded one has no file any more."""
    session.execute(
        text("""
            UPDATE imports SET status = :status, finished_at = clock_timestamp(),
                stored_at = CASE WHEN :status = 'discarded' THEN NULL ELSE stored_at END
            WHERE id = :id
        """),
        {"id": import_id, "status": status},
    )


def list_imports(
    session: Session, before_id: int | None, limit: int, campaign_id: int | None = None
) -> list[Import]:
    """Imports, the latest first, without those that were discarded."""
    chosen = select(Import).where(Import.status != "discarded")
    if before_id is not None:
        chosen = chosen.where(Import.id < before_id)
    if campaign_id is not None:
        chosen = chosen.where(Import.campaign_id == campaign_id)
    return list(session.scalars(chosen.order_by(Import.id.desc()).limit(limit)))


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
    rows_recently_called: int,
    rows_moved: int,
    rows_missing: int,
    repairs: dict[str, int],
    mapping: dict[str, Any],
) -> None:
    """Show the import as done; the rejects are counted where they are."""
    session.execute(
        text("""
            WITH reasons AS (
                SELECT reason, count(*) AS n FROM import_rejects WHERE import_id = :id
                GROUP BY reason
            )
            UPDATE imports SET status = 'done', finished_at = clock_timestamp(),
                rows_read = :read, rows_imported = :imported, rows_opted_out = :opted_out,
                rows_recently_called = :recently_called, rows_moved = :moved,
                rows_missing = :missing, repairs = CAST(:repairs AS jsonb),
                rows_rejected = (SELECT coalesce(sum(n), 0) FROM reasons),
                rejects_by_reason =
                    (SELECT coalesce(jsonb_object_agg(reason, n), '{}') FROM reasons),
                bytes_read = bytes_total, mapping = CAST(:mapping AS jsonb)
            WHERE id = :id
        """),
        {
            "id": import_id,
            "read": rows_read,
            "imported": rows_imported,
            "opted_out": rows_opted_out,
            "recently_called": rows_recently_called,
            "moved": rows_moved,
            "missing": rows_missing,
            "repairs": json.dumps(repairs),
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


def store_repairs(session: Session, import_id: int, repairs: Sequence[RepairRow]) -> None:
    """Keep examples of what was put right, numbered within each kind."""
    session.execute(
        text("""
            INSERT INTO import_repairs (import_id, kind, n, line, before, after)
            SELECT :import, kind, row_number() OVER (PARTITION BY kind ORDER BY line, place),
                line, before, after
            FROM unnest(CAST(:kinds AS text[]), CAST(:lines AS bigint[]),
                        CAST(:befores AS text[]), CAST(:afters AS text[]))
                WITH ORDINALITY AS r (kind, line, before, after, place)
        """),
        {
            "import": import_id,
            "kinds": [repair.kind for repair in repairs],
            "lines": [repair.line for repair in repairs],
            "befores": [repair.before for repair in repairs],
            "afters": [repair.after for repair in repairs],
        },
    )


def examples_of_repairs(session: Session, import_id: int) -> list[RepairRow]:
    """The kept examples, by kind and in the order of the file."""
    rows = session.execute(
        text("""
            SELECT kind, line, before, after FROM import_repairs
            WHERE import_id = :id ORDER BY kind, n
        """),
        {"id": import_id},
    )
    return [RepairRow(*row) for row in rows]


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


def files_nobody_needs(session: Session, limit: int = 100) -> list[str]:
    """Paths of stored files of which no import will ever be run; from now on they are not kept.

    Their campaign is over, or the same file was handed in once more after it had failed.
    """
    rows = session.execute(
        text("""
            WITH gone AS (
                SELECT i.id, i.stored_at FROM imports i JOIN campaigns c ON c.id = i.campaign_id
                WHERE i.stored_at IS NOT NULL AND i.status NOT IN ('waiting', 'running')
                  AND (c.status IN ('completed', 'stopped')
                       OR (i.status IN ('failed', 'undone') AND EXISTS (
                           SELECT 1 FROM imports later
                           WHERE later.campaign_id = i.campaign_id AND later.id > i.id
                             AND later.file_sha256 = i.file_sha256
                             AND later.status NOT IN ('failed', 'undone', 'discarded'))))
                ORDER BY i.id LIMIT :limit FOR UPDATE OF i SKIP LOCKED
            )
            UPDATE imports i SET stored_at = NULL FROM gone WHERE i.id = gone.id
            RETURNING gone.stored_at
        """),
        {"limit": limit},
    )
    return [row[0] for row in rows]
