"""Recipients: read when due, and always sent away with a time or a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.compliance import Line, Place


@dataclass(frozen=True, slots=True)
class DueRecipient:
    """A pending recipient whose time has come, locked by the tick that read it."""

    id: int
    numbers: list[str]
    number_index: int
    zone_key: int
    deadline_at: datetime | None
    attempts_spent: int

    @property
    def number(self) -> str:
        """The number to be dialled next."""
        return self.numbers[self.number_index]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a recipient: pending again at `at`, or parked for good with a reason."""

    recipient_id: int
    status: str
    reason: str
    at: datetime | None = None
    count_cancel: bool = False


@dataclass(frozen=True, slots=True)
class RecipientOutcomeRow:
    """A recipient with its campaign's and account's rules, as outcomes need them."""

    id: int
    campaign_id: int
    status: str
    numbers: list[str]
    number_index: int
    zone: str | None
    deadline_at: datetime | None
    cancels_in_row: int
    retry_policy: dict[str, object]
    windows: dict[str, Any]
    rule_set: str
    purpose: str
    voice: str
    address: dict[str, object] | None
    time_scale: float
    backoff_until: datetime | None
    ends_at: datetime | None
    opted_out: bool

    @property
    def last_moment(self) -> datetime | None:
        """From when on a call is of no use, or not made any more."""
        known = [at for at in (self.deadline_at, self.ends_at) if at is not None]
        return min(known, default=None)


def due_recipients(
    session: Session,
    campaign_id: int,
    zone_keys: Sequence[int],
    now: datetime,
    *,
    retry: bool,
    limit: int,
    skip: Sequence[int] = (),
) -> list[DueRecipient]:
    """Lock up to `limit` due recipients, earliest first, asking the index once per open zone key.

    `skip` are those this tick has read before.

    The inner reads take only ids; the lock re-checks the status, and what another transaction
    holds is skipped.
    """
    rows = session.execute(
        text("""
            SELECT r.id, r.numbers, r.number_index, r.zone_key, r.deadline_at, r.attempts_spent
            FROM recipients r
            WHERE r.status = 'pending' AND r.id IN (
                SELECT due.id FROM unnest(CAST(:keys AS integer[])) AS open (zone_key)
                CROSS JOIN LATERAL (
                    SELECT id, next_attempt_at FROM recipients
                    WHERE campaign_id = :campaign AND zone_key = open.zone_key AND retry = :retry
                      AND status = 'pending' AND next_attempt_at <= :now
                      AND id <> ALL (CAST(:skip AS bigint[]))
                    ORDER BY next_attempt_at LIMIT :limit
                ) due
                ORDER BY due.next_attempt_at LIMIT :limit
            )
            ORDER BY r.next_attempt_at
            FOR UPDATE SKIP LOCKED
        """),
        {
            "keys": list(zone_keys),
            "campaign": campaign_id,
            "retry": retry,
            "now": now,
            "limit": limit,
            "skip": list(skip),
        },
    )
    return [DueRecipient(*row) for row in rows]


def settle_recipients(session: Session, fates: Sequence[Fate], now: datetime) -> None:
    """Give each recipient its fate in one statement."""
    if not fates:
        return
    session.execute(
        text("""
            UPDATE recipients r
            SET status = f.status, reason = f.reason, next_attempt_at = f.at, updated_at = :now,
                cancels_in_row = CASE WHEN f.count_cancel THEN r.cancels_in_row + 1
                                      ELSE r.cancels_in_row END
            FROM unnest(CAST(:ids AS bigint[]), CAST(:statuses AS text[]),
                        CAST(:reasons AS text[]), CAST(:ats AS timestamptz[]),
                        CAST(:counts AS boolean[])) AS f (id, status, reason, at, count_cancel)
            WHERE r.id = f.id
        """),
        {
            "ids": [f.recipient_id for f in fates],
            "statuses": [f.status for f in fates],
            "reasons": [f.reason for f in fates],
            "ats": [f.at for f in fates],
            "counts": [f.count_cancel for f in fates],
            "now": now,
        },
    )


def opted_out_recipients(session: Session, ids: Sequence[int], now: datetime) -> set[int]:
    """Those recipients of whose numbers any is opted out: who says stop on one line means it."""
    rows = session.execute(
        text("""
            SELECT r.id FROM recipients r
            WHERE r.id = ANY (:ids) AND opted_out(r.numbers, r.campaign_id, :now)
        """),
        {"ids": list(ids), "now": now},
    )
    return {row[0] for row in rows}


def recipients_for_outcome(
    session: Session, ids: Sequence[int], now: datetime
) -> list[RecipientOutcomeRow]:
    """Recipients, locked, with the rules that decide what happens to them next.

    The lock lets rows that refer to them be inserted: a key that is pressed as its call ends has
    its response stored, and waits for the very attempt that waits here.
    """
    rows = session.execute(
        text("""
            SELECT r.id, r.campaign_id, r.status, r.numbers, r.number_index, r.zone, r.deadline_at,
                   r.cancels_in_row, c.retry_policy, c.windows, c.rule_set, c.purpose,
                   c.voice, r.address, k.time_scale, k.backoff_until,
                   c.ends_at,
                   opted_out(r.numbers, r.campaign_id, :now)
            FROM recipients r
            JOIN campaigns c ON c.id = r.campaign_id
            JOIN accounts k ON k.id = c.account_id
            WHERE r.id = ANY (:ids)
            ORDER BY r.id
            FOR NO KEY UPDATE OF r
        """),
        {"ids": list(ids), "now": now},
    )
    return [RecipientOutcomeRow(*row) for row in rows]


def settle_outcome(
    session: Session,
    fate: Fate,
    now: datetime,
    *,
    number_index: int,
    numbers: Sequence[str],
    zone_key: int | None,
    attempts_spent: int,
) -> None:
    """Write the outcome of an attempt that made a call; a call breaks a row of cancels."""
    session.execute(
        text("""
            UPDATE recipients
            SET status = :status, reason = :reason, next_attempt_at = :at, updated_at = :now,
                number_index = :number_index, numbers = CAST(:numbers AS text[]),
                zone_key = coalesce(:zone_key, zone_key), attempts_spent = :spent,
                cancels_in_row = 0
            WHERE id = :id
        """),
        {
            "id": fate.recipient_id,
            "status": fate.status,
            "reason": fate.reason,
            "at": fate.at,
            "now": now,
            "number_index": number_index,
            "numbers": list(numbers),
            "zone_key": zone_key,
            "spent": attempts_spent,
        },
    )


def expire_overdue_recipients(session: Session, now: datetime, limit: int = 5000) -> int:
    """Expire pending recipients of any campaign whose deadline has passed; returns how many."""
    result = session.execute(
        text("""
            WITH overdue AS (
                SELECT id FROM recipients
                WHERE status = 'pending' AND deadline_at <= :now
                ORDER BY deadline_at LIMIT :limit FOR UPDATE SKIP LOCKED
            )
            UPDATE recipients r SET status = 'expired', reason = 'deadline passed',
                next_attempt_at = NULL, updated_at = :now
            FROM overdue WHERE r.id = overdue.id
            RETURNING r.id
        """),
        {"now": now, "limit": limit},
    )
    return len(result.all())


PLACES_SQL = "SELECT id, country, subdivisions, zones, line FROM zone_keys"


def places_by_key(session: Session) -> dict[int, Place]:
    """Every zone key with the place it stands for."""
    return {row[0]: place_of_row(*row[1:]) for row in session.execute(text(PLACES_SQL))}


def place_of_row(
    country: str | None, subdivisions: Sequence[str], zones: Sequence[str], line: str
) -> Place:
    """A place as its row has it."""
    return Place(country, tuple(subdivisions), tuple(zones), Line(line))


def zone_key_for(session: Session, place: Place) -> int:
    """The key of a place, made when it is new."""
    wanted = {
        "country": place.country,
        "subdivisions": sorted(place.subdivisions),
        "zones": sorted(place.zones),
        "line": place.line.value,
    }
    found = session.execute(
        text("""
            SELECT id FROM zone_keys
            WHERE country IS NOT DISTINCT FROM :country AND line = :line
              AND subdivisions = CAST(:subdivisions AS text[]) AND zones = CAST(:zones AS text[])
        """),
        wanted,
    ).scalar_one_or_none()
    if found is None:
        found = session.execute(
            text("""
                INSERT INTO zone_keys (country, subdivisions, zones, line)
                VALUES (:country, CAST(:subdivisions AS text[]), CAST(:zones AS text[]), :line)
                ON CONFLICT (country, subdivisions, zones, line)
                DO UPDATE SET line = EXCLUDED.line RETURNING id
            """),
            wanted,
        ).scalar_one()
    return int(found)
