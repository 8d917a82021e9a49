"""People whose zone key does not say which country's rules bind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Somebody who waits under a key of zones alone, locked."""

    id: int
    numbers: list[str]
    number_index: int
    zone: str | None
    address: dict[str, Any] | None


def people_without_a_place(session: Session, limit: int) -> list[Unplaced]:
    """Some of those who wait under a key without a country; asked per campaign and key."""
    rows = session.execute(
        text("""
            SELECT r.id, r.numbers, r.number_index, r.zone, r.address
            FROM (SELECT id FROM zone_keys WHERE country IS NULL) k
            CROSS JOIN (
                SELECT id FROM campaigns
                WHERE status IN ('draft', 'scheduled', 'running', 'paused')
            ) c
            JOIN recipients r
                ON r.campaign_id = c.id AND r.zone_key = k.id AND r.status = 'pending'
            LIMIT :limit
            FOR NO KEY UPDATE OF r SKIP LOCKED
        """),
        {"limit": limit},
    )
    return [Unplaced(*row) for row in rows]


def set_places(
    session: Session, keys: Mapping[int, int | None], otherwise: tuple[str, str], now: datetime
) -> None:
    """Give people their keys; who has none gets the status and the reason `otherwise`."""
    session.execute(
        text("""
            UPDATE recipients r SET
                zone_key = k.key,
                status = CASE WHEN k.key IS NULL THEN :status ELSE r.status END,
                reason = CASE WHEN k.key IS NULL THEN :reason ELSE r.reason END,
                next_attempt_at = CASE WHEN k.key IS NULL THEN NULL ELSE r.next_attempt_at END,
                updated_at = :now
            FROM unnest(CAST(:ids AS bigint[]), CAST(:keys AS integer[])) AS k (id, key)
            WHERE r.id = k.id
        """),
        {
            "ids": list(keys),
            "keys": list(keys.values()),
            "status": otherwise[0],
            "reason": otherwise[1],
            "now": now,
        },
    )
