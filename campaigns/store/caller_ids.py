"""The numbers that campaigns show: which may be shown now, and which was shown to whom."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

# How many calls a caller id has left today is counted from the rows this often, in seconds.
# In between it only shrinks, so the limit holds at every instant; what has become free since is
# used up to a minute late.
COUNT_EVERY = 60.0
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A caller id that a campaign may show, locked. `day_left` None: no limit of calls a day."""

    campaign_id: int
    id: int
    number: str
    cps: float | None
    next_free: datetime | None
    last_slot_at: datetime | None
    day_left: int | None
    day_counted_at: datetime | None


def lock_pool(
    session: Session, campaign_ids: Sequence[int], now: datetime, time_scale: float
) -> list[PoolEntry]:
    """The caller ids that these campaigns may show now, each campaign's first one first.

    One that is being paused or changed at this instant is left out of the tick.
    """
    rows = session.execute(
        text("""
            WITH pool AS (
                SELECT id AS campaign_id, caller_id_id, 0 AS place FROM campaigns
                WHERE id = ANY (:ids)
                UNION ALL
                SELECT p.campaign_id, p.caller_id_id, 1 FROM campaign_caller_ids p
                JOIN campaigns c ON c.id = p.campaign_id AND c.caller_id_id <> p.caller_id_id
                WHERE p.campaign_id = ANY (:ids)
            ), mine AS (
                SELECT * FROM caller_ids
                WHERE id IN (SELECT caller_id_id FROM pool) AND status = 'active'
                ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
            ), known AS (
                SELECT f.*, f.max_per_day IS NULL OR (f.day_left IS NOT NULL
                    AND f.day_counted_at > :stale AND f.day_counted_at <= :now) AS fresh
                FROM mine f
            ), counted AS (
                SELECT f.id, f.number, f.cps, f.next_free, f.last_slot_at,
                    CASE WHEN f.max_per_day IS NULL THEN NULL
                         WHEN f.fresh THEN f.day_left
                         ELSE f.max_per_day - (
                            SELECT count(*) FROM attempts a
                            WHERE a.caller_id_id = f.id AND a.slot_at > :since
                              AND a.status <> 'cancelled') END AS day_left,
                    CASE WHEN f.fresh THEN f.day_counted_at ELSE :now END AS day_counted_at
                FROM known f
            )
            SELECT p.campaign_id, n.* FROM pool p JOIN counted n ON n.id = p.caller_id_id
            ORDER BY p.campaign_id, p.place, n.id
        """),
        {
            "ids": list(campaign_ids),
            "now": now,
            "stale": now - timedelta(seconds=COUNT_EVERY * time_scale),
            "since": now - timedelta(seconds=DAY_SECONDS * time_scale),
        },
    )
    return [PoolEntry(*row) for row in rows]


def save_pool(session: Session, used: Collection[PoolEntry]) -> None:
    """What the tick has learned and given of caller ids."""
    if not used:
        return
    session.execute(
        text("""
            UPDATE caller_ids f SET next_free = u.next_free, last_slot_at = u.last_slot_at,
                day_left = u.day_left, day_counted_at = u.day_counted_at
            FROM unnest(CAST(:ids AS bigint[]), CAST(:free AS timestamptz[]),
                        CAST(:last AS timestamptz[]), CAST(:left AS integer[]),
                        CAST(:counted AS timestamptz[]))
                AS u (id, next_free, last_slot_at, day_left, day_counted_at)
            WHERE f.id = u.id
        """),
        {
            "ids": [one.id for one in used],
            "free": [one.next_free for one in used],
            "last": [one.last_slot_at for one in used],
            "left": [one.day_left for one in used],
            "counted": [one.day_counted_at for one in used],
        },
    )


def last_shown(session: Session, recipient_ids: Sequence[int]) -> dict[int, int]:
    """Which caller id the latest call to each of them showed: people call that one back."""
    rows = session.execute(
        text("""
            SELECT DISTINCT ON (recipient_id) recipient_id, caller_id_id FROM attempts
            WHERE recipient_id = ANY (:ids) AND status <> 'cancelled'
            ORDER BY recipient_id, n DESC
        """),
        {"ids": list(recipient_ids)},
    )
    return {row[0]: row[1] for row in rows}


def stop_caller_id(
    session: Session, caller_id_id: int, reason: str, *, by_itself: bool
) -> int | None:
    """Pause a caller id; returns its account, or None when it was paused before. Hold the gate."""
    return session.execute(
        text("""
            UPDATE caller_ids
            SET status = 'paused', status_reason = :reason, paused_itself = :by_itself
            WHERE id = :id AND status = 'active' RETURNING account_id
        """),
        {"id": caller_id_id, "reason": reason, "by_itself": by_itself},
    ).scalar_one_or_none()


def restart_caller_id(session: Session, caller_id_id: int, now: datetime) -> bool:
    """Let a caller id be shown again; its calls so far are not held against it any more."""
    return bool(
        session.execute(
            text("""
                UPDATE caller_ids SET status = 'active', status_reason = NULL,
                    paused_itself = false, judged_from = :now
                WHERE id = :id AND status = 'paused' RETURNING true
            """),
            {"id": caller_id_id, "now": now},
        ).scalar_one_or_none()
    )


def set_pool(session: Session, campaign_id: int, caller_id_ids: Sequence[int]) -> None:
    """The further caller ids that a campaign may show, beside its first one."""
    session.execute(
        text("""
            DELETE FROM campaign_caller_ids
            WHERE campaign_id = :campaign AND NOT (caller_id_id = ANY (:ids))
        """),
        {"campaign": campaign_id, "ids": list(caller_id_ids)},
    )
    session.execute(
        text("""
            INSERT INTO campaign_caller_ids (campaign_id, caller_id_id)
            SELECT :campaign, unnest(CAST(:ids AS bigint[])) ON CONFLICT DO NOTHING
        """),
        {"campaign": campaign_id, "ids": list(caller_id_ids)},
    )


def copy_pool(session: Session, source_id: int, copy_id: int) -> None:
    """Let a copy of a campaign show the same numbers."""
    session.execute(
        text("""
            INSERT INTO campaign_caller_ids (campaign_id, caller_id_id)
            SELECT :copy, caller_id_id FROM campaign_caller_ids WHERE campaign_id = :source
            ON CONFLICT DO NOTHING
        """),
        {"copy": copy_id, "source": source_id},
    )


def numbers_of_campaign(session: Session, campaign_id: int) -> list[str]:
    """The numbers a campaign may show, its first one first."""
    rows = session.execute(
        text("""
            SELECT f.number FROM caller_ids f JOIN campaigns c ON c.id = :id
            WHERE f.id = c.caller_id_id OR f.id IN (
                SELECT caller_id_id FROM campaign_caller_ids WHERE campaign_id = :id)
            ORDER BY f.id <> c.caller_id_id, f.id
        """),
        {"id": campaign_id},
    )
    return [row[0] for row in rows]
