"""Attempts: created by the tick, claimed by one worker, ended by evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from campaigns.pacing import Slowdown, slowed_cps


@dataclass(frozen=True, slots=True)
class PlannedAttempt:
    """An attempt about to be inserted: who, which number, which slot."""

    id: int
    recipient_id: int
    campaign_id: int
    account_id: int
    caller_id_id: int
    number: str
    slot_at: datetime
    not_after: datetime
    open_until: datetime
    rule_version: str
    consent_id: int | None = None
    gate_inputs: str | None = None  # JSON


@dataclass(frozen=True, slots=True)
class QueuedSlot:
    """What a worker needs to know to wait for an attempt's slot.

    `cps` is the rate of its account now, which may be lower than the one it was given.
    """

    id: int
    account_id: int
    slot_at: datetime
    not_after: datetime
    cps: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt this worker owns: one POST may be written for it, by nobody else, once.

    `post_at` is when to write it. `waited` is how long the claim waited inside the database for
    its locks, in seconds.
    """

    id: int
    slot_at: datetime
    not_after: datetime
    claimed_at: datetime
    post_at: datetime
    waited: float
    number: str
    caller_id: str
    account_id: int
    ring_timeout: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An attempt that made no call, with what is needed to give its recipient a next time."""

    attempt_id: int
    recipient_id: int
    account_id: int
    campaign_id: int
    reason: str


def reserve_attempt_ids(session: Session, count: int) -> list[int]:
    """`count` fresh attempt ids, so that numbers can be held before the attempts are inserted."""
    rows = session.execute(
        text(
            "SELECT nextval(pg_get_serial_sequence('attempts', 'id')) FROM generate_series(1, :n)"
        ),
        {"n": count},
    )
    return [row[0] for row in rows]


def hold_numbers(session: Session, ids: Sequence[int], numbers: Sequence[str]) -> set[int]:
    """Hold each number for its attempt; the ids returned are those that got theirs.

    A number held by another live attempt is left alone: its attempt must not be inserted.
    """
    rows = session.execute(
        text("""
            INSERT INTO attempt_numbers (attempt_id, number)
            SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS text[]))
            ON CONFLICT DO NOTHING
            RETURNING attempt_id
        """),
        {"ids": list(ids), "numbers": list(numbers)},
    )
    return {row[0] for row in rows}


def let_go_of_numbers(session: Session, ids: Sequence[int]) -> None:
    """Free the numbers of reserved attempts that are not going to be inserted."""
    session.execute(
        text("DELETE FROM attempt_numbers WHERE attempt_id = ANY (:ids)"), {"ids": list(ids)}
    )


def insert_planned_attempts(session: Session, planned: Sequence[PlannedAttempt]) -> None:
    """Insert attempts whose recipients are locked and whose numbers are held; mark them in flight.

    A conflict here would mean that a recipient already has a live attempt: it raises, and the
    whole tick is rolled back rather than one call made too many.
    """
    session.execute(
        text("""
            WITH planned AS (
                SELECT * FROM unnest(
                    CAST(:ids AS bigint[]), CAST(:recipients AS bigint[]),
                    CAST(:campaigns AS bigint[]), CAST(:accounts AS bigint[]),
                    CAST(:callers AS bigint[]), CAST(:numbers AS text[]),
                    CAST(:slots AS timestamptz[]), CAST(:not_after AS timestamptz[]),
                    CAST(:open_until AS timestamptz[]), CAST(:rules AS text[]),
                    CAST(:consents AS bigint[]), CAST(:inputs AS text[])
                ) AS p (id, recipient_id, campaign_id, account_id, caller_id_id, number,
                        slot_at, not_after, open_until, rule_version, consent_id, gate_inputs)
            ), flown AS (
                UPDATE recipients r
                SET status = 'in_flight', reason = NULL, next_attempt_at = NULL, updated_at = now()
                FROM planned p WHERE r.id = p.recipient_id AND r.status = 'pending'
                RETURNING r.id, r.stage
            )
            INSERT INTO attempts (id, recipient_id, campaign_id, account_id, caller_id_id, n,
                                  stage, number, slot_at, not_after, open_until, rule_version,
                                  consent_id, gate_inputs, served_at)
            OVERRIDING SYSTEM VALUE
            SELECT p.id, p.recipient_id, p.campaign_id, p.account_id, p.caller_id_id,
                   1 + (SELECT count(*) FROM attempts a WHERE a.recipient_id = p.recipient_id),
                   flown.stage, p.number, p.slot_at, p.not_after, p.open_until, p.rule_version,
                   p.consent_id, CAST(p.gate_inputs AS jsonb), NULL
            FROM planned p JOIN flown ON flown.id = p.recipient_id
        """),
        {
            "ids": [p.id for p in planned],
            "recipients": [p.recipient_id for p in planned],
            "campaigns": [p.campaign_id for p in planned],
            "accounts": [p.account_id for p in planned],
            "callers": [p.caller_id_id for p in planned],
            "numbers": [p.number for p in planned],
            "slots": [p.slot_at for p in planned],
            "not_after": [p.not_after for p in planned],
            "open_until": [p.open_until for p in planned],
            "rules": [p.rule_version for p in planned],
            "consents": [p.consent_id for p in planned],
            "inputs": [p.gate_inputs for p in planned],
        },
    )


def cancel_overdue_queued_attempts(
    session: Session, now: datetime, horizon: datetime, limit: int = 2000
) -> list[Cancelled]:
    """Cancel queued attempts whose time has passed, or whose slot lies impossibly far ahead.

    The second kind is left behind by a clock that stepped back. A row that a claim holds at this
    instant is skipped: the claim decides.
    """
    return _cancelled(
        session.execute(
            text("""
                WITH overdue AS (
                    SELECT id FROM attempts
                    WHERE status = 'queued' AND (not_after < :now OR slot_at > :horizon)
                    ORDER BY slot_at LIMIT :limit FOR UPDATE SKIP LOCKED
                )
                UPDATE attempts a
                SET status = 'cancelled', spent = false, ended_at = :now,
                    cancel_reason = CASE WHEN a.open_until <= :now
                                         THEN 'window_closed' ELSE 'late_slot' END
                FROM overdue WHERE a.id = overdue.id
                RETURNING a.id, a.recipient_id, a.account_id, a.campaign_id, a.cancel_reason
            """),
            {"now": now, "horizon": horizon, "limit": limit},
        ).all()
    )


def cancel_queued_attempts_of(
    session: Session,
    now: datetime,
    reason: str,
    *,
    campaign_id: int | None = None,
    account_id: int | None = None,
    caller_id_id: int | None = None,
    numbers: Sequence[str] | None = None,
    prefixes: Sequence[str] = (),
    family: bool = False,
    consents: Sequence[int] | None = None,
) -> list[Cancelled]:
    """Cancel what is queued for one campaign, account or caller id, or for some numbers.

    Hold the gate first.

    With `numbers`, also for numbers that begin with one of `prefixes`; with `family`, in every
    campaign of the family. `consents` are those on which an attempt rests.
    """
    return _cancelled(
        session.execute(
            text("""
                UPDATE attempts a
                SET status = 'cancelled', spent = false, ended_at = :now, cancel_reason = :reason
                WHERE a.status = 'queued'
                  AND (CAST(:campaign_id AS bigint) IS NULL OR a.campaign_id = :campaign_id
                       OR (:family AND a.campaign_id IN (
                            SELECT c.id FROM campaigns c JOIN campaigns one
                            ON one.family_id = c.family_id WHERE one.id = :campaign_id)))
                  AND (CAST(:account_id AS bigint) IS NULL OR a.account_id = :account_id)
                  AND (CAST(:consents AS bigint[]) IS NULL OR a.consent_id = ANY (:consents))
                  AND (CAST(:caller_id_id AS bigint) IS NULL OR a.caller_id_id = :caller_id_id)
                  AND (CAST(:numbers AS text[]) IS NULL OR EXISTS (
                        SELECT 1 FROM recipients r
                        WHERE r.id = a.recipient_id AND (
                            r.numbers && CAST(:numbers AS text[])
                            OR EXISTS (
                                SELECT 1 FROM unnest(r.numbers) AS n (number),
                                    unnest(CAST(:prefixes AS text[])) AS p (prefix)
                                WHERE starts_with(n.number, p.prefix)))))
                RETURNING a.id, a.recipient_id, a.account_id, a.campaign_id, a.cancel_reason
            """),
            {
                "now": now,
                "reason": reason,
                "campaign_id": campaign_id,
                "account_id": account_id,
                "consents": list(consents) if consents is not None else None,
                "caller_id_id": caller_id_id,
                "numbers": list(numbers) if numbers is not None else None,
                "prefixes": list(prefixes),
                "family": family,
            },
        ).all()
    )


def cancel_queued_attempts_of_recipients(
    session: Session, ids: Sequence[int], reason: str, now: datetime
) -> list[Cancelled]:
    """Cancel what is queued for some recipients. Hold the gate first."""
    return _cancelled(
        session.execute(
            text("""
                UPDATE attempts a
                SET status = 'cancelled', spent = false, ended_at = :now, cancel_reason = :reason
                WHERE a.recipient_id = ANY (:ids) AND a.status = 'queued'
                RETURNING a.id, a.recipient_id, a.account_id, a.campaign_id, a.cancel_reason
            """),
            {"ids": list(ids), "now": now, "reason": reason},
        ).all()
    )


def let_go_of_queued(
    session: Session, ids: Sequence[int], reason: str, now: datetime
) -> list[Cancelled]:
    """Cancel those of the attempts that are still queued: whoever waited for their slots leaves.

    A row that a claim holds at this instant is skipped: the claim decides.
    """
    return _cancelled(
        session.execute(
            text("""
                WITH mine AS (
                    SELECT id FROM attempts WHERE id = ANY (:ids) AND status = 'queued'
                    ORDER BY id FOR UPDATE SKIP LOCKED
                )
                UPDATE attempts a
                SET status = 'cancelled', spent = false, ended_at = :now, cancel_reason = :reason
                FROM mine WHERE a.id = mine.id
                RETURNING a.id, a.recipient_id, a.account_id, a.campaign_id, a.cancel_reason
            """),
            {"ids": list(ids), "reason": reason, "now": now},
        ).all()
    )


def cancel_claimed_attempts(
    session: Session, ids: Sequence[int], worker: str | None, reason: str, now: datetime
) -> list[Cancelled]:
    """Cancel attempts known to have placed no call.

    With `worker`, only those it still owns and has no answer for; without, whatever is still
    `dialing` and carries no sign that a call exists.
    """
    return _cancelled(
        session.execute(
            text("""
                UPDATE attempts a
                SET status = 'cancelled', spent = false, ended_at = :now, cancel_reason = :reason
                WHERE a.id = ANY (:ids) AND a.status = 'dialing' AND a.accepted_at IS NULL
                  AND a.provider_call_id IS NULL
                  AND (CAST(:worker AS text) IS NULL OR a.claimed_by = :worker)
                RETURNING a.id, a.recipient_id, a.account_id, a.campaign_id, a.cancel_reason
            """),
            {"ids": list(ids), "worker": worker, "reason": reason, "now": now},
        ).all()
    )


def _cancelled(
    rows: Sequence[tuple[int, int, int, int, str]] | Sequence[object],
) -> list[Cancelled]:
    return [Cancelled(*row) for row in rows]  # type: ignore[misc]


def load_queued_slots(connection: Connection, ids: Sequence[int]) -> list[QueuedSlot]:
    """The slots of those attempts that are still queued, in slot order."""
    rows = connection.execute(
        text("""
            SELECT a.id, a.account_id, a.slot_at, a.not_after, k.cps, k.slowed_part, k.slowed_at,
                   statement_timestamp()
            FROM attempts a JOIN accounts k ON k.id = a.account_id
            WHERE a.id = ANY (:ids) AND a.status = 'queued' ORDER BY a.slot_at
        """),
        {"ids": list(ids)},
    )
    return [
        QueuedSlot(id_, account, slot, end, slowed_cps(cps, Slowdown.of(part, at), now))
        for id_, account, slot, end, cps, part, at, now in rows
    ]


def claim_attempts(
    autocommit: Connection,
    account_id: int,
    ids: Sequence[int],
    worker: str,
    *,
    live_allowed: bool,
    period: float,
    window: float,
) -> list[Claimed]:
    """Take what may be dialled now, and learn when each call goes out.

    Calls of the account go out at least `period` seconds apart; what would go out more than
    `window` seconds from now stays queued. `autocommit` must be in autocommit (migration 0002).
    """
    rows = autocommit.execute(
        text("""
            SELECT * FROM claim_attempts(
                :account, CAST(:ids AS bigint[]), :worker, :live, :period, :window)
            ORDER BY post_at
        """),
        {
            "account": account_id,
            "ids": list(ids),
            "worker": worker,
            "live": live_allowed,
            "period": period,
            "window": window,
        },
    )
    return [Claimed(*row) for row in rows]
