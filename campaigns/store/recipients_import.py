"""Recipients from a file: copied into a staging table, then stored in two set-based statements."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session


class StagedRecipient(NamedTuple):
    """A row of the staging table, in the order of its columns."""

    line: int
    dedupe_key: str
    numbers: str
    fields: str
    zone: str | None
    zone_key: int | None
    status: str
    reason: str | None
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    row: str


class StagedReject(NamedTuple):
    """A row of `import_rejects`, in the order of its columns."""

    import_id: int
    line: int
    reason: str
    detail: str
    row: str


@dataclass(frozen=True, slots=True)
class Stored:
    """How many staged rows became recipients, and how many of those are blocked by an opt-out."""

    imported: int
    opted_out: int


def array_of_numbers(numbers: Sequence[str]) -> str:
    """E.164 numbers as an array literal; they hold nothing that would need quotes."""
    return "{" + ",".join(numbers) + "}"


def object_of_fields(fields: dict[str, str]) -> str:
    """Variables as JSON."""
    return json.dumps(fields, ensure_ascii=False)


def create_staging_table(session: Session) -> None:
    """A table of this transaction alone, gone at its end. Keys compare by bytes, which is fast."""
    session.execute(
        text("""
            CREATE TEMP TABLE staged_recipients (
                line bigint, dedupe_key text COLLATE "C", numbers text[], fields jsonb, zone text,
                zone_key integer, status text, reason text, next_attempt_at timestamptz,
                deadline_at timestamptz, appointment_at timestamptz, row text
            ) ON COMMIT DROP
        """)
    )


def copy_into_staging(session: Session, rows: Iterable[StagedRecipient]) -> None:
    """Add rows to the staging table."""
    _copy(session, "COPY staged_recipients FROM STDIN", rows)


def copy_rejects(session: Session, rows: Iterable[StagedReject]) -> None:
    """Add rows that were not imported."""
    _copy(session, "COPY import_rejects (import_id, line, reason, detail, row) FROM STDIN", rows)


def reject_repeats_within_file(session: Session, import_id: int) -> None:
    """Keep the first staged row of every key; the others become rejects that name its line."""
    session.execute(text("ANALYZE staged_recipients"))
    session.execute(
        text("""
            WITH repeats AS (
                DELETE FROM staged_recipients s
                USING (
                    SELECT line, min(line) OVER (PARTITION BY dedupe_key) AS first_line
                    FROM staged_recipients
                ) r
                WHERE s.line = r.line AND r.first_line < r.line
                RETURNING s.line, r.first_line, s.row
            )
            INSERT INTO import_rejects (import_id, line, reason, detail, row)
            SELECT :import, line, 'duplicate', format('The same as line %s.', first_line), row
            FROM repeats
        """),
        {"import": import_id},
    )


def store_staged_recipients(session: Session, import_id: int, campaign_id: int) -> Stored:
    """Make recipients of the staged rows, in the order of the file.

    Who is in the campaign already stays as they are, and the row becomes a reject. A recipient
    with an opted-out number, whichever it is, is stored as blocked.
    """
    row = session.execute(
        text("""
            WITH opted_out AS (
                SELECT s.line FROM staged_recipients s
                CROSS JOIN LATERAL unnest(s.numbers) AS n (number)
                JOIN opt_outs o ON o.number = n.number
            ), marked AS (
                SELECT s.*, s.line IN (SELECT line FROM opted_out) AS opted_out
                FROM staged_recipients s
            ), stored AS (
                INSERT INTO recipients (
                    campaign_id, import_id, dedupe_key, numbers, fields, zone, zone_key, status,
                    reason, next_attempt_at, deadline_at, appointment_at
                )
                SELECT :campaign, :import, dedupe_key, numbers, fields, zone, zone_key,
                    CASE WHEN opted_out THEN 'blocked' ELSE status END,
                    CASE WHEN opted_out THEN 'opted out' ELSE reason END,
                    CASE WHEN opted_out THEN NULL ELSE next_attempt_at END,
                    deadline_at, appointment_at
                FROM marked ORDER BY line
                ON CONFLICT (campaign_id, dedupe_key) DO NOTHING
                RETURNING dedupe_key COLLATE "C" AS dedupe_key, status
            ), known AS (
                INSERT INTO import_rejects (import_id, line, reason, detail, row)
                SELECT :import, line, 'duplicate', 'Already in this campaign.', row
                FROM staged_recipients s
                WHERE NOT EXISTS (SELECT 1 FROM stored WHERE stored.dedupe_key = s.dedupe_key)
            )
            SELECT count(*), count(*) FILTER (WHERE status = 'blocked') FROM stored
        """),
        {"campaign": campaign_id, "import": import_id},
    ).one()
    return Stored(imported=row[0], opted_out=row[1])


def _copy(session: Session, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    raw = cast(psycopg.Connection, session.connection().connection.driver_connection)
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
