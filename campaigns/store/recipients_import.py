"""Recipients from a file: copied into a staging table, then stored in two set-based statements."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple, cast

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.compliance import PostalAddress

# Made once: `json.dumps` makes an encoder for every row.
_encode = json.JSONEncoder(ensure_ascii=False).encode


class StagedRecipient(NamedTuple):
    """A row of the staging table, in the order of its columns."""

    line: int
    dedupe_key: str
    numbers: str
    fields: str
    zone: str | None
    address: str | None
    zone_key: int | None
    status: str
    reason: str | None
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    stage: int
    appointment_key: str | None
    row: str


@dataclass(frozen=True, slots=True)
class StagedPerson:
    """A person without a file, by their place among those who came together."""

    place: int
    dedupe_key: str
    numbers: list[str]
    fields: dict[str, str]
    zone: str | None
    address: dict[str, str] | None
    zone_key: int | None
    status: str
    reason: str | None
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    appointment_at: datetime | None
    stage: int
    appointment_key: str | None


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A recipient behind a key; `place` is set for one who was stored just now."""

    id: int
    status: str
    place: int | None


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
    return _encode(fields)


def object_of_address(address: PostalAddress | None) -> str | None:
    """An address as JSON; None when nothing is known of it."""
    parts = address.as_json() if address is not None else None
    return _encode(parts) if parts else None


def create_staging_table(session: Session) -> None:
    """A table of this transaction alone, gone at its end. Keys compare by bytes, which is fast."""
    session.execute(
        text("""
            CREATE TEMP TABLE staged_recipients (
                line bigint, dedupe_key text COLLATE "C", numbers text[], fields jsonb, zone text,
                address jsonb, zone_key integer, status text, reason text,
                next_attempt_at timestamptz, deadline_at timestamptz, appointment_at timestamptz,
                stage smallint, appointment_key text COLLATE "C", row text
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


def drop_repeats_within_file(session: Session) -> int:
    """Keep the first staged row of every key; returns how many are left."""
    session.execute(text("ANALYZE staged_recipients"))
    session.execute(
        text("""
            DELETE FROM staged_recipients s USING (
                SELECT line, min(line) OVER (PARTITION BY dedupe_key) AS first_line
                FROM staged_recipients
            ) r WHERE s.line = r.line AND r.first_line < r.line
        """)
    )
    return int(session.execute(text("SELECT count(*) FROM staged_recipients")).scalar_one())


def store_staged_recipients(session: Session, import_id: int, campaign_id: int) -> Stored:
    """Make recipients of the staged rows, in the order of the file.

    Who is in the campaign already stays as they are, and the row becomes a reject. A recipient
    with an opted-out number, whichever it is, is stored as blocked.
    """
    row = session.execute(
        text("""
            WITH named AS (
                SELECT s.line FROM staged_recipients s
                CROSS JOIN LATERAL unnest(s.numbers) AS n (number)
                JOIN opt_outs o ON o.number = n.number
            ), marked AS MATERIALIZED (  -- each column below asks whether somebody opted out
                SELECT s.*, CASE
                    -- The question costs as much as storing the row, and hardly anybody is named.
                    WHEN EXISTS (SELECT 1 FROM opt_outs WHERE is_prefix)
                        OR s.line IN (SELECT line FROM named)
                    THEN opted_out(s.numbers, :campaign, statement_timestamp())
                    ELSE false END AS opted_out
                FROM staged_recipients s
            ), stored AS (
                INSERT INTO recipients (
                    campaign_id, import_id, import_line, dedupe_key, numbers, fields, zone, address,
                    zone_key, status, reason, next_attempt_at, deadline_at, appointment_at, stage,
                    appointment_key
                )
                SELECT :campaign, :import, line, dedupe_key, numbers, fields, zone, address,
                    zone_key,
                    CASE WHEN opted_out THEN 'blocked' ELSE status END,
                    CASE WHEN opted_out THEN 'opted out' ELSE reason END,
                    CASE WHEN opted_out THEN NULL ELSE next_attempt_at END,
                    deadline_at, appointment_at, stage, appointment_key
                FROM marked ORDER BY line
                ON CONFLICT DO NOTHING
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


def store_persons(
    session: Session, campaign_id: int, persons: Sequence[StagedPerson], now: datetime
) -> dict[str, StoredPerson]:
    """Make recipients of people, each key once; returns who is behind each key now.

    Who is in the campaign already stays as they are. A recipient with an opted-out number,
    whichever it is, is stored as blocked.
    """
    if not persons:
        return {}
    stored = session.execute(
        text("""
            WITH staged AS (
                SELECT p.*, ARRAY(SELECT jsonb_array_elements_text(p.numbers)) AS called
                FROM jsonb_to_recordset(CAST(:persons AS jsonb)) AS p (
                    place integer, dedupe_key text, numbers jsonb, fields jsonb, zone text,
                    address jsonb, zone_key integer, status text, reason text,
                    next_attempt_at timestamptz, deadline_at timestamptz,
                    appointment_at timestamptz, stage smallint, appointment_key text
                )
            ), marked AS (
                SELECT *, opted_out(called, :campaign, :now) AS opted_out FROM staged
            )
            INSERT INTO recipients (
                campaign_id, dedupe_key, numbers, fields, zone, address, zone_key, status,
                reason, next_attempt_at, deadline_at, appointment_at, stage, appointment_key
            )
            SELECT :campaign, dedupe_key, called, fields, zone, nullif(address, 'null'), zone_key,
                CASE WHEN opted_out THEN 'blocked' ELSE status END,
                CASE WHEN opted_out THEN 'opted out' ELSE reason END,
                CASE WHEN opted_out THEN NULL ELSE next_attempt_at END,
                deadline_at, appointment_at, stage, appointment_key
            FROM marked ORDER BY place
            ON CONFLICT (campaign_id, dedupe_key) DO NOTHING
            RETURNING dedupe_key, id, status
        """),
        {
            "campaign": campaign_id,
            "now": now,
            "persons": json.dumps([asdict(person) for person in persons], default=str),
        },
    )
    places = {person.dedupe_key: person.place for person in persons}
    found = {row[0]: StoredPerson(row[1], row[2], places[row[0]]) for row in stored}
    known = session.execute(
        text("""
            SELECT dedupe_key, id, status FROM recipients
            WHERE campaign_id = :campaign AND dedupe_key = ANY (:keys)
        """),
        {"campaign": campaign_id, "keys": [key for key in places if key not in found]},
    )
    return found | {row[0]: StoredPerson(row[1], row[2], None) for row in known}


def count_recently_called(
    session: Session, import_id: int, campaign_id: int, since: datetime
) -> int:
    """How many recipients of an import were called after `since`, on any of their numbers and in
    any campaign. Attempts of which no call came do not count."""
    count: int = session.execute(
        text("""
            SELECT count(DISTINCT r.id) FROM recipients r
            CROSS JOIN LATERAL unnest(r.numbers) AS n (number)
            JOIN attempts a
              ON a.number = n.number AND a.ended_at > :since AND a.status = 'ended'
            WHERE r.campaign_id = :campaign AND r.import_id = :import
        """),
        {"campaign": campaign_id, "import": import_id, "since": since},
    ).scalar_one()
    return count


def count_called_of_import(session: Session, campaign_id: int, import_id: int) -> int:
    """How many recipients of an import have an attempt, whatever became of it."""
    count: int = session.execute(
        text("""
            SELECT count(*) FROM recipients r
            WHERE r.campaign_id = :campaign AND r.import_id = :import
              AND EXISTS (SELECT 1 FROM attempts a WHERE a.recipient_id = r.id)
        """),
        {"campaign": campaign_id, "import": import_id},
    ).scalar_one()
    return count


def lock_recipients_of_import(session: Session, campaign_id: int, import_id: int) -> None:
    """Keep the tick from taking any recipient of an import, until the transaction ends."""
    session.execute(
        text("""
            SELECT count(*) FROM (
                SELECT id FROM recipients
                WHERE campaign_id = :campaign AND import_id = :import ORDER BY id FOR UPDATE
            ) locked
        """),
        {"campaign": campaign_id, "import": import_id},
    )


def delete_recipients_of_import(session: Session, campaign_id: int, import_id: int) -> int:
    """Remove the recipients of an import; returns how many there were."""
    return cast(
        int,
        session.execute(
            text("""
                WITH gone AS (
                    DELETE FROM recipients
                    WHERE campaign_id = :campaign AND import_id = :import RETURNING id
                )
                SELECT count(*) FROM gone
            """),
            {"campaign": campaign_id, "import": import_id},
        ).scalar_one(),
    )


def _copy(session: Session, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    raw = cast(psycopg.Connection, session.connection().connection.driver_connection)
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
