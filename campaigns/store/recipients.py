"""Recipients: read when due, and always sent away with a time or a reason."""

from collections import Counter
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
    stage: int

    @property
    def number(self) -> str:
        """The number to be dialled next."""
        return self.numbers[self.number_index]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a recipient: pending again at `at`, or parked for good with a reason.

    Completed, exhausted and expired end a reminder of an appointment, not all of them: when a
    further one is of use, and the person has not answered so that it is not, they are pending
    until that one is due. `last` means that nothing follows. `first_stage` is the first reminder
    that may follow; by default the one after this.
    """

    recipient_id: int
    status: str
    reason: str
    at: datetime | None = None
    count_cancel: bool = False
    last: bool = False
    first_stage: int | None = None


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
    counted_from: datetime | None
    appointment_cancelled: bool
    answered: bool
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


# How many of the earliest deadlines are looked at to find those that are due among them.
MOST_LOOKED_AT = 500

_DUE = """
    SELECT id, next_attempt_at, deadline_at FROM recipients
    WHERE campaign_id = :campaign AND zone_key = open.zone_key AND retry = :retry
      AND status = 'pending' AND next_attempt_at <= :now
      AND id <> ALL (CAST(:skip AS bigint[]))
    ORDER BY next_attempt_at LIMIT :limit
"""
# Who is due stands in the index by that time; whose deadline is near, in another. Only when more
# are due than are wanted does the order matter, and then the early deadlines are looked at.
_DUE_BY_DEADLINE = f"""
    WITH first AS ({_DUE})
    SELECT * FROM first
    UNION
    SELECT id, next_attempt_at, deadline_at FROM (
        SELECT id, next_attempt_at, deadline_at FROM recipients
        WHERE campaign_id = :campaign AND zone_key = open.zone_key AND retry = :retry
          AND status = 'pending' AND deadline_at IS NOT NULL
          AND (SELECT count(*) FROM first) >= :limit
        ORDER BY deadline_at, next_attempt_at LIMIT {MOST_LOOKED_AT}
    ) early
    WHERE next_attempt_at <= :now AND id <> ALL (CAST(:skip AS bigint[]))
"""
_DUE_ROWS = """
    SELECT r.id, r.numbers, r.number_index, r.zone_key, r.deadline_at, r.attempts_spent, r.stage
    FROM recipients r
    WHERE r.status = 'pending' AND r.id IN (
        SELECT due.id FROM unnest(CAST(:keys AS integer[])) AS open (zone_key)
        CROSS JOIN LATERAL ({due}) due
        ORDER BY {order} LIMIT :limit
    )
    ORDER BY {order}
    FOR UPDATE SKIP LOCKED
"""
_BY_TIME = _DUE_ROWS.format(due=_DUE, order="next_attempt_at")
_BY_DEADLINE = _DUE_ROWS.format(due=_DUE_BY_DEADLINE, order="deadline_at, next_attempt_at")


def due_recipients(
    session: Session,
    campaign_id: int,
    zone_keys: Sequence[int],
    now: datetime,
    *,
    retry: bool,
    limit: int,
    skip: Sequence[int] = (),
    by_deadline: bool = False,
) -> list[DueRecipient]:
    """Lock up to `limit` due recipients, earliest first, asking the index once per open zone key.

    Earliest is who has been due for longest, or with `by_deadline` whose deadline is nearest;
    that is exact unless `MOST_LOOKED_AT` people who are not due yet have nearer deadlines still.
    `skip` are those this tick has read before.

    The inner reads take only ids; the lock re-checks the status, and what another transaction
    holds is skipped.
    """
    rows = session.execute(
        text(_BY_DEADLINE if by_deadline else _BY_TIME),
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


# What a fate (f) does to a recipient (r) when a further reminder (p) follows, and when none does.
_FOLLOWED = """
    status = CASE WHEN p.stage IS NULL THEN f.status ELSE 'pending' END,
    reason = CASE WHEN p.stage IS NULL THEN f.reason ELSE 'next_reminder' END,
    next_attempt_at = CASE WHEN p.stage IS NULL THEN f.at ELSE p.due_at END,
    deadline_at = coalesce(p.deadline_at, r.deadline_at),
    stage = coalesce(p.stage, r.stage),
    counted_from = CASE WHEN p.stage IS NULL THEN r.counted_from ELSE :now END,
    updated_at = :now
"""
_FOLLOWING = """
    LEFT JOIN LATERAL planned_stage(
        c.reminder, x.appointment_at, coalesce(f.first_stage, x.stage + 1), :now) p
        ON f.status IN ('completed', 'exhausted', 'expired') AND NOT f.last
        AND x.appointment_cancelled_at IS NULL
        AND NOT appointment_answered(x.id, x.appointment_set_at, c.reminder)
"""


def settle_recipients(session: Session, fates: Sequence[Fate], now: datetime) -> None:
    """Give each recipient its fate in one statement."""
    if not fates:
        return
    session.execute(
        text(f"""
            UPDATE recipients r
            SET {_FOLLOWED},
                attempts_spent = CASE WHEN p.stage IS NULL THEN r.attempts_spent ELSE 0 END,
                cancels_in_row = CASE WHEN p.stage IS NOT NULL THEN 0
                                      WHEN f.count_cancel THEN r.cancels_in_row + 1
                                      ELSE r.cancels_in_row END
            FROM unnest(CAST(:ids AS bigint[]), CAST(:statuses AS text[]),
                        CAST(:reasons AS text[]), CAST(:ats AS timestamptz[]),
                        CAST(:counts AS boolean[]), CAST(:lasts AS boolean[]),
                        CAST(:stages AS integer[]))
                 AS f (id, status, reason, at, count_cancel, last, first_stage)
            JOIN recipients x ON x.id = f.id
            JOIN campaigns c ON c.id = x.campaign_id
            {_FOLLOWING}
            WHERE r.id = f.id
        """),
        {
            "ids": [f.recipient_id for f in fates],
            "statuses": [f.status for f in fates],
            "reasons": [f.reason for f in fates],
            "ats": [f.at for f in fates],
            "counts": [f.count_cancel for f in fates],
            "lasts": [f.last for f in fates],
            "stages": [f.first_stage for f in fates],
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
                   r.counted_from, r.appointment_cancelled_at IS NOT NULL,
                   r.appointment_at IS NOT NULL
                       AND appointment_answered(r.id, r.appointment_set_at, c.reminder),
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
        text(f"""
            UPDATE recipients r
            SET {_FOLLOWED},
                number_index = :number_index, numbers = CAST(:numbers AS text[]),
                zone_key = coalesce(:zone_key, r.zone_key),
                attempts_spent = CASE WHEN p.stage IS NULL THEN :spent ELSE 0 END,
                cancels_in_row = 0
            FROM (SELECT CAST(:id AS bigint) AS id, CAST(:status AS text) AS status,
                         CAST(:reason AS text) AS reason, CAST(:at AS timestamptz) AS at,
                         CAST(:last AS boolean) AS last, CAST(:stage AS integer) AS first_stage) f
            JOIN recipients x ON x.id = f.id
            JOIN campaigns c ON c.id = x.campaign_id
            {_FOLLOWING}
            WHERE r.id = f.id
        """),
        {
            "id": fate.recipient_id,
            "status": fate.status,
            "reason": fate.reason,
            "at": fate.at,
            "last": fate.last,
            "stage": fate.first_stage,
            "now": now,
            "number_index": number_index,
            "numbers": list(numbers),
            "zone_key": zone_key,
            "spent": attempts_spent,
        },
    )


def turn_to_numbers(session: Session, turns: Sequence[tuple[int, int, int | None]]) -> None:
    """Let other numbers have their turn: recipient, place of the number, and the key of the zones
    it may be in."""
    session.execute(
        text("""
            UPDATE recipients r
            SET number_index = t.place, zone_key = coalesce(t.zone_key, r.zone_key)
            FROM unnest(CAST(:ids AS bigint[]), CAST(:places AS integer[]),
                        CAST(:keys AS integer[])) AS t (id, place, zone_key)
            WHERE r.id = t.id
        """),
        {
            "ids": [each[0] for each in turns],
            "places": [each[1] for each in turns],
            "keys": [each[2] for each in turns],
        },
    )


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many people of one campaign were not reached before their deadline; `again` have a
    further reminder ahead."""

    campaign_id: int
    people: int
    again: int


def expire_overdue_recipients(session: Session, now: datetime, limit: int = 5000) -> list[Overdue]:
    """Expire pending recipients of any campaign whose deadline has passed; returns how many.

    Whoever has a further reminder ahead waits for that one.
    """
    result = session.execute(
        text(f"""
            WITH f AS (
                SELECT id, 'expired' AS status, 'deadline passed' AS reason,
                       CAST(NULL AS timestamptz) AS at, false AS last,
                       CAST(NULL AS integer) AS first_stage
                FROM recipients
                WHERE status = 'pending' AND next_attempt_at IS NOT NULL AND deadline_at <= :now
                ORDER BY deadline_at LIMIT :limit FOR UPDATE SKIP LOCKED
            )
            UPDATE recipients r
            SET {_FOLLOWED},
                attempts_spent = CASE WHEN p.stage IS NULL THEN r.attempts_spent ELSE 0 END,
                cancels_in_row = CASE WHEN p.stage IS NULL THEN r.cancels_in_row ELSE 0 END
            FROM f JOIN recipients x ON x.id = f.id JOIN campaigns c ON c.id = x.campaign_id
            {_FOLLOWING}
            WHERE r.id = f.id
            RETURNING r.campaign_id, r.status = 'pending'
        """),
        {"now": now, "limit": limit},
    ).all()
    again = Counter(campaign_id for campaign_id, waits in result if waits)
    counted = Counter(campaign_id for campaign_id, _ in result)
    return [Overdue(one, counted[one], again[one]) for one in sorted(counted)]


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
