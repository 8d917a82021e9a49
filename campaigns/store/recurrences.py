"""Recurrences: which are due, how their firings go, and whom earlier firings have taken on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from campaigns.models import Recurrence, RecurrenceFiring
from campaigns.store import caller_ids

# Advisory locks in pairs (one of these, a number), as those of imports.
_FIRING_LOCK = 7420007
_REMINDED_LOCK = 7420008
_AT_ONCE = 50


def find_recurrence(
    session: Session, recurrence_id: int, *, lock: bool = False
) -> Recurrence | None:
    """The recurrence as it is in the database now, perhaps locked."""
    return session.get(
        Recurrence,
        recurrence_id,
        with_for_update={"key_share": True} if lock else None,
        populate_existing=True,
    )


def find_live_recurrence_of(session: Session, campaign_id: int) -> Recurrence | None:
    """The recurrence of a campaign that has not ended."""
    return session.scalars(
        select(Recurrence).where(
            Recurrence.campaign_id == campaign_id, Recurrence.status != "ended"
        )
    ).one_or_none()


def list_recurrences(
    session: Session, before: int | None, limit: int, campaign_id: int | None
) -> list[Recurrence]:
    """Recurrences, newest first; `before` is the last one seen."""
    wanted = select(Recurrence).order_by(Recurrence.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(Recurrence.id < before)
    if campaign_id is not None:
        wanted = wanted.where(Recurrence.campaign_id == campaign_id)
    return list(session.scalars(wanted))


def list_firings(
    session: Session, recurrence_id: int, before: datetime | None, limit: int
) -> list[RecurrenceFiring]:
    """Firings of a recurrence, the latest first; `before` is when the last one seen was due."""
    wanted = (
        select(RecurrenceFiring)
        .where(RecurrenceFiring.recurrence_id == recurrence_id)
        .order_by(RecurrenceFiring.due_at.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(RecurrenceFiring.due_at < before)
    return list(session.scalars(wanted))


def recurrence_of_child(session: Session, campaign_id: int) -> int | None:
    """The recurrence that made this campaign."""
    return session.execute(
        text("SELECT recurrence_id FROM recurrence_firings WHERE campaign_id = :id LIMIT 1"),
        {"id": campaign_id},
    ).scalar_one_or_none()


def lock_due_recurrences(session: Session, now: datetime) -> list[Recurrence]:
    """Active recurrences whose next firing is due; one that somebody changes waits its turn."""
    return list(
        session.scalars(
            select(Recurrence)
            .where(Recurrence.status == "active", Recurrence.next_at <= now)
            .order_by(Recurrence.next_at)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True, key_share=True)
        )
    )


def insert_firing(
    session: Session,
    recurrence_id: int,
    key: str,
    due_at: datetime,
    now: datetime,
    *,
    missed: str | None,
) -> bool:
    """Note a firing, to be carried out or (with the reason) missed; False when it is noted."""
    found = session.execute(
        text("""
            INSERT INTO recurrence_firings (
                recurrence_id, fire_key, due_at, status, reason, next_try_at, finished_at
            ) VALUES (
                :recurrence, :key, :due_at,
                CASE WHEN CAST(:missed AS text) IS NULL THEN 'waiting' ELSE 'missed' END, :missed,
                CASE WHEN CAST(:missed AS text) IS NULL THEN CAST(:now AS timestamptz) END,
                CASE WHEN CAST(:missed AS text) IS NOT NULL THEN CAST(:now AS timestamptz) END
            )
            ON CONFLICT (recurrence_id, fire_key) DO NOTHING RETURNING id
        """),
        {
            "recurrence": recurrence_id,
            "key": key,
            "due_at": due_at,
            "missed": missed,
            "now": now,
        },
    )
    return found.scalar_one_or_none() is not None


def firings_to_hint(session: Session, now: datetime) -> list[int]:
    """Firings to be carried out that no worker was told of, or began, in the last minute.

    They count as told from now on. Telling twice does no harm: only one process tries a firing.
    """
    rows = session.execute(
        text("""
            UPDATE recurrence_firings SET claimed_at = :now
            WHERE next_try_at <= :now
              AND (claimed_at IS NULL OR claimed_at < CAST(:now AS timestamptz)
                    - interval '60 seconds')
            RETURNING id
        """),
        {"now": now},
    )
    return sorted(row[0] for row in rows)


@contextmanager
def alone_with_firing(engine: Engine, firing_id: int) -> Iterator[bool]:
    """Whether this process is the only one at work on a firing, for as long as the block runs.

    A lock of a connection without a transaction: it goes with the connection of a process that
    was killed, and holds up nothing meanwhile.
    """
    lock = {"kind": _FIRING_LOCK, "id": firing_id}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        held = connection.execute(
            text("SELECT pg_try_advisory_lock(:kind, CAST(:id % 2147483647 AS integer))"), lock
        ).scalar_one()
        try:
            yield bool(held)
        finally:
            if held:
                connection.execute(
                    text("SELECT pg_advisory_unlock(:kind, CAST(:id % 2147483647 AS integer))"),
                    lock,
                )


def begin_firing(session: Session, firing_id: int, now: datetime) -> RecurrenceFiring | None:
    """The firing, tried once more from now on; None when it is not to be tried (any more)."""
    found = session.execute(
        text("""
            UPDATE recurrence_firings
            SET status = 'running', claimed_at = :now, tries = tries + 1
            WHERE id = :id AND status IN ('waiting', 'running') AND next_try_at <= :now
            RETURNING id
        """),
        {"id": firing_id, "now": now},
    ).scalar_one_or_none()
    if found is None:
        return None
    return session.get_one(RecurrenceFiring, firing_id, populate_existing=True)


def put_off_firing(session: Session, firing_id: int, reason: str, at: datetime) -> None:
    """Try a firing again at `at`."""
    session.execute(
        text("""
            UPDATE recurrence_firings
            SET status = 'waiting', reason = :reason, next_try_at = :at, claimed_at = NULL
            WHERE id = :id AND finished_at IS NULL
        """),
        {"id": firing_id, "reason": reason, "at": at},
    )


def finish_firing(
    session: Session,
    firing_id: int,
    status: str,
    reason: str | None,
    now: datetime,
    *,
    sha256: str | None = None,
) -> None:
    """A firing is over: started, skipped or failed; `sha256` is what it read."""
    session.execute(
        text("""
            UPDATE recurrence_firings
            SET status = :status, reason = :reason, next_try_at = NULL, finished_at = :now,
                file_sha256 = coalesce(:sha256, file_sha256)
            WHERE id = :id AND finished_at IS NULL
        """),
        {"id": firing_id, "status": status, "reason": reason, "now": now, "sha256": sha256},
    )


def is_open(session: Session, firing_id: int) -> bool:
    """Whether a firing is still to be carried out."""
    return bool(
        session.execute(
            text("SELECT finished_at IS NULL FROM recurrence_firings WHERE id = :id"),
            {"id": firing_id},
        ).scalar_one_or_none()
    )


def drop_open_firings(session: Session, recurrence_id: int, reason: str, now: datetime) -> None:
    """Firings that have not started a campaign yet never do."""
    session.execute(
        text("""
            UPDATE recurrence_firings
            SET status = 'skipped', reason = :reason, next_try_at = NULL, finished_at = :now
            WHERE recurrence_id = :id AND finished_at IS NULL
        """),
        {"id": recurrence_id, "reason": reason, "now": now},
    )


def children_never_started(session: Session, recurrence_id: int) -> list[int]:
    """Drafts that were left behind by firings that are over."""
    rows = session.execute(
        text("""
            SELECT c.id FROM recurrence_firings f JOIN campaigns c ON c.id = f.campaign_id
            WHERE f.recurrence_id = :id AND f.finished_at IS NOT NULL AND c.status = 'draft'
            ORDER BY c.id
        """),
        {"id": recurrence_id},
    )
    return [row[0] for row in rows]


def note_what_was_read(
    session: Session, firing_id: int, *, campaign_id: int, import_id: int, sha256: str
) -> None:
    """Keep what a firing has made, so that whoever goes on with it goes on there."""
    session.execute(
        text("""
            UPDATE recurrence_firings
            SET campaign_id = :campaign, import_id = :import, file_sha256 = :sha256
            WHERE id = :id
        """),
        {"id": firing_id, "campaign": campaign_id, "import": import_id, "sha256": sha256},
    )


def last_content(session: Session, recurrence_id: int, before: datetime) -> str | None:
    """What the last firing before had read, in one that started or had nothing to start."""
    return session.execute(
        text("""
            SELECT file_sha256 FROM recurrence_firings
            WHERE recurrence_id = :id AND due_at < :before AND file_sha256 IS NOT NULL
              AND status IN ('started', 'skipped')
            ORDER BY due_at DESC LIMIT 1
        """),
        {"id": recurrence_id, "before": before},
    ).scalar_one_or_none()


def set_problem(session: Session, recurrence_id: int, problem: str | None) -> None:
    """Why the last firing failed; None when it did not."""
    session.execute(
        text("""
            UPDATE recurrences SET problem = :problem
            WHERE id = :id AND problem IS DISTINCT FROM :problem
        """),
        {"id": recurrence_id, "problem": problem},
    )


def reject_who_is_reminded_already(session: Session, import_id: int, campaign_id: int) -> int:
    """Of the staged rows, refuse those whose appointment an earlier child campaign took on.

    Only in a campaign that a recurrence has made. Whoever was still waiting in a campaign that
    was stopped is not refused. Returns how many were. To be called in the import's transaction,
    before the rows are stored; `note_who_is_reminded` after that.
    """
    recurrence_id = recurrence_of_child(session, campaign_id)
    if recurrence_id is None:
        return 0
    # Two children that store at once would not see each other's people.
    session.execute(
        text("SELECT pg_advisory_xact_lock(:kind, CAST(:id % 2147483647 AS integer))"),
        {"kind": _REMINDED_LOCK, "id": recurrence_id},
    )
    result = session.execute(
        text("""
            WITH known AS (
                SELECT DISTINCT ON (s.line) s.line, s.row, c.id AS campaign_id
                FROM staged_recipients s
                CROSS JOIN LATERAL unnest(s.numbers) AS n (number)
                JOIN reminded_appointments m ON m.recurrence_id = :recurrence
                    AND m.number = n.number AND m.appointment_at = s.appointment_at
                JOIN recipients r ON r.id = m.recipient_id
                JOIN campaigns c ON c.id = r.campaign_id
                WHERE c.id <> :campaign AND NOT (r.status = 'pending' AND c.status = 'stopped')
                ORDER BY s.line, c.id DESC
            ), refused AS (
                DELETE FROM staged_recipients s USING known k WHERE s.line = k.line
            )
            INSERT INTO import_rejects (import_id, line, reason, detail, row)
            SELECT :import, line, 'duplicate',
                format('Reminded of this appointment by campaign %s.', campaign_id), row
            FROM known RETURNING line
        """),
        {"recurrence": recurrence_id, "campaign": campaign_id, "import": import_id},
    )
    return len(result.all())


def note_who_is_reminded(session: Session, import_id: int, campaign_id: int) -> None:
    """Take on the appointments of those whom an import has stored, by all their numbers."""
    _note_reminded(session, campaign_id, "r.import_id = :import", {"import": import_id})


def note_these_are_reminded(session: Session, campaign_id: int, ids: Sequence[int]) -> None:
    """Take on the appointments of recipients who were added or changed by hand; what is known of
    them stays, since their list may still say it."""
    _note_reminded(session, campaign_id, "r.id = ANY (:ids)", {"ids": list(ids)})


def _note_reminded(
    session: Session, campaign_id: int, which: str, values: Mapping[str, Any]
) -> None:
    recurrence_id = recurrence_of_child(session, campaign_id)
    if recurrence_id is None:
        return
    session.execute(
        text(f"""
            INSERT INTO reminded_appointments (recurrence_id, number, appointment_at, recipient_id)
            SELECT DISTINCT CAST(:recurrence AS bigint), n.number, r.appointment_at, r.id
            FROM recipients r CROSS JOIN LATERAL unnest(r.numbers) AS n (number)
            WHERE r.campaign_id = :campaign AND {which} AND r.appointment_at IS NOT NULL
            ON CONFLICT DO NOTHING
        """),
        {"recurrence": recurrence_id, "campaign": campaign_id, **values},
    )


def forget_past_appointments(session: Session, before: datetime) -> None:
    """Nobody is reminded of what is past; a few thousand rows at a time."""
    session.execute(
        text("""
            DELETE FROM reminded_appointments m USING (
                SELECT recurrence_id, number, appointment_at, recipient_id
                FROM reminded_appointments WHERE appointment_at < :before LIMIT 5000
            ) old
            WHERE m.recurrence_id = old.recurrence_id AND m.number = old.number
              AND m.appointment_at = old.appointment_at AND m.recipient_id = old.recipient_id
        """),
        {"before": before},
    )


def copy_campaign(session: Session, campaign_id: int, changes: Mapping[str, Any]) -> int:
    """A new draft of the same family, with a campaign's settings and the same version of its
    flow."""
    columns: Sequence[str] = (
        *("kind", "account_id", "caller_id_id", "flow_id", "rule_set", "windows", "max_cps"),
        *("weight", "ring_timeout", "retry_policy", "reminder", "default_country", "draft"),
        *("household", "ramp", "local_presence", "purpose", "voice", "subject"),
    )
    names = ", ".join(columns)
    copy = int(
        session.execute(
            text(f"""
                INSERT INTO campaigns (name, ends_at, family_id, {names})
                SELECT :name, coalesce(CAST(:ends_at AS timestamptz), ends_at), family_id, {names}
                FROM campaigns WHERE id = :id RETURNING id
            """),
            {"id": campaign_id, **changes},
        ).scalar_one()
    )
    caller_ids.copy_pool(session, campaign_id, copy)
    return copy
